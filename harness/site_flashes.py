"""Whether a video flashes so that it may harm: WCAG 2.2, success criterion 2.3.1. Pure functions of frames.

A flash is a pair of opposing changes. A general flash changes relative luminance by a tenth of the full scale or more,
the darker state below 0.8; a red flash changes (R - G - B) x 320 by more than 20, with a saturated red in either state.
Both are followed in cells of the picture, because a mean over all of it hides what flashes in a part; a cell is large
enough for fine noise to balance in it. More than three flashes within a second, in more than a quarter of the cells at
once, are too many.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.model import Frames

CELLS = 16  # along either side of the picture
SHARE = 0.25  # of the picture
PER_SECOND = 3
STEP, DARKER = 0.1, 0.8
RED_SCALE, RED_STEP, SATURATED = 320.0, 20.0, 0.8
FASTEST = 2  # what the page's transport offers at most, times the speed of the video

Values = NDArray[np.float64]


def flashes(frames: Frames, fps: int, speed: float = 1.0) -> bool:
    """Whether uint8 [T, H, W, 3], shown at ``speed`` times ``fps`` frames a second, flashes more than three times."""
    light = np.stack([_cells(frame) for frame in frames])
    luminance = light @ np.array([0.2126, 0.7152, 0.0722])
    red = np.maximum(light[..., 0] - light[..., 1] - light[..., 2], 0) * RED_SCALE
    saturated = light[..., 0] >= SATURATED * light.sum(axis=-1)
    general = _turns(luminance, STEP, luminance < DARKER)
    coloured = _turns(red, np.nextafter(RED_STEP, np.inf), saturated & (light[..., 0] > 0))
    return any(_too_many(turns, round(fps * speed)) for turns in (general, coloured))


def _cells(frame: NDArray[np.uint8]) -> Values:
    """The mean linear light of every cell of a frame [H, W, 3]: float64 [cells, 3] in [0, 1]."""
    share = np.arange(256) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)[frame]
    for axis in (0, 1):
        size = frame.shape[axis]
        edges = np.linspace(0, size, min(CELLS, size), endpoint=False).astype(int)
        counts = np.diff(np.append(edges, size)).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        linear = np.add.reduceat(linear, edges, axis=axis) / counts
    return linear.reshape(-1, 3)


def _turns(values: Values, step: float, counts: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """When a change of at least ``step`` completes that is opposite to the one before it: bool [T, cells].

    A change counts where ``counts`` holds in the state before it or in the one after.
    """
    anchor, counted = values[0].copy(), counts[0].copy()
    direction = np.zeros(anchor.shape, int)
    found = np.zeros(values.shape, bool)
    for time in range(1, len(values)):
        value = values[time]
        sign = np.where(value > anchor, 1, -1)
        same = sign == direction
        turned = ~same & (np.abs(value - anchor) >= step) & (counted | counts[time])
        found[time] = turned
        anchor = np.where(same | turned, value, anchor)
        counted = np.where(same | turned, counts[time], counted)
        direction = np.where(turned, sign, direction)
    return found


def _too_many(turns: NDArray[np.bool_], window: int) -> bool:
    """Whether, within ``window`` frames, enough cells turn more than twice for each of three flashes."""
    total = np.concatenate([np.zeros((1, turns.shape[1]), int), np.cumsum(turns, axis=0)])
    starts = np.arange(len(turns))
    ends = np.minimum(starts + max(window, 1), len(turns))
    busy = total[ends] - total[starts] > 2 * PER_SECOND
    return bool((busy.mean(axis=1) > SHARE).any())
