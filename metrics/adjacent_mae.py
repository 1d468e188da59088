"""VBench's temporal flickering, by its exact formula, so that published tables can be read beside this board.

    1 - mean_t mean_x |V_{t+1}(x) - V_t(x)| / 255,   bytes of the stored frames at their own size

It has no better side here, because it is no measure of flicker in a clip that moves: a perfect pan of 3 pixels a frame
scores .92, a still with a visible flicker of 3 % .94. VBench asks for static clips first; `warp_error` needs none.

Fooled by: motion, which it punishes; a still image, which is perfect; and blur, which makes neighbours alike.
"""

from __future__ import annotations

import numpy as np

from harness.api import Clip, Score, metric, window_means


@metric(
    "adjacent_mae",
    version=1,
    better="none",
    aspect="flicker",
    unit="1 - MAE / 255",
    summary="VBench's temporal flickering, for comparison with published tables only: it punishes motion",
    beside="dynamic_rate",
    responds={"flip": "same"},
    bounds=(0, 1),
)
def adjacent_mae(clip: Clip) -> Score:
    """One minus the mean absolute difference of adjacent frames over 255, in [0, 1]; 1 for a still."""
    if len(clip) < 2:
        return Score.excluded("fewer than 2 frames")
    pairs = zip(clip.frames, clip.frames[1:], strict=False)
    score = 1 - np.array([np.abs(b.astype(np.int16) - a).mean() for a, b in pairs]) / 255
    profile = window_means(score, np.arange(len(score), dtype=np.int64), len(clip))
    return Score(float(score.mean()), "ok", "", 1.0, {}, profile)
