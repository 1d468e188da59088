"""The three ways in which networks that read 16 frames are shown a video, and the loop over its windows.

``first``: frames 0 to 15, what the literature does. ``all``: every whole window of 16 frames, one after the other, so
that a long video counts as long. ``spaced``: frames 0, 8, ..., 120, where long videos fall apart; it needs 121 frames.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.api import Clip, Frames, ItemError

if TYPE_CHECKING:
    from torch import Tensor

WINDOW = 16  # frames
SPACING = 8  # frames between two frames of the spaced window
SPACED = SPACING * (WINDOW - 1) + 1


@dataclass(frozen=True)
class Windowing:
    """One way of cutting. ``suffix`` ends the names of extractors and metrics, ``clip`` says it in their keys, ``text``
    and ``of`` to people.

    ``slices`` takes uint8 [T, H, W, 3] with T >= ``min_frames`` to [windows, 16, H, W, 3].
    """

    suffix: str
    clip: str
    text: str
    of: str
    min_frames: int
    slices: Callable[[Frames], Frames]

    def cut(self, frames: Frames, network: str) -> Frames:
        """The windows of a video for the network of that name; raises ItemError E-FEATURES for too few frames."""
        if len(frames) < self.min_frames:
            raise too_short(f"{network}{self.suffix}", self.min_frames, len(frames))
        return self.slices(frames)


def too_short(name: str, wanted: int, found: int) -> ItemError:
    """The refusal of a clip that is too short."""
    return ItemError("E-FEATURES", f"The {name} features take {wanted} frames or more, got {found}.")


def _first(frames: Frames) -> Frames:
    return frames[None, :WINDOW]


def _all(frames: Frames) -> Frames:
    count = len(frames) // WINDOW
    return frames[: count * WINDOW].reshape(count, WINDOW, *frames.shape[1:])


def _spaced(frames: Frames) -> Frames:
    return frames[None, :SPACED:SPACING]


FIRST = Windowing("", "first 16 frames, stride 1", "the first 16 frames", "of the first 16 frames", WINDOW, _first)
ALL = Windowing(
    "_w16", "every 16-frame window, stride 1", "every 16-frame window", "over all 16-frame windows", WINDOW, _all
)
SPACED_BY_8 = Windowing(
    "_128f_s8",
    f"frames 0 to 120, stride {SPACING}",
    "16 frames spaced by 8",
    "of 16 frames spaced by 8",
    SPACED,
    _spaced,
)
WINDOWINGS = (FIRST, ALL, SPACED_BY_8)


@dataclass(frozen=True)
class WindowFeatures:
    """One network over the windows of a clip, ``batch`` at a time.

    Args:
        net: takes what ``prepare`` gives to float [B, dim].
        device: where windows are prepared and read.
        windowing: how a clip is cut.
        network: its name in messages.
        dim: the features that the right network gives.
        prepare: takes uint8 [B, T, H, W, 3] to the network's input.
        min_frames: of one window, below which the network has nothing to say.
    """

    net: Callable[[Tensor], Tensor]
    device: str
    windowing: Windowing
    network: str
    dim: int
    prepare: Callable[[Tensor], Tensor]
    batch: int
    min_frames: int = 1

    def __call__(self, clip: Clip) -> NDArray[np.float32]:
        """Features float32 [windows, dim].

        Raises:
            ItemError: E-FEATURES, too few frames for the window, or the network is another one.
        """
        import torch

        cut = self.windowing.cut(clip.frames, self.network)
        if cut.shape[1] < self.min_frames:
            raise too_short(self.network, self.min_frames, cut.shape[1])
        with torch.inference_mode():
            rows = [self._rows(cut[first : first + self.batch]) for first in range(0, len(cut), self.batch)]
        return np.concatenate(rows)

    def _rows(self, windows: Frames) -> NDArray[np.float32]:
        import torch

        shown = self.prepare(torch.tensor(windows, device=self.device))  # a copy: frames may be read-only
        rows: NDArray[np.float32] = self.net(shown).float().cpu().numpy()
        if rows.shape != (len(windows), self.dim):
            raise ItemError(
                "E-FEATURES", f"The {self.network} file gave {list(rows.shape)}, wanted [{len(windows)}, {self.dim}]."
            )
        return rows
