"""Position embeddings of the temporal blocks: frame numbers, reflected ids, sinusoids, trainable tables.

SVD embeds the frame number with a fixed sinusoid and has only seen numbers below its native length. ExVideo replaces
it by a trainable table with one row per frame, initialised so that every row lies inside the range SVD knows: ids
count up to the native length and then bounce between its end and a lower turning point (a triangle wave).
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

Positions = Literal["sin", "reflect", "learn_reflect", "learn_rand", "learn_sin"]
FIXED: tuple[Positions, ...] = ("sin", "reflect")
LEARNED: tuple[Positions, ...] = ("learn_reflect", "learn_rand", "learn_sin")

MAX_PERIOD = 10_000
RANDOM_STD = math.sqrt(0.5)  # the root mean square of a sinusoid row, so that only the structure is random


def reflect(frames: Tensor, max_id: int, repeat_length: int) -> Tensor:
    """Reflected position ids of frame numbers (any shape, >= 0), int64.

    Below ``max_id`` the id is the frame number. From there on it is a triangle wave of period ``2 * repeat_length``
    between ``max_id - 1`` and ``max_id - 1 - repeat_length``.

    Raises:
        ValueError: ``repeat_length`` is not in ``1 .. max_id - 1``, so that ids would leave ``0 .. max_id - 1``.
    """
    if not 1 <= repeat_length < max_id:
        raise ValueError(f"repeat_length must be in 1 .. max_id - 1 = {max_id - 1}, got {repeat_length}")
    frames = frames.long()
    phase = torch.remainder(frames - max_id, 2 * repeat_length)
    down, up = max_id - 2 - phase, max_id + phase - 2 * repeat_length
    return torch.where(frames < max_id, frames, torch.where(phase < repeat_length, down, up))


def reflected_ids(num_frames: int, max_id: int = 25, repeat_length: int = 20) -> Tensor:
    """Ids of frames ``0 .. num_frames - 1``: int64 [num_frames], each below ``max_id``."""
    return reflect(torch.arange(num_frames), max_id, repeat_length)


def sinusoid(ids: Tensor, channels: int) -> Tensor:
    """Sinusoidal embedding of ids [N]: float32 [N, channels], cosines first, frequencies 10000^(-k/(channels/2)).

    The order of operations is that of SVD's own embedding, so that equal ids give equal bits.

    Raises:
        ValueError: ``channels`` is odd.
    """
    if channels % 2:
        raise ValueError(f"a sinusoid needs an even number of channels, got {channels}")
    half = channels // 2
    exponent = -math.log(MAX_PERIOD) * torch.arange(half, dtype=torch.float32, device=ids.device) / half
    angle = ids[:, None].float() * exponent.exp()[None, :]
    return torch.cat([angle.cos(), angle.sin()], dim=-1)


def initial_table(
    positions: Positions,
    num_frames: int,
    channels: int,
    *,
    max_id: int,
    repeat_length: int,
    generator: torch.Generator | None = None,
) -> Tensor:
    """A freshly initialised trainable table: float32 [num_frames, channels] on the CPU.

    ``learn_reflect`` holds sinusoids of the reflected ids, ``learn_sin`` of the frame numbers, ``learn_rand`` draws
    N(0, 1/2) from ``generator``.

    Raises:
        ValueError: ``positions`` is not one of the learned kinds.
    """
    if positions == "learn_reflect":
        return sinusoid(reflected_ids(num_frames, max_id, repeat_length), channels)
    if positions == "learn_sin":
        return sinusoid(torch.arange(num_frames), channels)
    if positions == "learn_rand":
        return RANDOM_STD * torch.randn(num_frames, channels, generator=generator)
    raise ValueError(f"'{positions}' has no table; learned positions are {', '.join(LEARNED)}")


class PositionTable(nn.Module):
    """A trainable embedding indexed by the plain frame number.

    Reflected ids only initialise it: applying them again at run time would tie frames together for ever.
    """

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(table)

    @property
    def rows(self) -> int:
        """The largest number of frames that has an embedding."""
        return int(self.weight.shape[0])

    def forward(self, frames: Tensor) -> Tensor:
        """Rows [N, channels] of frame numbers [N] below ``rows``."""
        return self.weight[frames]


class ReflectedPositions(nn.Module):
    """The fixed sinusoid of the reflected id: no parameters, any number of frames."""

    def __init__(self, channels: int, max_id: int, repeat_length: int) -> None:
        super().__init__()
        self.channels, self.max_id, self.repeat_length = channels, max_id, repeat_length

    def forward(self, frames: Tensor) -> Tensor:
        """Float32 [N, channels] of frame numbers [N]."""
        return sinusoid(reflect(frames, self.max_id, self.repeat_length), self.channels)
