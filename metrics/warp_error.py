"""Warp error: what is left of the difference between neighbouring frames once motion is taken out (flicker).

For a pair (t, t + 1) with flow F and valid pixels V (inside the image, not occluded, not on a motion boundary):

    E_t = sum_V |V_{t+1}(x + F(x)) - V_t(x)|^2 / (3 |V|),   colours in [0, 1]

The score is the mean of E_t over pairs with coverage |V| / HW of at least 0.3 that straddle no scene cut. A pair
without valid pixels is dropped and never counts as perfect. After Lai et al., ECCV 2018, section 4.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.api import CUT_PARAMS, FLOW_PARAMS, Clip, FlowFields, Score, metric, warp, window_means

COVERAGE_FLOOR = 0.30
GAPS = (2, 4, 8, 16)
Float = NDArray[np.float64]


@dataclass(frozen=True)
class Residuals:
    """Per measured pair, [P]: mean squared residual, its whole-frame part, variance of the frame, coverage, frame."""

    error: Float
    global_part: Float
    contrast: Float
    coverage: Float
    starts: NDArray[np.int64]


@metric(
    "warp_error",
    version=1,
    better="lower",
    unit="MSE of [0, 1] colours",
    summary="temporal flicker: squared difference of neighbouring frames along the motion",
    needs=("flow",),
    beside="dynamic_rate",
    params={"flow": FLOW_PARAMS, "cuts": CUT_PARAMS, "coverage_floor": COVERAGE_FLOOR, "gaps": list(GAPS)},
)
def warp_error(clip: Clip) -> Score:
    """Mean squared residual after motion compensation, in [0, 1].

    Detail: ``rmse_255``; ``p95`` of the pairs; ``flicker_dc`` and ``flicker_ac``, the part that moves the colour of the
    whole frame and the rest, which sum to the value; ``relative``, the value over the variance of the frames;
    ``gap_k`` and ``gap_k_coverage`` for pairs k frames apart; ``n_cuts``, ``duplicate_share`` and ``degenerate``.
    """
    if len(clip) < 2:
        return Score.excluded("fewer than 2 frames")
    found = residuals(clip, 1)
    coverage = float(clip.flow.coverage.mean())
    if not len(found.starts):
        return Score.excluded("no pair of frames has enough valid pixels", coverage=coverage, detail=_state(clip))
    value = float(found.error.mean())
    dc = float(found.global_part.mean())
    detail = {
        "rmse_255": 255 * value**0.5,
        "p95": float(np.quantile(found.error, 0.95)),
        "flicker_dc": dc,
        "flicker_ac": value - dc,
        **_relative(value, found),
        **_long_range(clip),
        **_state(clip),
    }
    return Score(value, "ok", "", coverage, detail, window_means(found.error, found.starts, len(clip)))


def residuals(clip: Clip, gap: int) -> Residuals:
    """Measure the pairs of one gap that are good enough to be measured."""
    fields = clip.flow_at(gap)
    keep = np.flatnonzero(clip.usable(gap) & (fields.coverage >= COVERAGE_FLOOR))
    rows = np.array([_pair(clip, fields, int(index)) for index in keep], np.float64).reshape(-1, 3)
    return Residuals(rows[:, 0], rows[:, 1], rows[:, 2], fields.coverage[keep], fields.starts[keep])


def _pair(clip: Clip, fields: FlowFields, index: int) -> tuple[float, float, float]:
    start, valid = int(fields.starts[index]), fields.valid[index]
    here = clip.working[start][valid].astype(np.float64) / 255
    there = warp(clip.working[start + fields.gap], fields.forward[index])[valid].astype(np.float64) / 255
    residual = there - here
    return float(np.square(residual).mean()), float(np.square(residual.mean(0)).mean()), float(here.var(0).mean())


def _relative(value: float, found: Residuals) -> dict[str, float]:
    contrast = float(found.contrast.mean())
    return {"relative": value / contrast} if contrast > 0 else {}


def _long_range(clip: Clip) -> dict[str, float]:
    detail: dict[str, float] = {}
    for gap in GAPS:
        if gap < len(clip):
            found = residuals(clip, gap)
            detail[f"gap_{gap}_coverage"] = float(clip.flow_at(gap).coverage.mean())
            if len(found.starts):
                detail[f"gap_{gap}"] = float(found.error.mean())
    return detail


def _state(clip: Clip) -> dict[str, float]:
    return {
        "n_cuts": len(clip.cuts),
        "duplicate_share": clip.duplicate_share,
        "degenerate": float(clip.degenerate),
    }
