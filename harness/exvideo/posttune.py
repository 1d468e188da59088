"""Post-tuning: from a base and clips to an extension checkpoint with its whole history."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import nn

from harness.errors import Refused, UsageError
from harness.exvideo.base import Components, base_digest, load_base
from harness.exvideo.checkpoint import Header, save_checkpoint
from harness.exvideo.dataset import Latents, cached, open_source
from harness.exvideo.extension import ExtensionConfig, extend
from harness.exvideo.freezing import ParameterCount, count_parameters, freeze
from harness.exvideo.objective import HELD_OUT_SIGMAS, learning_rate
from harness.exvideo.posttune_config import PosttuneConfig
from harness.exvideo.trainer import Trainer

ENCODERS = ("vae", "image_encoder")
PACKAGES = ("exvideo-bench", "torch", "diffusers", "transformers")


@dataclass(frozen=True)
class Progress:
    """How far a post-tuning is. ``stage`` is ``encode`` (clips) or ``train`` (steps)."""

    stage: str
    done: int
    total: int
    loss: float | None = None
    lr: float | None = None
    held_out: float | None = None
    seconds: float = 0.0


Report = Callable[[Progress], None]


@dataclass(frozen=True)
class Outcome:
    """What a post-tuning left behind. ``finished`` is false where a time limit stopped it."""

    path: Path
    steps: int
    finished: bool
    held_out_start: float
    held_out_end: float


def posttune(
    config: PosttuneConfig,
    report: Report | None = None,
    command: str = "",
    should_stop: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Train an extension and write its checkpoint.

    An unfinished training leaves ``<out>.state``; calling again with the same settings continues it exactly. The log
    gets a JSON row per ``log_every`` steps, and one per held-out evaluation.

    Args:
        config: the recipe.
        report: called with every sign of progress.
        command: what the user typed, for the record.
        should_stop: asked between steps; once true, the state is saved and `KeyboardInterrupt` raised.

    Raises:
        UsageError: E-SETTINGS, E-EXTENSION, E-DATA, E-POLICY (nothing to train), E-OUTPUT.
        CannotStart: E-WEIGHTS, E-CACHE, E-CHECKPOINT.
        Refused: E-EXISTS, the checkpoint is there already; E-RESUME, the state belongs to another training.
        ItemError: E-NAN, the loss diverged.
    """
    if config.out.exists() and not config.state_path.exists():
        raise Refused(
            "E-EXISTS", "The checkpoint exists already.", where=str(config.out), fix="another --out, or delete it"
        )
    if config.threads:
        torch.set_num_threads(config.threads)
    components, base = load_base(config.base, config.device), base_digest(config.base)
    extension, parameters = _extended(config, components)
    data = cached(
        config.cache,
        open_source(config.data, config.validation_clips),
        components,
        config.num_frames,
        base_digest(config.base, ENCODERS),
        report=(lambda done, total: report(Progress("encode", done, total))) if report else None,
    )
    run = _Run(config, Trainer(config, components, parameters), data, config.fingerprint(base), report)
    run.train(should_stop)
    count = count_parameters(components.unet, config.policy)
    save_checkpoint(config.out, run.trainer.ema, Header(extension, base, _history(run, count, command)))
    finished = run.trainer.step == config.steps
    if finished:
        config.state_path.unlink(missing_ok=True)
    start, end = (run.held_out[i]["held_out"] for i in (0, -1))
    return Outcome(config.out, run.trainer.step, finished, start, end)


def _extended(config: PosttuneConfig, components: Components) -> tuple[ExtensionConfig, dict[str, nn.Parameter]]:
    """Extend the UNet in place; the extension and the parameters to train."""
    extension = ExtensionConfig.of_native(
        components.native_frames,
        num_frames=config.num_frames,
        conv=config.conv,
        positions=config.positions,
        seed=config.seed,
    )
    extend(components.unet, extension)
    parameters = freeze(components.unet, config.policy)
    if not parameters:
        why = f"policy '{config.policy}' trains nothing with conv {config.conv} and positions {config.positions}"
        raise UsageError("E-POLICY", "There is nothing to train.", why=why, fix="--policy temporal")
    if config.gradient_checkpointing:
        components.unet.enable_gradient_checkpointing()
    return extension, parameters


