"""The three ways in which networks that read 16 frames are shown a video, the same for every network.

``first``: frames 0 to 15, what the literature does. ``all``: every whole window of 16 frames, one after the other, so
that a long video counts as long. ``spaced``: frames 0, 8, ..., 120, where long videos fall apart; it needs 121 frames.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.api import Frames, ItemError

WINDOW = 16  # frames
SPACING = 8  # frames between two frames of the spaced window
SPACED = SPACING * (WINDOW - 1) + 1


@dataclass(frozen=True)
class Windowing:
    """One way of cutting. ``suffix`` ends the names of extractors and metrics, ``clip`` says it in their keys.

    ``slices`` takes uint8 [T, H, W, 3] with T >= ``min_frames`` to [windows, 16, H, W, 3].
    """

    suffix: str
    clip: str
    text: str
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


FIRST = Windowing("", "first 16 frames, stride 1", "the first 16 frames", WINDOW, _first)
ALL = Windowing("_w16", "every 16-frame window, stride 1", "every 16-frame window", WINDOW, _all)
SPACED_BY_8 = Windowing("_128f_s8", f"frames 0 to 120, stride {SPACING}", "16 frames spaced by 8", SPACED, _spaced)
WINDOWINGS = (FIRST, ALL, SPACED_BY_8)
