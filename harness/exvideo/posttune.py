"""Post-tuning: from a base and clips to an extension checkpoint with its whole history."""

from __future__ import annotations

import dataclasses
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
from harness.exvideo.base import Components, backbone_digest, base_digest, load_base
from harness.exvideo.checkpoint import Header, save_checkpoint
from harness.exvideo.extension import ExtensionConfig, extend
from harness.exvideo.freezing import ParameterCount, count_parameters, freeze
from harness.exvideo.objective import HELD_OUT_SIGMAS, learning_rate
from harness.exvideo.parallel import Processes, this_process
from harness.exvideo.posttune_config import PosttuneConfig
from harness.exvideo.posttune_limits import fit_to_kernels, memory_told
from harness.exvideo.scalars import Scalars
from harness.exvideo.trainer import Trainer
from harness.exvideo.training_data import TrainingData, open_training_data, settled
from harness.spool import write_atomic

ENCODERS = ("vae", "image_encoder")
FIRST_STEPS = 5  # logged one by one: whoever begins the training again sees at once whether it is the same
PACKAGES = ("exvideo-bench", "torch", "diffusers", "transformers")


@dataclass(frozen=True)
class Progress:
    """How far a post-tuning is.

    ``stage`` is ``encode`` (clips, or videos), ``data`` (usable videos of all, with a note on each other one) or
    ``train`` (steps).
    """

    stage: str
    done: int
    total: int
    loss: float | None = None
    lr: float | None = None
    held_out: float | None = None
    seconds: float = 0.0
    notes: tuple[str, ...] = ()


Report = Callable[[Progress], None]


@dataclass(frozen=True)
class Outcome:
    """What a post-tuning left behind.

    ``finished`` is false where a time limit stopped it. ``speaks`` is true in one process of those that shared it.
    """

    path: Path
    steps: int
    finished: bool
    held_out_start: float
    held_out_end: float
    speaks: bool = True


