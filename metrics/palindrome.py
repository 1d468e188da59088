"""Palindrome score: does the video run back and forth with the position table it was started from.

ExVideo's table gives the frames beyond the base model's length the ids of earlier ones, reflected: 0 1 2 ... 24 23 ...
5 4 5 ... A table that was not tuned away from that makes frames with one id alike. Over all pairs i < j with equal ids,
with D the mean squared difference of two frames and D' its mean over the pairs equally far apart with unequal ids,

    score = sum (D' - D) / sum (D' + D),

in [-1, 1]: 1 when such frames are equal, about 0 when sharing an id makes no difference. Frames are reduced to a short
side of 32 pixels, so that grain does not count.

Fooled by: content that itself swings back and forth in step with the ids (an object that bounces off both walls), and a
loop of a period that divides the reflection's. Control rows without any table tell how far from 0 that leads.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from harness.api import Clip, Frames, Score, metric, window_ratios

NATIVE = 25 / 128  # frames of the base model per frame of the video
REPEAT = 0.8  # length of a reflection per native length
SIDE = 32  # pixels
MIN_NATIVE = 3
SHORTEST = 13  # frames: with fewer, the base model's share of them is below MIN_NATIVE


@metric(
    "palindrome",
    version=1,
    better="none",
    aspect="motion",
    unit="(other - same id) / (other + same id)",
    summary="palindrome: likeness of frames that share a reflected position id, beyond equally distant ones",
    params={"native_ratio": NATIVE, "repeat_ratio": REPEAT, "side": SIDE, "ids": {"40": [8, 6], "128": [25, 20]}},
    responds={"still": "undefined", "flip": "same"},
    bounds=(-1, 1),
)
def palindrome(clip: Clip) -> Score:
    """The score of the module's formula; undefined for a still or for a video with hardly any reflected id.

    Detail: ``max_id`` and ``repeat_length`` of the reflection, ``pairs`` with equal ids. The profile takes each pair
    at its middle.
    """
    max_id, repeat = reflection(len(clip))
    if max_id < MIN_NATIVE:
        return Score.undefined(f"fewer than {SHORTEST} frames have no reflected positions")
    first, second, above, below = contrasts(distances(clip.frames), reflected_ids(len(clip), max_id, repeat))
    if not below.sum() > 0:
        return Score.undefined("static: frames do not differ")
    detail = {"max_id": max_id, "repeat_length": repeat, "pairs": len(first)}
    profile = window_ratios(above, below, (first + second) // 2, len(clip))
    return Score(float(above.sum() / below.sum()), "ok", "", 1.0, detail, profile)


def reflection(num_frames: int) -> tuple[int, int]:
    """``max_id`` and ``repeat_length`` for a length: 25 and 20 of 128 frames, 8 and 6 of 40."""
    max_id = round(NATIVE * num_frames)
    return max_id, max(1, min(max_id - 1, round(REPEAT * max_id)))


def reflected_ids(num_frames: int, max_id: int, repeat: int) -> NDArray[np.int64]:
    """Frame numbers up to ``max_id``, then a triangle wave between ``max_id - 1`` and ``max_id - 1 - repeat``."""
    frames = np.arange(num_frames, dtype=np.int64)
    phase = (frames - max_id) % (2 * repeat)
    wave = np.where(phase < repeat, max_id - 2 - phase, max_id + phase - 2 * repeat)
    return np.where(frames < max_id, frames, wave)


def distances(frames: Frames) -> NDArray[np.float64]:
    """Mean squared differences of all pairs of frames [T, H, W, 3], colours in [0, 1]: [T, T]."""
    height, width = frames.shape[1:3]
    scale = min(1.0, SIDE / min(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = np.stack([cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in frames])
    rows = small.reshape(len(frames), -1).astype(np.float64) / 255
    return np.stack([np.square(rows - row).mean(axis=1) for row in rows])


def contrasts(
    distance: NDArray[np.float64], ids: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """The pairs (i, j) with equal ids for which there are equally distant pairs without, and D' - D and D' + D."""
    first, second = np.triu_indices(len(ids), 1)
    apart, same = second - first, ids[first] == ids[second]
    values = distance[first, second]
    other: Mapping[int, float] = {
        int(lag): float(values[(apart == lag) & ~same].mean()) for lag in np.unique(apart[~same])
    }
    keep = same & np.isin(apart, list(other))
    reference = np.array([other[int(lag)] for lag in apart[keep]])
    return first[keep], second[keep], reference - values[keep], reference + values[keep]
