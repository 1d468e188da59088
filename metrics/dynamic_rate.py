"""Dynamic rate: does anything move, and how fast are the fastest parts.

Descriptive, without a better side: a still is no video, and chaos is no motion. It stands beside the flicker and
smoothness columns, which a still wins. Like VBench's dynamic degree, it looks at the fastest 5 % of pixels at about 8
frames per second; unlike it, speeds are per eighth of a second whatever the frame rate, and the flow is not RAFT's, so
the two numbers must not be compared.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.api import CUT_PARAMS, FLOW_PARAMS, Clip, Score, metric, window_means

RATE = 8.0  # frames per second
FAST_SHARE = 0.05
THRESHOLD = 100 * 6 / 256  # % of the short side per 1/8 s
DYNAMIC_SHARE = 0.25  # of the pairs
MIN_PAIRS = 3


@metric(
    "dynamic_rate",
    version=1,
    better="none",
    unit="share of videos",
    summary="share of videos in which something moves",
    needs=("flow",),
    params={
        "flow": FLOW_PARAMS,
        "cuts": CUT_PARAMS,
        "rate": RATE,
        "fast_share": FAST_SHARE,
        "threshold": THRESHOLD,
        "dynamic_share": DYNAMIC_SHARE,
        "min_pairs": MIN_PAIRS,
    },
)
def dynamic_rate(clip: Clip) -> Score:
    """1 when the fastest 5 % of pixels exceed 6/256 of the short side per 1/8 s in a quarter of the pairs, else 0.

    Detail: ``motion_p95``, the mean speed of those pixels in % of the short side per 1/8 s, and ``dynamic_pairs``, the
    share of pairs above the threshold. The profile is of ``motion_p95``.
    """
    gap = max(1, round(clip.fps / RATE))
    if len(clip) <= gap:
        return Score.undefined(f"fewer than {MIN_PAIRS} pairs of frames at {RATE:g} fps")
    fields = clip.flow_at(gap)
    keep = np.flatnonzero(clip.usable(gap))
    if len(keep) < MIN_PAIRS:
        return Score.undefined(f"fewer than {MIN_PAIRS} pairs of frames at {RATE:g} fps without a cut")
    per_eighth = clip.fps / gap / RATE
    speed = np.array([fastest(fields.forward[i]) for i in keep]) * per_eighth * 100 / clip.short_side
    above = float((speed >= THRESHOLD).mean())
    detail = {"motion_p95": float(speed.mean()), "dynamic_pairs": above}
    profile = window_means(speed, fields.starts[keep], len(clip))
    return Score(float(above >= DYNAMIC_SHARE), "ok", "", float(fields.coverage[keep].mean()), detail, profile)


def fastest(flow: NDArray[np.float32]) -> float:
    """Mean length of the longest 5 % of the vectors of a field [h, w, 2], in pixels."""
    lengths = np.hypot(flow[..., 0], flow[..., 1]).ravel()
    count = max(1, int(FAST_SHARE * lengths.size))
    return float(np.partition(lengths, lengths.size - count)[-count:].mean(dtype=np.float64))