def posttune(
    config: PosttuneConfig,
    report: Report | None = None,
    command: str = "",
    should_stop: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Train an extension and write its checkpoint.

    An unfinished training leaves ``<out>.state``; calling again with the same settings continues it exactly. The log
    gets a JSON row for each of the first five steps, one per ``log_every`` steps, and one per held-out evaluation.
    Started by ``accelerate launch``, several processes share the work; the first one writes and reports.

    Args:
        config: the recipe.
        report: called with every sign of progress.
        command: what the user typed, for the record.
        should_stop: asked between clips that are encoded and between steps; once true, the state of a training that has
            begun is saved and `KeyboardInterrupt` raised.

    Raises:
        UsageError: E-SETTINGS, E-EXTENSION, E-DATA, E-SIZE, E-POLICY (nothing to train), E-OUTPUT.
        CannotStart: E-WEIGHTS, E-NO-GPU, E-CACHE, E-CHECKPOINT, E-EXTRA, E-MEMORY.
        Refused: E-EXISTS, the checkpoint is there already; E-RESUME, the state belongs to another training.
        ItemError: E-NAN, the loss diverged.
    """
    if config.out.exists() and not config.state_path.exists():
        raise Refused(
            "E-EXISTS", "The checkpoint exists already.", where=str(config.out), fix="another --out, or delete it"
        )
    processes = this_process(config.precision, config.optimiser)
    if processes.rank:
        report = None
    if processes.device is not None:
        config = dataclasses.replace(config, device=str(processes.device))
    if config.threads:
        torch.set_num_threads(config.threads)
    with memory_told(config, "load"):
        components, base = load_base(config.base, config.device), base_digest(config.base)
        backbone = backbone_digest(config.base)  # now, not at the end: of the files that were loaded
        config = settled(config, components)
        extension, parameters = _extended(config, components)
    fit_to_kernels(config, components)
    with memory_told(config, "encode"):
        data = _opened(config, components, processes, report, should_stop)
    with memory_told(config, "train"):
        trainer = Trainer(config, components, parameters, processes)
        run = _Run(config, trainer, data, config.fingerprint(base, data.name, processes.count), report)
        run.train(should_stop)
    count = count_parameters(components.unet, config.policy)
    finished = trainer.step == config.steps
    averages = trainer.averages()
    if processes.rank == 0:
        save_checkpoint(config.out, averages, Header(extension, backbone, _history(run, count, command)))
        if finished:
            config.state_path.unlink(missing_ok=True)
    processes.end()
    start, end = (run.held_out[i]["held_out"] for i in (0, -1))
    return Outcome(config.out, trainer.step, finished, start, end, speaks=processes.rank == 0)


def _opened(
    config: PosttuneConfig,
    components: Components,
    processes: Processes,
    report: Report | None,
    should_stop: Callable[[], bool],
) -> TrainingData:
    """The clips, and what is to be said about videos that are none; `KeyboardInterrupt` once ``should_stop``."""

    def tell(done: int, total: int) -> None:
        if should_stop():
            raise KeyboardInterrupt
        if report:
            report(Progress("encode", done, total))

    data = open_training_data(config, components, base_digest(config.base, ENCODERS), processes, tell)
    if report and data.usable:
        notes = [f"{name}: {why}" for name, why in data.unusable.items()]
        notes += [f"{count} files of {ending} are no videos" for ending, count in sorted(data.ignored.items())]
        report(Progress("data", data.usable, data.usable + len(data.unusable), notes=tuple(notes)))
    return data


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
        data: TrainingData,
        fingerprint: str,
        report: Report | None,
    ) -> None:
        self.config, self.trainer, self.data = config, trainer, data
        self.fingerprint, self.report = fingerprint, report
        self.processes = trainer.processes
        self.held_out: list[dict[str, Any]] = []
        self.scalars: Scalars | None = None

    def train(self, should_stop: Callable[[], bool]) -> None:
        """Steps until the last one, or the time limit; `KeyboardInterrupt`, state saved, once ``should_stop``."""
        if self.config.state_path.exists():
            self.trainer.resume(self.config.state_path, self.fingerprint)
        if self.config.tensorboard is not None and self.processes.rank == 0:
            self.scalars = Scalars(self.config.tensorboard, self.trainer.step)
        try:
            self._start_log()
            self._steps(should_stop)
        finally:
            if self.scalars is not None:
                self.scalars.close()

    def _steps(self, should_stop: Callable[[], bool]) -> None:
        config, trainer, processes = self.config, self.trainer, self.processes
        begin, before = time.monotonic(), trainer.seconds
        saved = begin
        # Several processes have to leave together, since one that went on would wait for the others' gradients; and to
        # save together, since each may hold a part.
        while trainer.step < config.steps and not processes.any(self._out_of_time(begin)):
            if processes.any(should_stop()):
                self._save_together()
                raise KeyboardInterrupt
            trainer.advance(self.data.train)
            trainer.seconds = before + time.monotonic() - begin
            if self._is_logged(trainer.step):
                self._log_loss()
            if trainer.step % config.validate_every == 0:
                self._validate()
            if processes.any(time.monotonic() - saved > 60 * config.save_minutes):
                self._save()
                saved = time.monotonic()
        if not self._is_logged(trainer.step):
            self._log_loss()
        if trainer.step % config.validate_every:
            self._validate()
        if trainer.step < config.steps:
            self._save_together()

    def _is_logged(self, step: int) -> bool:
        return step <= FIRST_STEPS or step % self.config.log_every == 0

    def _save_together(self) -> None:
        """Before all leave: a process that ended first would have the launcher end the one that is still writing."""
        self._save()
        self.processes.wait()

    def _save(self) -> None:
        self.trainer.save(self.config.state_path, self.fingerprint)

    def _out_of_time(self, begin: float) -> bool:
        limit = self.config.minutes
        return limit is not None and time.monotonic() - begin > 60 * limit

    def _start_log(self) -> None:
        """Keep the rows of steps that are done, and make sure that there is a held-out loss of step 0."""
        path = self.config.log_path
        rows = _read_rows(path) if self.trainer.step else []
        rows = [row for row in rows if row["step"] <= self.trainer.step]
        self.processes.wait()  # the first process writes what all have read
        if self.processes.rank == 0:
            write_atomic(path, "".join(json.dumps(row) + "\n" for row in rows).encode())
        if not rows and self.data.unusable:
            self._write({"step": 0, "unusable": dict(self.data.unusable)})
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
        by_sigma = self.trainer.held_out(self.data.validation)
        mean = sum(by_sigma) / len(by_sigma)
        self.held_out.append({"step": self.trainer.step, "held_out": mean, "by_sigma": by_sigma})
        self._write(self.held_out[-1])
        self._tell(held_out=mean)

    def _write(self, row: dict[str, Any]) -> None:
        if self.processes.rank:
            return
        with self.config.log_path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        if self.scalars is not None:
            self.scalars.write(row)

    def _tell(self, loss: float | None = None, lr: float | None = None, held_out: float | None = None) -> None:
        if self.report:
            trainer = self.trainer
            self.report(Progress("train", trainer.step, self.config.steps, loss, lr, held_out, trainer.seconds))


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
        "recipe": run.config.recipe(run.data.name, run.processes.count),
        "steps": trainer.step,
        "seconds": round(trainer.seconds, 1),
        "running_loss": trainer.running,
        "held_out": {
            "sigmas": list(HELD_OUT_SIGMAS),
            "start": run.held_out[0]["by_sigma"],
            "end": run.held_out[-1]["by_sigma"],
        },
        **_videos(run.data),
        "parameters": {"trainable": count.trainable, "new": count.new, "total": count.total},
        "device": _device_name(run.config.device),
        **({"sharded": True} if run.processes.sharded else {}),
        "versions": {name: version(name) for name in PACKAGES},
    }


def _videos(data: TrainingData) -> dict[str, Any]:
    return {"videos": {"usable": data.usable, "unusable": len(data.unusable)}} if data.usable else {}


def _device_name(device: str) -> str:
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(torch.device(device))
    return f"{device}, {torch.get_num_threads()} threads"
