"""A UNet of which each process keeps a part: torch's ``fully_shard``, where accelerate's settings ask for FSDP.

accelerate starts the processes and connects them; what is sharded, and when it is put together, is decided here. A
tensor that is shared so is a DTensor: its ``shape`` is that of the whole, its memory that of this process's rows.
"""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping

import torch
import torch.distributed as dist
from diffusers import UNetSpatioTemporalConditionModel
from diffusers.models.resnet import SpatioTemporalResBlock
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor

from harness.errors import UsageError
from harness.exvideo.extension import spatio_temporal_blocks
from harness.exvideo.posttune_config import Optimiser

YES = ("1", "true", "yes")
ASKED = "ACCELERATE_USE_FSDP"
EMPTY_LOADING = "FSDP_CPU_RAM_EFFICIENT_LOADING"
WHOLE = {
    "muon": "Muon turns whole matrices, of which each process has some rows only",
    "adamw-8bit": "bitsandbytes packs whole tensors, of which each process has some rows only",
}
# What would be passed over in silence: its name in accelerate's configuration, and what to do in its place.
NOT_DONE = {
    "FSDP_OFFLOAD_PARAMS": ("fsdp_offload_params", "more processes"),
    "FSDP_ACTIVATION_CHECKPOINTING": ("fsdp_activation_checkpointing", "--checkpointing of harness posttune"),
}


def is_asked(environment: Mapping[str, str]) -> bool:
    """Whether accelerate's variables ask for FSDP, which it leaves out on CPUs without a word; we do not."""
    return environment.get(ASKED, "").lower() in YES


def check_sharding(environment: Mapping[str, str], optimiser: Optimiser) -> None:
    """Refuse what cannot be sharded, and settings of FSDP that would be passed over.

    Raises:
        UsageError: E-SETTINGS.
    """
    if not is_asked(environment):
        return
    if optimiser in WHOLE:
        fix = "--optimiser adamw-fused, or accelerate launch --multi_gpu, which shards nothing"
        raise _bad(f"--optimiser {optimiser}", WHOLE[optimiser], fix)
    version = environment.get("FSDP_VERSION", "").strip()
    if version != "2":
        why = "sharding is torch's fully_shard, which is version 2; settings of version 1 would be passed over"
        fix = "fsdp_version: 2 under fsdp_config, or accelerate launch --use_fsdp --fsdp_version 2 …"
        raise _bad(f"FSDP_VERSION '{version}'", why, fix)
    for name, (setting, instead) in NOT_DONE.items():
        if environment.get(name, "").lower() in YES:
            fix = f"{setting}: false under fsdp_config, and {instead}"
            raise _bad(f"{setting}: true", "accelerate would do it, and this training shards by itself", fix)


@contextlib.contextmanager
def unseen() -> Iterator[None]:
    """Inside, accelerate sees plain processes. From here on, transformers loads weights in every process.

    Under FSDP it would leave those of all processes but the first empty, for accelerate to fill; the image tower is
    not sharded, and would stay so.
    """
    asked = os.environ.pop(ASKED)
    os.environ[EMPTY_LOADING] = "false"
    try:
        yield
    finally:
        os.environ[ASKED] = asked


def shard(unet: UNetSpatioTemporalConditionModel, device: torch.device, count: int) -> None:
    """Leave this process its rows of every parameter, in place; parameters become other objects of the same names.

    A transformer or residual block is put together for its forward and its backward pass, and no longer: the rest of
    the UNet too, because averaged weights come and go between two passes, and what stayed whole would stay old.

    Args:
        unet: frozen as it will be trained; ``count`` processes hold the same.
        device: of this process.
        count: how many processes, all of the default group.
    """
    # Blocks return views, and torch warns of writing into one in place; neither diffusers nor this project does.
    warnings.filterwarnings("ignore", message="FSDP2-wrapped module .* returned a view tensor", category=UserWarning)
    mesh = init_device_mesh(device.type, (count,))
    blocks: list[nn.Module] = [block for _, block in spatio_temporal_blocks(unet)]
    blocks += [module for module in unet.modules() if isinstance(module, SpatioTemporalResBlock)]
    for module in (*blocks, unet):
        fully_shard(module, mesh=mesh, reshard_after_forward=True)


@torch.no_grad()
def local(tensor: Tensor) -> Tensor:
    """What this process holds of a tensor, by reference; the tensor itself, if it is not sharded."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


@torch.no_grad()
def whole(tensor: Tensor) -> Tensor:
    """The whole of a sharded tensor, for which all processes have to call this; another one as it is."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


@torch.no_grad()
def put(target: Tensor, full: Tensor) -> None:
    """Copy a whole tensor, or of it what this process holds, into ``target`` of the same (whole) shape."""
    if isinstance(target, DTensor):
        full = _rows(full, target)
    local(target).copy_(full)


@torch.no_grad()
def like(parameter: Tensor, full: Tensor) -> Tensor:
    """A whole tensor on the device of a parameter of its shape, and sharded as that is."""
    if not isinstance(parameter, DTensor):
        return full.to(parameter.device)
    made = torch.zeros_like(parameter, dtype=full.dtype)
    put(made, full)
    return made


@torch.no_grad()
def clip(parameters: Iterable[nn.Parameter], limit: float) -> None:
    """Scale the gradients of sharded parameters so that the norm of all, over all processes, is at most ``limit``.

    What ``nn.utils.clip_grad_norm_`` computes; that takes sharded tensors too, but one at a time and slowly.
    """
    gradients = [local(parameter.grad) for parameter in parameters if parameter.grad is not None]
    square = nn.utils.get_total_norm(gradients).square()
    dist.all_reduce(square)
    torch._foreach_mul_(gradients, (limit / (square.sqrt() + 1e-6)).clamp(max=1.0))


@torch.no_grad()
def exchange(one: Tensor, other: Tensor) -> None:
    """Swap the values of two tensors in place: `shard`'s parameters may not be given other memory."""
    first, second = local(one), local(other)
    held = first.clone()
    first.copy_(second)
    second.copy_(held)


def _rows(full: Tensor, target: DTensor) -> Tensor:
    """The rows of a whole tensor that ``target`` holds in this process: `fully_shard` cuts as ``chunk`` does."""
    pieces, rank = full.chunk(target.device_mesh.size()), target.device_mesh.get_local_rank()
    return pieces[rank] if rank < len(pieces) else full[:0]


def _bad(where: str, why: str, fix: str) -> UsageError:
    return UsageError("E-SETTINGS", "This training cannot be sharded so.", where=where, why=why, fix=fix)
