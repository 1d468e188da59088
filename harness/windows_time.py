"""The time profile of a metric: the clip in eight equal parts, because a mean over a long clip hides drift."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

WINDOWS = 8

Profile = tuple[float | None, ...]


def window_of(starts: NDArray[np.int64], num_frames: int) -> NDArray[np.int64]:
    """The eighth (0 to 7) that each frame number belongs to."""
    windows: NDArray[np.int64] = starts * WINDOWS // num_frames
    return windows


def window_means(values: NDArray[np.float64], starts: NDArray[np.int64], num_frames: int) -> Profile:
    """Mean of the measurements that start in each eighth; None where there is none.

    Args:
        values: [P], without NaN.
        starts: [P] frame numbers in [0, num_frames).
        num_frames: length of the clip.
    """
    return window_ratios(values, np.ones(len(values)), starts, num_frames)


def window_ratios(
    above: NDArray[np.float64], below: NDArray[np.float64], starts: NDArray[np.int64], num_frames: int
) -> Profile:
    """Ratio of sums in each eighth; None where the lower sum is 0."""
    window = window_of(starts, num_frames)
    upper = np.bincount(window, above, WINDOWS)
    lower = np.bincount(window, below, WINDOWS)
    return tuple(float(a / b) if b > 0 else None for a, b in zip(upper, lower, strict=True))
