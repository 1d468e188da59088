"""Warp error: what is left of the difference between neighbouring frames once motion is taken out (flicker).

For a pair (t, t + 1) with flow F and valid pixels V (inside the image, not occluded, not on a motion boundary):

    E_t = sum_V |V_{t+1}(x + F(x)) - V_t(x)|^2 / (3 |V|),   colours in [0, 1]

The score is the mean of E_t over pairs with coverage |V| / HW of at least 0.3 (0.5 below 128 pixels) that straddle no
scene cut. A pair without valid pixels is dropped and never counts as perfect, and a clip that loses more than half of
its pairs is not measured by the rest. After Lai et al., ECCV 2018, section 4.

Fooled by: a still image, which has no error (``degenerate`` in the detail, and ``dynamic_rate`` beside it); blur and
low contrast, which leave little to differ (``relative`` divides by the contrast); an estimator that bends its flow to
explain an artefact away; flicker where the flow is masked, since only the covered part counts; and slow drift, which
neighbouring frames do not show (``gap_16``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.api import CUT_PARAMS, FLOW_PARAMS, Clip, FlowFields, Score, metric, warp, window_means

COVERAGE_FLOOR = 0.30
# Small images get a finer flow estimate, which finds agreement in independent noise more often: two thirds of its pairs
# exceed 0.3 at 64 px, a third exceed 0.5. Real clips of the world have 0.7 to 0.95.
SMALL_SIDE, SMALL_COVERAGE_FLOOR = 128, 0.50
MIN_SHARE = 0.5  # of the pairs that straddle no cut
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
    aspect="flicker",
    headline=True,
    unit="MSE of [0, 1] colours",
    summary="temporal flicker: squared difference of neighbouring frames along the motion",
    needs=("flow",),
    beside="dynamic_rate",
    params={
        "flow": FLOW_PARAMS,
        "cuts": CUT_PARAMS,
        "coverage_floor": COVERAGE_FLOOR,
        "small": [SMALL_SIDE, SMALL_COVERAGE_FLOOR],
        "min_share": MIN_SHARE,
        "gaps": list(GAPS),
    },
    responds={"still": "marked", "shuffle": "worse", "flicker": "worse", "flip": "same"},
    bounds=(0, 1),
)
def warp_error(clip: Clip) -> Score:
    """Mean squared residual after motion compensation, in [0, 1].

    Detail: ``rmse_255``; ``p95`` of the pairs; ``flicker_dc`` and ``flicker_ac``, the part that moves the colour of the
    whole frame and the rest, which sum to the value; ``relative``, the value over the variance of the frames;
    ``gap_k`` and ``gap_k_coverage`` for pairs k frames apart; ``n_cuts`` and ``duplicate_share``; ``degenerate`` is 1
    where half of the frames are flat or nothing moves, so that the value is no merit.
    """
    if len(clip) < 2:
        return Score.excluded("fewer than 2 frames")
    found = residuals(clip, 1)
    coverage = float(clip.flow.coverage.mean())
    if not len(found.starts) or len(found.starts) < MIN_SHARE * clip.usable(1).sum():
        return Score.excluded(_why_unmeasured(clip), coverage=coverage, detail=_state(clip))
    value = float(found.error.mean())
    dc = float(found.global_part.mean())
    detail = {
        "rmse_255": 255 * value**0.5,
        "p95": float(np.quantile(found.error, 0.95)),
        "flicker_dc": dc,
        "flicker_ac": max(0.0, value - dc),
        **_relative(value, found),
        **_long_range(clip),
        **_state(clip),
    }
    return Score(value, "ok", "", coverage, detail, window_means(found.error, found.starts, len(clip)))


def residuals(clip: Clip, gap: int) -> Residuals:
    """Measure the pairs of one gap that are good enough to be measured."""
    fields = clip.flow_at(gap)
    floor = SMALL_COVERAGE_FLOOR if clip.short_side < SMALL_SIDE else COVERAGE_FLOOR
    keep = np.flatnonzero(clip.usable(gap) & (fields.coverage >= floor))
    rows = np.array([_pair(clip, fields, int(index)) for index in keep], np.float64).reshape(-1, 3)
    return Residuals(rows[:, 0], rows[:, 1], rows[:, 2], fields.coverage[keep], fields.starts[keep])


def _why_unmeasured(clip: Clip) -> str:
    if not clip.usable(1).any():
        return "every pair of frames straddles a cut"
    return "too few pairs of frames have enough valid pixels"


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
