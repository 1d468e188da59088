"""A decoded video as metrics see it, with everything that several metrics share computed once."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from harness.errors import ItemError
from harness.flow import BACKEND, EstimatedFlow, FlowFields, FlowSource, working_images
from harness.flow_motion import Motion, measure_motion
from harness.model import Frames, Image

CUT_COVERAGE = 0.25
CUT_DIFFERENCE = 0.08  # mean absolute difference, of full scale
CUT_HISTOGRAM = 0.30  # total variation of the colour histograms, in [0, 1]
HISTOGRAM_BINS = 16  # per channel
FLAT_STD = 1e-4  # of full scale
CUT_PARAMS = {"cut": [CUT_HISTOGRAM, CUT_DIFFERENCE, CUT_COVERAGE], "bins": HISTOGRAM_BINS}


class Clip:
    """One video and what is known about it.

    Args:
        frames: uint8 [T, H, W, 3] RGB; kept, not copied, and made read-only for metrics.
        fps: frames per second.
        image: the conditioning image, uint8 [H, W, 3], or None where there is none.
        flow: where flow comes from; by default it is estimated on the working images.

    Raises:
        ItemError: E-FRAMES, the array is no video.
    """

    def __init__(self, frames: Frames, fps: float, image: Image | None = None, flow: FlowSource | None = None) -> None:
        if frames.ndim != 4 or frames.shape[-1] != 3 or 0 in frames.shape or frames.dtype != np.uint8:
            raise ItemError("E-FRAMES", f"A video is uint8 [T, H, W, 3], got {frames.dtype} {list(frames.shape)}.")
        if not 0 < fps < math.inf:
            raise ItemError("E-FRAMES", f"A video has a finite, positive frame rate, got {fps}.")
        self.frames: Frames = _read_only(frames)
        self.fps = float(fps)
        self.image: Image | None = None if image is None else _read_only(image)
        self._source = flow
        self._fields: dict[int, FlowFields] = {}
        self._motion: dict[int, Motion] = {}

    def __len__(self) -> int:
        return len(self.frames)

    @cached_property
    def working(self) -> Frames:
        """The frames that flow is computed and compared on: short side at most 256, uint8 [T, h, w, 3]."""
        return _read_only(working_images(self.frames))

    @cached_property
    def working_image(self) -> Image | None:
        """The conditioning image at the size of ``working``; None where there is none."""
        return None if self.image is None else _read_only(working_images(self.image[None])[0])

    @property
    def short_side(self) -> int:
        """Short side of the working images in pixels."""
        return int(min(self.working.shape[1:3]))

    @property
    def flow(self) -> FlowFields:
        """Flow between adjacent frames."""
        return self.flow_at(1)

    def flow_at(self, gap: int) -> FlowFields:
        """Flow between frames t and t + gap for t = 0, gap, 2 gap, ...; computed once per gap.

        Raises:
            ItemError: E-FLOW, the frames are too small for the backend.
        """
        if gap not in self._fields:
            source = self._source or EstimatedFlow(self.working, BACKEND)
            self._fields[gap] = source(gap)
        return self._fields[gap]

    def usable(self, gap: int = 1) -> NDArray[np.bool_]:
        """Which pairs of ``flow_at(gap)`` do not straddle a scene cut, [P]."""
        starts, cuts = self.flow_at(gap).starts, np.asarray(self.cuts, np.int64)
        straddles = (cuts[None, :] > starts[:, None]) & (cuts[None, :] <= starts[:, None] + gap)
        return np.logical_not(straddles.any(axis=1))

    def motion_at(self, gap: int) -> Motion:
        """Speeds of the usable pairs of ``flow_at(gap)`` and whether the flow explains the frames; computed once."""
        if gap not in self._motion:
            self._motion[gap] = measure_motion(self.working, self.flow_at(gap), self.usable(gap))
        return self._motion[gap]

    @property
    def motion(self) -> Motion:
        """Motion between adjacent frames."""
        return self.motion_at(1)

    @cached_property
    def cuts(self) -> tuple[int, ...]:
        """Numbers of the frames that begin a new scene.

        A cut needs three signs at once: the colours change, the pixels change, and flow finds little again.
        """
        coverage = self.flow.coverage
        return tuple(
            t + 1
            for t in range(len(self) - 1)
            if coverage[t] < CUT_COVERAGE
            and _mean_difference(self.working[t], self.working[t + 1]) > CUT_DIFFERENCE
            and _histogram_distance(self.working[t], self.working[t + 1]) > CUT_HISTOGRAM
        )

    @cached_property
    def duplicates(self) -> NDArray[np.bool_]:
        """Which adjacent frames are bitwise equal, [T - 1]."""
        same = (np.array_equal(a, b) for a, b in zip(self.frames, self.frames[1:], strict=False))
        return np.fromiter(same, np.bool_, len(self) - 1)

    @property
    def duplicate_share(self) -> float:
        """Share of adjacent frames that are bitwise equal; 0 for a single frame."""
        return float(self.duplicates.mean()) if len(self) > 1 else 0.0

    @cached_property
    def flat(self) -> bool:
        """Whether at least half of the frames are one flat colour."""
        flat = [float(f.std()) / 255 < FLAT_STD for f in self.working]
        return sum(flat) * 2 >= len(flat)

    @cached_property
    def degenerate(self) -> bool:
        """Whether temporal metrics flatter the clip for nothing: it is flat, or nothing moves in it."""
        return self.flat or not self.motion.moves


def _read_only(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    view = array.view()
    view.setflags(write=False)
    return view


def _mean_difference(first: Image, second: Image) -> float:
    return float(np.abs(first.astype(np.int16) - second).mean() / 255)


def _histogram_distance(first: Image, second: Image) -> float:
    """Half the L1 distance of the normalised histograms, the largest over the channels."""
    edges = np.arange(0, 257, 256 // HISTOGRAM_BINS)
    distances = []
    for channel in range(3):
        a, b = (np.histogram(image[..., channel], edges)[0] / image[..., channel].size for image in (first, second))
        distances.append(float(np.abs(a - b).sum() / 2))
    return max(distances)
