"""Two grey frames at one brightness and over the full range of bytes: what an estimator that assumes constant
brightness and takes 8 bits is given.

A flicker of a whole frame, its exposure or its contrast, is no motion, but it becomes one where the flow is held to
equal brightness. The second frame is therefore modelled as ``gain * first + offset`` and both are brought half-way to
each other. The model is fitted to points that a coarse flow matches, by iteratively reweighted moments: mean and spread
of both sides under weights that fall with the residual, so that what appears, is covered or was matched wrongly does
not count. Spread against spread instead of a regression, whose slope would shrink with every wrong match.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Bytes = NDArray[np.uint8]
Coarse = Callable[[Bytes, Bytes], Float32]
"""Two grey images [h, w] to a rough flow [h, w, 2]."""

POINTS = 1024
ROUNDS = 8
COARSE_SIDE = 256  # pixels; frames of this short side and larger are matched at half their size
LEAST_SPREAD = 2.0  # grey levels, SD of what is matched; below it there is no contrast to compare
NEGLIGIBLE = 0.25  # grey levels; a smaller change of contrast is left alone, so that clips without flicker are
MOST_GAIN = 2.0
MOST_STRETCH = 8.0


def balanced(first: Float32, second: Float32, coarse: Coarse) -> tuple[Bytes, Bytes]:
    """Two grey frames [h, w] in [0, 255] at one brightness and contrast, their common range stretched to bytes."""
    gain, offset = brightness_change(first, second, coarse)
    root = float(np.sqrt(gain))
    shift = offset / (1 + root)
    return _stretched(first * root + shift, (second - offset) / root + shift)


def brightness_change(first: Float32, second: Float32, coarse: Coarse) -> tuple[float, float]:
    """Gain and offset in grey levels that take the first frame's brightness to the second's."""
    offset = float(np.median((second - first)[::2, ::2]))
    here, there = _matches(first, second, offset, coarse)
    fitted = _fit(here, there, offset) if len(here) else None
    if fitted is None or not 1 / MOST_GAIN <= fitted[0] <= MOST_GAIN:
        return 1.0, offset
    change = np.abs((fitted[0] - 1) * here + fitted[1] - offset)
    return fitted if float(change.mean()) > NEGLIGIBLE else (1.0, offset)


def _matches(first: Float32, second: Float32, offset: float, coarse: Coarse) -> tuple[Float64, Float64]:
    """Grey levels at about 1024 points of the first frame and where the coarse flow finds them in the second."""
    height, width = first.shape
    half = 2 if min(height, width) >= COARSE_SIDE else 1
    size = (width // half, height // half)
    images = [
        _bytes(image if half == 1 else cv2.resize(image, size, interpolation=cv2.INTER_AREA))
        for image in (first + offset / 2, second - offset / 2)
    ]
    step = max(1, round((size[0] * size[1] / POINTS) ** 0.5))
    flow = coarse(images[0], images[1])[::step, ::step]
    y, x = np.mgrid[0 : size[1] : step, 0 : size[0] : step] * half
    to_x, to_y = (axis + np.rint(half * part).astype(np.int64) for axis, part in ((x, flow[..., 0]), (y, flow[..., 1])))
    inside = (to_x >= 0) & (to_x < width) & (to_y >= 0) & (to_y < height)
    here, there = first[y[inside], x[inside]], second[to_y[inside], to_x[inside]]
    return here.astype(np.float64), there.astype(np.float64)


def _fit(here: Float64, there: Float64, offset: float) -> tuple[float, float] | None:
    """Gain and offset by reweighted moments; None where there is no contrast."""
    gain = 1.0
    for _ in range(ROUNDS):
        residual = np.abs(there - gain * here - offset)
        scale = max(1.0, 1.4826 * float(np.median(residual)))
        weight = 1 / np.square(1 + np.square(residual / scale))
        weight /= weight.sum()
        mean_here, mean_there = weight @ here, weight @ there
        spread_here, spread_there = (
            float(np.sqrt(weight @ np.square(values - mean)))
            for values, mean in ((here, mean_here), (there, mean_there))
        )
        if min(spread_here, spread_there) < LEAST_SPREAD:
            return None
        gain = spread_there / spread_here
        offset = float(mean_there - gain * mean_here)
    return gain, offset


def _stretched(first: Float32, second: Float32) -> tuple[Bytes, Bytes]:
    low = float(min(first.min(), second.min()))
    high = float(max(first.max(), second.max()))
    factor = min(MOST_STRETCH, 255 / max(high - low, 1.0))
    return _bytes((first - low) * factor), _bytes((second - low) * factor)


def _bytes(grey: Float32) -> Bytes:
    return np.asarray(np.clip(np.rint(grey), 0, 255), np.uint8)
