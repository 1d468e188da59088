"""The state of a training: parameters, their running average, the optimiser, and how far it has come."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from harness.errors import CannotStart, ItemError, Refused
from harness.exvideo.base import Components
from harness.exvideo.checkpoint import save_atomically
from harness.exvideo.dataset import Latents
from harness.exvideo.objective import (
    HELD_OUT_SIGMAS,
    held_out_batch,
    learning_rate,
    loss_per_clip,
    training_batch,
)
from harness.exvideo.posttune_config import PosttuneConfig
from harness.keys import canonical_json

ENTRY = "exvideo"
SMOOTHING = 0.98
MOMENTS = ("step", "exp_avg", "exp_avg_sq")


class Trainer:
    """AdamW on the parameters that are trained, with an exponential moving average of them.

    ``step`` steps are done; ``running`` is the smoothed loss; ``seconds`` were spent in all runs so far.
    """

    def __init__(self, config: PosttuneConfig, components: Components, parameters: dict[str, nn.Parameter]) -> None:
        self.config, self.components, self.parameters = config, components, parameters
        self.ema = {name: p.detach().clone() for name, p in parameters.items()}
        # Decay pulls towards zero, which the convolution's centre and the table are not meant to be; it is ExVideo's
        # choice all the same, and part of the recipe.
        self.optimiser = torch.optim.AdamW(parameters.values(), lr=config.lr, weight_decay=config.weight_decay)
        self.step, self.seconds = 0, 0.0
        self.running: float | None = None

    def advance(self, data: Latents) -> None:
        """One optimiser step.

        Raises:
            ItemError: E-NAN, the loss is not finite; nothing was changed.
        """
        step = self.step + 1
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.config, step)
        batch = training_batch(self.config, data, self.components, step)
        loss = loss_per_clip(self.config, self.components, batch, self.config.loss).mean()
        value = loss.item()
        if not torch.isfinite(loss):
            raise ItemError("E-NAN", f"The loss is {value} at step {step}.", fix="a lower --lr or --precision full")
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.parameters.values(), self.config.clip_norm)
        self.optimiser.step()
        self._average(step)
        self.running = value if self.running is None else SMOOTHING * self.running + (1 - SMOOTHING) * value
        self.step = step

    @torch.no_grad()
    def _average(self, step: int) -> None:
        decay = min(self.config.ema, (1 + step) / (10 + step))  # short at first, to forget the start
        torch._foreach_lerp_(list(self.ema.values()), list(self.parameters.values()), 1 - decay)

    @torch.no_grad()
    def held_out(self, data: Latents) -> list[float]:
        """Mean squared error of v of the averaged weights on validation clips, at each of `HELD_OUT_SIGMAS`."""
        with self.averaged():
            return [self._held_out_at(data, number) for number in range(len(HELD_OUT_SIGMAS))]

    def _held_out_at(self, data: Latents, number: int) -> float:
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
            parameter.data, self.ema[name] = self.ema[name], parameter.data

    def save(self, path: Path, fingerprint: str) -> None:
        """Write everything that `resume` needs, atomically."""
        tensors = {f"parameter/{n}": p.detach() for n, p in self.parameters.items()}
        tensors |= {f"ema/{n}": t for n, t in self.ema.items()}
        for name, parameter in self.parameters.items():
            moments = self.optimiser.state.get(parameter, {})
            tensors |= {f"{key}/{name}": moments[key] for key in MOMENTS if key in moments}
        record = {"fingerprint": fingerprint, "step": self.step, "seconds": self.seconds, "running": self.running}
        on_cpu = {name: t.cpu().contiguous() for name, t in tensors.items()}
        save_atomically(path, on_cpu, {ENTRY: canonical_json(record)})

    def resume(self, path: Path, fingerprint: str) -> None:
        """Continue where a saved state stopped; the result is bitwise that of a run without the stop.

        Raises:
            Refused: E-RESUME, the state belongs to another training.
            CannotStart: E-CHECKPOINT, the file is damaged.
        """
        try:
            with safe_open(path, "pt") as file:
                record = json.loads((file.metadata() or {}).get(ENTRY, "{}"))
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (OSError, SafetensorError, ValueError) as error:
            fix = "delete it to start anew"
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
        for name, parameter in self.parameters.items():
            parameter.copy_(tensors[f"parameter/{name}"])
            self.ema[name].copy_(tensors[f"ema/{name}"])
            if f"step/{name}" in tensors:
                moments = {key: tensors[f"{key}/{name}"] for key in MOMENTS}
                self.optimiser.state[parameter] = {
                    key: t if key == "step" else t.to(parameter.device) for key, t in moments.items()
                }
