"""One training in one process or in several, which ``accelerate launch`` starts.

Several processes compute what one would with their batches together: every draw is made for the whole batch of a step,
and each process takes its rows. Gradients are averaged by DDP, or by FSDP, which also shares out parameters, their
average and the optimiser (`harness.exvideo.sharding`). A single process that was not launched so goes through torch
alone.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor, nn

from harness.errors import UsageError
from harness.exvideo.posttune_config import Optimiser, Precision
from harness.exvideo.sharding import YES, check_sharding, is_asked, shard, unseen

T = TypeVar("T")
LAUNCHED = ("ACCELERATE_MIXED_PRECISION", "TORCHELASTIC_RUN_ID")  # set by accelerate launch, and by torchrun
PATIENCE = timedelta(hours=6)  # one may be done encoding long before another; a process that ends takes all along
OURS = ("NO", "MULTI_GPU", "MULTI_CPU")


class Processes(Protocol):
    """The processes of a training, as seen by one of them."""

    @property
    def count(self) -> int:
        """How many there are."""
        ...

    @property
    def rank(self) -> int:
        """The number of this one, from 0, the one that writes and talks."""
        ...

    @property
    def device(self) -> torch.device | None:
        """Where this process computes; None to leave it to the settings."""
        ...

    @property
    def sharded(self) -> bool:
        """Whether each holds a part of the model only, so that all have to be there when a tensor is wanted whole."""
        ...

    def prepared(self, model: nn.Module) -> Any:
        """The model to call in training: gradients of it are averaged over the processes."""
        ...

    def parts(self, model: nn.Module, parameters: Mapping[str, nn.Parameter]) -> dict[str, nn.Parameter]:
        """What became of parameters of a model that was prepared, by the same names."""
        ...

    def local(self, model: Any, last: bool) -> contextlib.AbstractContextManager[object]:
        """Around the backward pass of a part of a step; gradients are exchanged in the last part only."""
        ...

    def mean(self, value: Tensor) -> Tensor:
        """The mean over the processes."""
        ...

    def any(self, flag: bool) -> bool:
        """Whether one of the processes says so."""
        ...

    def gather(self, value: T) -> list[T]:
        """The values of all processes, in their order."""
        ...

    def first_alone(self) -> contextlib.AbstractContextManager[object]:
        """The first process goes through the body before the others do."""
        ...

    def wait(self) -> None:
        """Go on when all are here."""
        ...

    def end(self) -> None:
        """The last thing that is done together."""
        ...


class Alone:
    """A single process."""

    count: int = 1
    rank: int = 0
    device: torch.device | None = None
    sharded: bool = False

    def prepared(self, model: nn.Module) -> Any:
        """The model itself."""
        return model

    def parts(self, model: nn.Module, parameters: Mapping[str, nn.Parameter]) -> dict[str, nn.Parameter]:
        """The parameters themselves."""
        return dict(parameters)

    def local(self, model: Any, last: bool) -> contextlib.AbstractContextManager[object]:
        """Nothing is exchanged."""
        return contextlib.nullcontext()

    def mean(self, value: Tensor) -> Tensor:
        """The value itself."""
        return value

    def any(self, flag: bool) -> bool:
        """What this one says."""
        return flag

    def gather(self, value: T) -> list[T]:
        """The value itself."""
        return [value]

    def first_alone(self) -> contextlib.AbstractContextManager[object]:
        """There is nobody else."""
        return contextlib.nullcontext()

    def wait(self) -> None:
        """There is nobody else."""

    def end(self) -> None:
        """There is nothing to end."""


class Launched:
    """One of the processes that ``accelerate launch`` started.

    Raises:
        UsageError: E-SETTINGS, see `check_environment`.
    """

    def __init__(self, precision: Precision = "full", optimiser: Optimiser = "adamw") -> None:
        from accelerate import Accelerator
        from accelerate.utils import InitProcessGroupKwargs

        check_environment(os.environ, precision, optimiser)
        on_cpu = os.environ.get("ACCELERATE_USE_CPU", "").lower() in YES or not torch.cuda.is_available()
        waiting = InitProcessGroupKwargs(timeout=PATIENCE)
        with unseen() if is_asked(os.environ) else contextlib.nullcontext():
            self._accelerator = Accelerator(mixed_precision="no", cpu=on_cpu, kwargs_handlers=[waiting])
        kind = self._accelerator.distributed_type.value
        if kind not in OURS:
            raise _not_ours(f"accelerate is configured for {kind}")
        self.count, self.rank = self._accelerator.num_processes, self._accelerator.process_index
        self.sharded = is_asked(os.environ) and self.count > 1

    @property
    def device(self) -> torch.device | None:
        """The device that accelerate gave to this process."""
        return torch.device(self._accelerator.device)

    def prepared(self, model: nn.Module) -> Any:
        """The model under DDP, or sharded in place."""
        if not self.sharded:
            return self._accelerator.prepare_model(model, device_placement=False)
        shard(model, self._accelerator.device, self.count)
        return model

    def parts(self, model: nn.Module, parameters: Mapping[str, nn.Parameter]) -> dict[str, nn.Parameter]:
        """The parameters themselves, or those that sharding has put in their place."""
        now = dict(model.named_parameters()) if self.sharded else parameters
        return {name: now[name] for name in parameters}

    def local(self, model: Any, last: bool) -> contextlib.AbstractContextManager[object]:
        """DDP's ``no_sync`` or its like, except in the last part; until then a process has whole gradients."""
        if self.sharded:
            model.set_requires_gradient_sync(last)
            return contextlib.nullcontext()
        if last or self.count == 1:
            return contextlib.nullcontext()
        context: contextlib.AbstractContextManager[object] = self._accelerator.no_sync(model)
        return context

    def mean(self, value: Tensor) -> Tensor:
        """The mean over the processes."""
        found: Tensor = self._accelerator.reduce(value.detach().clone(), reduction="mean")
        return found

    def any(self, flag: bool) -> bool:
        """Whether one of the processes says so."""
        return bool(self.mean(torch.tensor(float(flag), device=self.device)) > 0)

    def gather(self, value: T) -> list[T]:
        """The values of all processes, in their order."""
        from accelerate.utils import gather_object

        return list(gather_object([value]))

    @contextlib.contextmanager
    def first_alone(self) -> Iterator[None]:
        """The first process goes through the body before the others do."""
        with self._accelerator.main_process_first():
            yield

    def wait(self) -> None:
        """Go on when all are here."""
        self._accelerator.wait_for_everyone()

    def end(self) -> None:
        """Wait for the others, and leave the group."""
        self._accelerator.wait_for_everyone()
        self._accelerator.end_training()


