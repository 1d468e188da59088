"""The state of a training: parameters, their running average, the optimiser, and how far it has come."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from harness.errors import CannotStart, ItemError, Refused
from harness.exvideo.base import Components
from harness.exvideo.checkpoint import save_atomically
from harness.exvideo.dataset import Clips
from harness.exvideo.objective import (
    HELD_OUT_SIGMAS,
    held_out_batch,
    learning_rate,
    loss_per_clip,
    training_batch,
)
from harness.exvideo.optimisers import make_optimiser, moments, restore_moments
from harness.exvideo.parallel import Alone, Processes
from harness.exvideo.posttune_config import PosttuneConfig
from harness.exvideo.sharding import clip, exchange, local, put, whole
from harness.keys import canonical_json

ENTRY = "exvideo"
SMOOTHING = 0.98
OURS = ("parameter", "ema")  # in a state; what else it holds of a parameter is the optimiser's


class Trainer:
    """The optimiser of the parameters that are trained, with an exponential moving average of them.

    ``step`` steps are done; ``running`` is the smoothed loss; ``seconds`` were spent in all runs so far. Where the
    processes shard the UNet, parameters, their average and the optimiser's moments are DTensors.
    """

    def __init__(
        self,
        config: PosttuneConfig,
        components: Components,
        parameters: dict[str, nn.Parameter],
        processes: Processes | None = None,
    ) -> None:
        self.config, self.components = config, components
        self.processes: Processes = processes or Alone()
        self._trained = dataclasses.replace(components, unet=self.processes.prepared(components.unet))
        self.parameters = self.processes.parts(components.unet, parameters)
        self.ema = {name: p.detach().clone() for name, p in self.parameters.items()}
        self.optimiser = make_optimiser(config, self.parameters)
        self.step, self.seconds = 0, 0.0
        self.running: float | None = None

    def advance(self, data: Clips) -> None:
        """One optimiser step.

        Raises:
            ItemError: E-NAN, the loss is not finite; nothing was changed.
        """
        step = self.step + 1
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.config, step)
        self.optimiser.zero_grad(set_to_none=True)
        value = self._accumulate(data, step)
        if not math.isfinite(value):
            raise ItemError("E-NAN", f"The loss is {value} at step {step}.", fix="a lower --lr or --precision full")
        (clip if self.processes.sharded else nn.utils.clip_grad_norm_)(self.parameters.values(), self.config.clip_norm)
        self.optimiser.step()
        self._average(step)
        self.running = value if self.running is None else SMOOTHING * self.running + (1 - SMOOTHING) * value
        self.step = step

    def _accumulate(self, data: Clips, step: int) -> float:
        """Gradients of the mean loss of a step, over all its parts in all processes; returns that loss."""
        times, processes = self.config.accumulate, self.processes
        total = torch.zeros((), device=self.components.device)
        for time in range(times):
            part = time * processes.count + processes.rank
            batch = training_batch(self.config, data, self.components, step, part, times * processes.count)
            with processes.local(self._trained.unet, last=time == times - 1):
                loss = loss_per_clip(self.config, self._trained, batch, self.config.loss).mean() / times
                loss.backward()  # type: ignore[no-untyped-call]
            total += loss.detach()
        return processes.mean(total).item()

    @torch.no_grad()
    def _average(self, step: int) -> None:
        decay = min(self.config.ema, (1 + step) / (10 + step))  # short at first, to forget the start
        means, values = ([local(tensor) for tensor in of.values()] for of in (self.ema, self.parameters))
        torch._foreach_lerp_(means, values, 1 - decay)

    @torch.no_grad()
    def held_out(self, data: Clips) -> list[float]:
        """Mean squared error of v of the averaged weights on validation clips, at each of `HELD_OUT_SIGMAS`."""
        with self.averaged():
            return [self._held_out_at(data, number) for number in range(len(HELD_OUT_SIGMAS))]

    def _held_out_at(self, data: Clips, number: int) -> float:
        total = 0.0
        for low in range(0, len(data), self.config.batch):
            clips = range(low, min(low + self.config.batch, len(data)))
            batch = held_out_batch(self.config, data, self.components, clips, number)
            total += loss_per_clip(self.config, self.components, batch, "edm").sum().item()
        return total / len(data)

    @contextlib.contextmanager
    def averaged(self) -> Iterator[None]:
        """The UNet carries the averaged weights inside this context."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def _swap(self) -> None:
        for name, parameter in self.parameters.items():
            if self.processes.sharded:
                exchange(parameter, self.ema[name])
            else:
                parameter.data, self.ema[name] = self.ema[name], parameter.data

    def averages(self) -> dict[str, Tensor]:
        """The averaged weights, whole, on the CPU. All processes call this; the first one gets them."""
        return self._whole(self.ema.items())

    def save(self, path: Path, fingerprint: str) -> None:
        """Write everything that `resume` needs, atomically. All processes call this; the first one writes.

        The file is the same however many processes there are, and whether they shard the UNet or not.
        """
        tensors = self._whole(self._state())
        if self.processes.rank == 0:
            record = {"fingerprint": fingerprint, "step": self.step, "seconds": self.seconds, "running": self.running}
            save_atomically(path, tensors, {ENTRY: canonical_json(record)})

    def _state(self) -> Iterator[tuple[str, Tensor]]:
        """All tensors of a state, in the same order in all processes."""
        for name, parameter in self.parameters.items():
            yield f"parameter/{name}", parameter.detach()
            yield f"ema/{name}", self.ema[name]
            for key, tensor in moments(self.optimiser, parameter).items():
                yield f"{key}/{name}", tensor

    def _whole(self, tensors: Iterable[tuple[str, Tensor]]) -> dict[str, Tensor]:
        """On the CPU, for the first process, each with memory of its own, as a file wants them.

        Shards are put together one tensor at a time, and the other processes keep none. 8-bit moments share one table
        of their scale.
        """
        found: dict[str, Tensor] = {}
        taken: set[int] = set()
        for name, tensor in tensors:
            full = whole(tensor)
            if self.processes.rank == 0:
                here = full.cpu().contiguous()
                found[name] = here.clone() if here.data_ptr() in taken else here
                taken.add(here.data_ptr())
        return found

    def resume(self, path: Path, fingerprint: str) -> None:
        """Continue where a saved state stopped; the result is bitwise that of a run without the stop.

        Where other processes, or another number of them, go on with the same clips, it is that up to rounding.

        Raises:
            Refused: E-RESUME, the state belongs to another training.
            CannotStart: E-CHECKPOINT, the file is damaged.
        """
        try:
            with safe_open(path, "pt") as file:
                record = json.loads((file.metadata() or {}).get(ENTRY, "{}"))
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (OSError, SafetensorError, ValueError) as error:
            fix = f"to start anew: rm {path}"
            raise CannotStart(
                "E-CHECKPOINT", "The trainer state is damaged.", where=str(path), why=str(error), fix=fix
            ) from error
        if record.get("fingerprint") != fingerprint:
            raise Refused(
                "E-RESUME",
                "The trainer state belongs to another training.",
                where=str(path),
                why="a setting, the data or the base differs from the run that left it",
                fix="the same settings as before, another --out, or delete it to start anew",
            )
        self.step, self.seconds, self.running = record["step"], record["seconds"], record["running"]
        self._restore(tensors)

    @torch.no_grad()
    def _restore(self, tensors: dict[str, Tensor]) -> None:
        held: dict[str, dict[str, Tensor]] = {name: {} for name in self.parameters}
        for path, tensor in tensors.items():
            kind, _, name = path.partition("/")
            if kind not in OURS:
                held[name][kind] = tensor
        for name, parameter in self.parameters.items():
            put(parameter, tensors[f"parameter/{name}"])
            put(self.ema[name], tensors[f"ema/{name}"])
            if held[name]:
                restore_moments(self.optimiser, parameter, held[name])
