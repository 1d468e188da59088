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

Precision = Literal["full", "bf16"]
Optimiser = Literal["adamw", "adamw-fused", "adamw-8bit", "muon"]

# These change how a training runs and what it writes, not what it computes.
OPERATIONAL = (
    *("out", "cache", "log", "threads", "minutes", "save_minutes", "log_every", "validate_every", "device"),
    "tensorboard",
)
# Settings that a recipe names only where they are not at their default, as recipes did before there was a choice.
SPARSE = ("size", "stride", "clip_fps", "clips_per_video", "upscale", "accumulate", "optimiser")


@dataclass(frozen=True)
class PosttuneConfig:
    """How an extension is post-tuned.

    Args:
        base: folder in diffusers' format, or a Hub id.
        out: the checkpoint to write; trainer state and log lie beside it.
        conv, positions: the extension, see `harness.exvideo.extension.ExtensionConfig`.
        policy: what is trained, see `harness.exvideo.freezing`.
        num_frames: the extended length.
        data: name of the clips, such as ``world:2000``, or a folder or manifest of videos.
        validation_clips: clips of the held-out loss.
        size, stride, clip_fps, clips_per_video, upscale: how clips are cut from videos, see
            `harness.exvideo.decoding.ClipRule`; ``size`` is (width, height), None for the base's, at most 512x512.
        cache: latent cache, shared by trainings: a file, or a folder for videos. None keeps the latents of the world
            in memory and those of videos in ``latents`` beside the checkpoint.
        steps, batch: optimiser steps; clips per step, of each process.
        accumulate: how many times ``batch`` clips make a step, one batch after the other.
        optimiser: AdamW as torch computes it tensor by tensor, ``fused`` in one kernel, or with moments of 8 bits,
            which takes bitsandbytes; or ``muon``, see `harness.exvideo.muon`.
        lr, schedule, warmup: peak learning rate, its course, and linear warm-up steps.
        weight_decay, clip_norm: of AdamW; largest norm of the whole gradient.
        ema: decay of the averaged weights that are written.
        loss: ``edm``, the corrected objective: squared error of v with weight 1, a log-normal sigma, the latents on the
            autoencoder's own scale; ``exvideo``, the published one: its weight, target, grid and scale of the latents.
        p_mean, p_std: of ln sigma (``edm``).
        augmentation: mean and deviation of the log of the conditioning image's noise; None for a clean image.
        dropout: share of clips trained without their image, for guidance.
        latent_factor: scale of the latents; None for the one of the ``loss``.
        precision: ``bf16`` autocasts the UNet (parameters and optimiser stay float32): right for GPUs, slow on CPUs
            without bfloat16 arithmetic.
        gradient_checkpointing: recompute activations in the backward pass.
        seed: of data order, noise and random tables. Every draw depends on the seed and the step alone, so variants
            with one seed see the same clips with the same noise.
        device, threads, minutes: where; CPU threads (0 for torch's choice); stop early after so many minutes.
        tensorboard: folder for TensorBoard, in addition to the log.
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
    size: tuple[int, int] | None = None
    stride: int = 1
    clip_fps: float | None = None
    clips_per_video: int = 1
    upscale: bool = False
    cache: Path | None = None
    steps: int = 3000
    batch: int = 2
    accumulate: int = 1
    optimiser: Optimiser = "adamw"
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
    precision: Precision = "full"
    gradient_checkpointing: bool = False
    seed: int = 0
    device: str = "cpu"
    threads: int = 0
    minutes: float | None = None
    save_minutes: float = 4.0
    log_every: int = 50
    validate_every: int = 500
    log: Path | None = None
    tensorboard: Path | None = None

    def __post_init__(self) -> None:
        self._require("num_frames", self.num_frames >= 2, "at least 2: one frame has no motion")
        whole = ("steps", "batch", "accumulate", "validation_clips", "log_every", "validate_every")
        for name in whole:
            self._require(name, getattr(self, name) >= 1, "at least 1")
        for name in ("lr", "clip_norm", "p_std"):
            self._require(name, getattr(self, name) > 0 and math.isfinite(getattr(self, name)), "above 0")
        for name in ("ema", "dropout"):
            self._require(name, 0 <= getattr(self, name) < 1, "0 or more, below 1")
        for name in ("warmup", "weight_decay", "threads", "seed", "save_minutes"):
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

    def recipe(self, data: str | None = None, processes: int = 1) -> dict[str, object]:
        """Everything that decides what is computed, ready for canonical JSON. The base enters by its digest.

        Args:
            data: what stands for the clips, where the path of videos does not.
            processes: how many share the training.
        """
        defaults = {field.name: field.default for field in dataclasses.fields(self)}
        values = {
            name: value
            for name, value in dataclasses.asdict(self).items()
            if name not in (*OPERATIONAL, "base") and not (name in SPARSE and value == defaults[name])
        }
        return values | ({"data": data} if data else {}) | ({"processes": processes} if processes > 1 else {})

    def fingerprint(self, base_digest: str, data: str | None = None, processes: int = 1) -> str:
        """Identity of the training: equal fingerprints continue each other.

        How the clips of a step are shared out, to batches and to processes, changes no more than rounding; they enter
        by their number alone.
        """
        together = dataclasses.replace(self, batch=self.batch * self.accumulate * processes, accumulate=1)
        return digest("posttune/1", together.recipe(data), base_digest)