def this_process(precision: Precision = "full", optimiser: Optimiser = "adamw") -> Processes:
    """One of several, if accelerate or torchrun started this process; alone otherwise.

    ``precision`` and ``optimiser`` are the recipe's.

    Raises:
        UsageError: see `Launched`.
    """
    return Launched(precision, optimiser) if any(name in os.environ for name in LAUNCHED) else Alone()


def check_environment(
    environment: Mapping[str, str], precision: Precision = "full", optimiser: Optimiser = "adamw"
) -> None:
    """Refuse what accelerate announces in the environment and this training does not do.

    DeepSpeed and Megatron-LM bring an optimiser and states of their own, so that the running average and the exact
    continuation would not be those of this training.

    Raises:
        UsageError: E-SETTINGS; see also `harness.exvideo.sharding.check_sharding`.
    """
    for name, kind in (("DEEPSPEED", "DeepSpeed"), ("MEGATRON_LM", "Megatron-LM")):
        if environment.get(f"ACCELERATE_USE_{name}", "").lower() in YES:
            raise _not_ours(f"accelerate is configured for {kind}")
    check_sharding(environment, optimiser)
    mixed = environment.get("ACCELERATE_MIXED_PRECISION", "").lower() or "no"
    if mixed not in ("no", precision):
        ours = "--precision bf16, or " if mixed == "bf16" else ""
        raise UsageError(
            "E-SETTINGS",
            "accelerate and the recipe name different precisions.",
            where=f"accelerate's mixed precision '{mixed}'",
            why=f"precision is part of the recipe, which says '{precision}'; accelerate's would be passed over",
            fix=f"{ours}accelerate launch --mixed_precision no …",
        )


def _not_ours(why: str) -> UsageError:
    return UsageError(
        "E-SETTINGS",
        "This way to share a training is not supported.",
        where="accelerate's configuration",
        why=f"{why}, which takes over optimiser and saved state; what shards here is FSDP",
        fix="accelerate launch --use_fsdp --fsdp_version 2 --num_processes N -m harness posttune …",
    )
