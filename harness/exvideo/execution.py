"""How a clip is computed, as opposed to what: choices about memory and speed that leave the arithmetic alone.

They never enter a key. What was chosen is recorded with each video, because kernels may still differ in the last bits.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import torch
from diffusers import UNetSpatioTemporalConditionModel
from torch import nn

from harness.errors import UsageError

Attention = Literal["auto", "flash", "efficient", "cudnn", "math"]
MAX_ELEMENTS = 2**31  # beyond it, kernels that index with 32 bits fail or are wrong
LIGHT_ELEMENTS = 2**27
GEGLU = 8  # a feed-forward layer widens its C channels to 4 C, and the gate doubles that


@dataclass(frozen=True)
class Execution:
    """Where and in what portions.

    Args:
        batched: both branches of guidance in one call: faster where they fit, twice the memory.
        offload: parts of the model wait on the CPU until they are used.
        pieces: the largest tensor that a feed-forward layer may make, in elements; more frames are taken in turns.
        attention: which of torch's kernels computes attention; ``auto`` leaves it to torch.
        compiled: the UNet goes through ``torch.compile``.

    Raises:
        UsageError: E-SETTINGS, an unknown kernel.
    """

    batched: bool = False
    offload: bool = False
    pieces: int = MAX_ELEMENTS
    attention: Attention = "auto"
    compiled: bool = False

    def __post_init__(self) -> None:
        if self.attention not in get_args(Attention):
            kinds = ", ".join(get_args(Attention))
            raise UsageError(
                "E-SETTINGS", f"There is no attention kernel '{self.attention}'.", fix=f"HARNESS_ATTENTION={kinds}"
            )

    def lightened(self, times: int) -> tuple[Execution, list[str]]:
        """After memory ran out ``times`` times: the execution to try, and in words what is lighter about it.

        Offloading first, then one branch of guidance at a time, then feed-forward layers in small pieces; a step that
        has been taken already is not counted. Decoding fewer frames together is no such step: SVD's decoder looks
        across them, so other frames would come out.
        """
        steps = [
            (replace(self, offload=True), "parts of the model wait on the CPU"),
            (replace(self, batched=False), "guidance branches one after the other"),
            (replace(self, pieces=LIGHT_ELEMENTS), "feed-forward layers in pieces"),
        ]
        found, said = self, []
        for step, text in [(step, text) for step, text in steps if step != self][:times]:
            changed = {name: value for name, value in vars(step).items() if value != vars(self)[name]}
            found = replace(found, **changed)
            said.append(text)
        return found, said


@contextlib.contextmanager
def resident(model: nn.Module, device: torch.device, execution: Execution) -> Iterator[None]:
    """Have ``model`` on ``device`` for the body; with offloading it goes back to the CPU afterwards."""
    model.to(device)
    try:
        yield
    finally:
        if execution.offload:
            model.to("cpu")
            if device.type == "cuda":
                torch.cuda.empty_cache()


@contextlib.contextmanager
def attention_kernel(kind: Attention) -> Iterator[None]:
    """Restrict torch's attention to one kernel; where it does not support the tensors, torch raises RuntimeError."""
    if kind == "auto":
        yield
        return
    from torch.nn.attention import SDPBackend, sdpa_kernel

    backends = {
        "flash": SDPBackend.FLASH_ATTENTION,
        "efficient": SDPBackend.EFFICIENT_ATTENTION,
        "cudnn": SDPBackend.CUDNN_ATTENTION,
        "math": SDPBackend.MATH,
    }
    with sdpa_kernel(backends[kind]):
        yield


def feed_forward_in_pieces(
    unet: UNetSpatioTemporalConditionModel, frames: int, height: int, width: int, batch: int, limit: int
) -> int:
    """Have feed-forward layers take few enough frames at a time that no tensor of theirs exceeds ``limit`` elements.

    They act on each token alone, so the result is the same. Returns how many frames are taken together.

    Args:
        frames, height, width: of the latents of one clip.
        batch: clips in one call.
    """
    one = batch * height * width * GEGLU * unet.config.block_out_channels[0]
    together = max((n for n in range(1, frames + 1) if frames % n == 0 and n * one <= limit), default=1)
    if together < frames:
        unet.enable_forward_chunking(together, dim=0)
    else:
        _whole(unet)
    return together


def _whole(unet: nn.Module) -> None:
    """Undo chunking: the method that diffusers has for it is missing on this class."""
    for module in unet.modules():
        undo: Any = getattr(module, "set_chunk_feed_forward", None)
        if undo is not None:
            undo(chunk_size=None, dim=0)


def largest_tensor(unet: UNetSpatioTemporalConditionModel, frames: int, height: int, width: int, batch: int) -> int:
    """Elements of the largest tensor of the UNet besides feed-forward layers: an input of the way up with its skip.

    On the last level the features of the level below, already at full size, meet those of the way down.
    """
    channels: list[int] = list(unet.config.block_out_channels)
    sizes: list[int] = []
    for level, width_here in enumerate(channels):
        below = channels[min(level + 1, len(channels) - 1)]
        area = (height >> level) * (width >> level)
        sizes.append((below + width_here) * area)
    return max(sizes) * frames * batch


def attention_matrix(unet: UNetSpatioTemporalConditionModel, frames: int, height: int, width: int, batch: int) -> int:
    """Elements of the largest matrix of attention weights, where a kernel makes them all: between pixels or frames."""
    config, largest = unet.config, 0
    heads = config.num_attention_heads
    for level, kind in enumerate(config.down_block_types):
        if "CrossAttn" in kind:
            count = heads if isinstance(heads, int) else heads[level]
            pixels = (height >> level) * (width >> level)
            largest = max(largest, count * frames * pixels * max(frames, pixels))
    return largest * batch


def check_tensors(
    unet: UNetSpatioTemporalConditionModel,
    frames: int,
    height: int,
    width: int,
    batch: int = 1,
    *,
    attention: Attention = "auto",
    fewer: str = "",
) -> None:
    """Refuse a call that would make a tensor of 2^31 elements or more.

    Args:
        frames, height, width: of the latents of one clip.
        batch: clips in one call.
        attention: ``math`` makes the whole matrix of attention weights, the other kernels never do.
        fewer: what to type for one clip in a call.

    Raises:
        UsageError: E-SETTINGS.
    """
    smaller = "fewer frames, or smaller ones: another --suite, or --frames and --size of harness posttune"
    sizes = [(largest_tensor, fewer, smaller)]
    if attention == "math":
        sizes.append((attention_matrix, fewer, "unset HARNESS_ATTENTION"))
    for size, alone, otherwise in sizes:
        if (largest := size(unet, frames, height, width, batch)) >= MAX_ELEMENTS:
            fits_alone = batch > 1 and size(unet, frames, height, width, 1) < MAX_ELEMENTS
            raise UsageError(
                "E-SETTINGS",
                f"{frames} frames with latents of {width}x{height} are too large for one call of the UNet.",
                where=f"{batch} of them at once" if batch > 1 else "one clip alone",
                why=f"a tensor of {largest:,} elements would be made; kernels index up to {MAX_ELEMENTS:,}",
                fix=alone if fits_alone else otherwise,
            )
