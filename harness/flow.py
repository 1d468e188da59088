"""Optical flow of a clip: the backend protocol, the default backend, and what metrics get to see.

Flow is estimated on the scored video itself, so an artefact that looks like motion is partly explained away; this holds
for every method that has no clean input video.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from harness.flow_choice import FlowChoice, chosen
from harness.flow_dis import DisFlow
from harness.model import Frames, Weight
from harness.occlusion import PARAMS as MASK_PARAMS
from harness.occlusion import comparable

Float32 = NDArray[np.float32]

WORKING_SIDE = 256  # pixels


@dataclass(frozen=True)
class FlowFields:
    """Flow between frames t and t + ``gap`` of a clip, in pixels of the working images.

    ``starts`` [P] are the frame numbers t; ``forward`` float32 [P, h, w, 2] is the displacement (x, y);
    ``valid`` bool [P, h, w] marks pixels of frame t that can be found again in frame t + ``gap``.
    """

    gap: int
    starts: NDArray[np.int64]
    forward: Float32
    valid: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.starts)

    @cached_property
    def coverage(self) -> NDArray[np.float64]:
        """Share of valid pixels of each pair, [P]."""
        share: NDArray[np.float64] = self.valid.mean(axis=(1, 2), dtype=np.float64)
        return share


FlowSource = Callable[[int], FlowFields]
"""Gives the fields of one gap: an estimator, or a test that knows the exact flow."""


class FlowBackend(Protocol):
    """A flow estimator.

    ``params`` identifies it and its settings, the digests of its ``weights`` included, in a metric's key: numbers
    from two backends are two metrics.
    """

    params: Mapping[str, object]
    weights: tuple[Weight, ...]

    def pairs(self, images: Frames, starts: NDArray[np.int64], gap: int) -> Iterator[tuple[Float32, Float32]]:
        """Forward and backward flow [h, w, 2] of each pair (t, t + gap), in the order of ``starts``.

        Raises:
            ItemError: E-FLOW, the images are too small for the backend.
        """
        ...


@dataclass(frozen=True)
class EstimatedFlow:
    """A flow source that runs a backend over working images uint8 [T, h, w, 3].

    For a gap k the pairs start at 0, k, 2k, ...: as if all other frames had been dropped.
    """

    images: Frames
    backend: FlowBackend

    def __call__(self, gap: int) -> FlowFields:
        """The fields of one gap; raises what the backend raises."""
        starts = pair_starts(len(self.images), gap)
        shape = (len(starts), *self.images.shape[1:3])
        forward, valid = np.empty((*shape, 2), np.float32), np.empty(shape, np.bool_)
        for index, (there, back) in enumerate(self.backend.pairs(self.images, starts, gap)):
            forward[index], valid[index] = there, comparable(there, back)
        return FlowFields(gap, starts, forward, valid)


def pair_starts(num_frames: int, gap: int) -> NDArray[np.int64]:
    """First frames of the pairs (t, t + gap) at t = 0, gap, 2 gap, ... that lie inside the clip.

    Raises:
        ValueError: ``gap`` is not positive.
    """
    if gap < 1:
        raise ValueError(f"a gap is at least 1 frame, got {gap}")
    return np.arange(0, num_frames - gap, gap, dtype=np.int64)


def working_images(frames: Frames) -> Frames:
    """Frames with a short side of at most 256 pixels: area-averaged when larger, the frames themselves when not."""
    height, width = frames.shape[1:3]
    scale = WORKING_SIDE / min(height, width)
    if scale >= 1:
        return frames
    size = (max(WORKING_SIDE, round(width * scale)), max(WORKING_SIDE, round(height * scale)))
    return np.stack([np.asarray(cv2.resize(f, size, interpolation=cv2.INTER_AREA), np.uint8) for f in frames])


def make_backend(choice: FlowChoice) -> FlowBackend:
    """The backend of a choice; a learned one loads its network when it is first asked for flow."""
    if choice.library == "dis":
        return DisFlow()
    from harness.flow_learned import LearnedFlow

    return LearnedFlow(choice)


BACKEND: FlowBackend = make_backend(chosen())
"""What this process estimates flow with: the choice in ``$HARNESS_FLOW``, DIS without one."""

FLOW_PARAMS: Mapping[str, object] = {
    "working_side": WORKING_SIDE,
    "resize": "area, only down",
    **BACKEND.params,
    **MASK_PARAMS,
}
