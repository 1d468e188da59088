"""Exposure drift: long videos tend to grow brighter or darker.

Fooled by: a scene in which somebody switches the light on.
"""

from __future__ import annotations

import numpy as np

from harness.api import Clip, Score, metric


@metric(
    "exposure_drift",
    version=1,
    better="lower",
    unit="of 1",
    summary="mean brightness of the last eighth against the first",
    aspect="fidelity",
    responds={"still": "best", "cut": "worse", "flip": "same"},
)
def exposure_drift(clip: Clip) -> Score:
    """|mean of the last eighth of the frames - mean of the first eighth|, from 0 to 1."""
    if len(clip) < 8:
        return Score.excluded("fewer than 8 frames")
    level = clip.frames.mean(axis=(1, 2, 3)) / 255
    part = len(clip) // 8
    return Score(float(np.abs(level[-part:].mean() - level[:part].mean())), coverage=1.0)