class _Run:
    """The loop around a trainer: when to log, to validate, to save, and to stop."""

    def __init__(
        self,
        config: PosttuneConfig,
        trainer: Trainer,
        data: dict[str, Latents],
        fingerprint: str,
        report: Report | None,
    ) -> None:
        self.config, self.trainer, self.data = config, trainer, data
        self.fingerprint, self.report = fingerprint, report
        self.held_out: list[dict[str, Any]] = []

    def train(self, should_stop: Callable[[], bool]) -> None:
        """Steps until the last one, or the time limit; `KeyboardInterrupt`, state saved, once ``should_stop``."""
        config, trainer = self.config, self.trainer
        if config.state_path.exists():
            trainer.resume(config.state_path, self.fingerprint)
        self._start_log()
        begin, before = time.monotonic(), trainer.seconds
        saved = begin
        while trainer.step < config.steps and not self._out_of_time(begin):
            if should_stop():
                trainer.save(config.state_path, self.fingerprint)
                raise KeyboardInterrupt
            trainer.advance(self.data["train"])
            trainer.seconds = before + time.monotonic() - begin
            if trainer.step % config.log_every == 0:
                self._log_loss()
            if trainer.step % config.validate_every == 0:
                self._validate()
            if time.monotonic() - saved > 60 * config.save_minutes:
                trainer.save(config.state_path, self.fingerprint)
                saved = time.monotonic()
        if trainer.step % config.log_every:
            self._log_loss()
        if trainer.step % config.validate_every:
            self._validate()
        if trainer.step < config.steps:
            trainer.save(config.state_path, self.fingerprint)

    def _out_of_time(self, begin: float) -> bool:
        limit = self.config.minutes
        return limit is not None and time.monotonic() - begin > 60 * limit

    def _start_log(self) -> None:
        """Keep the rows of steps that are done, and make sure that there is a held-out loss of step 0."""
        path = self.config.log_path
        rows = _read_rows(path) if self.trainer.step else []
        rows = [row for row in rows if row["step"] <= self.trainer.step]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        self.held_out = [row for row in rows if "held_out" in row]
        if not self.held_out:
            self._validate()

    def _log_loss(self) -> None:
        trainer = self.trainer
        rate = learning_rate(self.config, trainer.step)
        running = 0.0 if trainer.running is None else trainer.running
        self._write(
            {"step": trainer.step, "loss": running, "lr": float(f"{rate:.4g}"), "seconds": round(trainer.seconds, 1)}
        )
        self._tell(loss=running, lr=rate)

    def _validate(self) -> None:
        by_sigma = self.trainer.held_out(self.data["validation"])
        mean = sum(by_sigma) / len(by_sigma)
        self.held_out.append({"step": self.trainer.step, "held_out": mean, "by_sigma": by_sigma})
        self._write(self.held_out[-1])
        self._tell(held_out=mean)

    def _write(self, row: dict[str, Any]) -> None:
        with self.config.log_path.open("a") as file:
            file.write(json.dumps(row) + "\n")

    def _tell(self, **values: float) -> None:
        if self.report:
            trainer = self.trainer
            self.report(Progress("train", trainer.step, self.config.steps, seconds=trainer.seconds, **values))


def _read_rows(path: Path) -> Sequence[dict[str, Any]]:
    """The log's rows; a last line that a crash cut short is dropped."""
    rows = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    return rows


def _history(run: _Run, count: ParameterCount, command: str) -> dict[str, Any]:
    trainer = run.trainer
    return {
        "command": command,
        "recipe": run.config.recipe(),
        "steps": trainer.step,
        "seconds": round(trainer.seconds, 1),
        "running_loss": trainer.running,
        "held_out": {
            "sigmas": list(HELD_OUT_SIGMAS),
            "start": run.held_out[0]["by_sigma"],
            "end": run.held_out[-1]["by_sigma"],
        },
        "parameters": {"trainable": count.trainable, "new": count.new, "total": count.total},
        "device": _device_name(run.config.device),
        "versions": {name: version(name) for name in PACKAGES},
    }


def _device_name(device: str) -> str:
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(torch.device(device))
    return f"{device}, {torch.get_num_threads()} threads"
