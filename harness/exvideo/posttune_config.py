"""The settings of a post-tuning. Loads no torch, so that the command line can describe itself quickly."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from harness.errors import UsageError
from harness.keys import digest

if TYPE_CHECKING:
    from harness.exvideo.extension import Conv
    from harness.exvideo.freezing import Policy
    from harness.exvideo.positions import Positions

Loss = Literal["edm", "exvideo"]
Schedule = Literal["cosine", "constant"]

# These change how a training runs and what it writes, not what it computes.
OPERATIONAL = ("out", "cache", "log", "threads", "minutes", "save_minutes", "log_every", "validate_every", "device")


@dataclass(frozen=True)
class PosttuneConfig:
    """How an extension is post-tuned.

    Args:
        base: folder in diffusers' format, or a Hub id.
        out: the checkpoint to write; trainer state and log lie beside it.
        conv, positions: the extension, see `harness.exvideo.extension.ExtensionConfig`.
        policy: what is trained, see `harness.exvideo.freezing`.
        num_frames: the extended length.
        data: name of the clips, such as ``world:2000``.
        validation_clips: clips of the held-out loss.
        cache: latent cache file, shared by trainings; None keeps the latents in memory only.
        steps, batch: optimiser steps, clips per step.
        lr, schedule, warmup: peak learning rate, its course, and linear warm-up steps.
        weight_decay, clip_norm: of AdamW; largest norm of the whole gradient.
        ema: decay of the averaged weights that are written.
        loss: ``edm``, squared error of v under a log-normal sigma; ``exvideo``, the published objective.
        p_mean, p_std: of ln sigma (``edm``).
        augmentation: mean and deviation of the log of the conditioning image's noise; None for a clean image.
        dropout: share of clips trained without their image, for guidance.
        latent_factor: scale of the latents in place of the autoencoder's own.
        precision: ``bf16`` autocasts the UNet (parameters and optimiser stay float32): right for GPUs, slow on CPUs
            without bfloat16 arithmetic.
        gradient_checkpointing: recompute activations in the backward pass.
        seed: of data order, noise and random tables. Every draw depends on the seed and the step alone, so variants
            with one seed see the same clips with the same noise.
        device, threads, minutes: where; CPU threads (0 for torch's choice); stop early after so many minutes.
        save_minutes, log_every, validate_every, log: how often state, log rows and held-out losses are written.

    Raises:
        UsageError: E-SETTINGS, numbers that cannot be.
    """

    base: str
    out: Path
    num_frames: int
    conv: Conv = "identity"
    positions: Positions = "learn_reflect"
    policy: Policy = "temporal"
    data: str = "world:2000"
    validation_clips: int = 32
    cache: Path | None = None
    steps: int = 3000
    batch: int = 2
    lr: float = 4e-4
    schedule: Schedule = "cosine"
    warmup: int = 100
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    ema: float = 0.999
    loss: Loss = "edm"
    p_mean: float = 0.2
    p_std: float = 1.6
    augmentation: tuple[float, float] | None = (-3.5, 0.6)
    dropout: float = 0.1
    latent_factor: float | None = None
    precision: Literal["full", "bf16"] = "full"
    gradient_checkpointing: bool = False
    seed: int = 0
    device: str = "cpu"
    threads: int = 0
    minutes: float | None = None
    save_minutes: float = 4.0
    log_every: int = 50
    validate_every: int = 500
    log: Path | None = None

    def __post_init__(self) -> None:
        for name in ("num_frames", "steps", "batch", "validation_clips", "log_every", "validate_every"):
            self._require(name, getattr(self, name) >= 1, "at least 1")
        for name in ("lr", "clip_norm", "p_std"):
            self._require(name, getattr(self, name) > 0 and math.isfinite(getattr(self, name)), "above 0")
        for name in ("ema", "dropout"):
            self._require(name, 0 <= getattr(self, name) < 1, "0 or more, below 1")
        for name in ("warmup", "weight_decay", "threads", "seed"):
            self._require(name, getattr(self, name) >= 0, "0 or more")

    def _require(self, name: str, holds: bool, fix: str) -> None:
        if not holds:
            raise UsageError(
                "E-SETTINGS", "This post-tuning cannot be.", why=f"{name} is {getattr(self, name)}", fix=fix
            )

    @property
    def state_path(self) -> Path:
        """The trainer's state, there while a training is unfinished."""
        return self.out.with_name(self.out.name + ".state")

    @property
    def log_path(self) -> Path:
        """The JSON-lines log."""
        return self.log or self.out.with_suffix(".jsonl")

    def recipe(self) -> dict[str, object]:
        """Everything that decides what is computed, ready for canonical JSON. The base enters by its digest."""
        values = dataclasses.asdict(self)
        return {name: value for name, value in values.items() if name not in (*OPERATIONAL, "base")}

    def fingerprint(self, base_digest: str) -> str:
        """Identity of the training: equal fingerprints continue each other."""
        return digest("posttune/1", self.recipe(), base_digest)
