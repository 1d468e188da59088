"""Flow smoothness: how little the motion along trajectories changes from one frame to the next.

The acceleration at x in frame t follows the moving point, a_t(x) = F_{t+1}(x + F_t(x)) - F_t(x); subtracting flows at
one pixel would punish every moving edge. With M the pixels whose motion is valid in both steps,

    r = sum_t sum_M |a_t| / sum_t sum_M (|F_t(x)| + |F_{t+1}(x + F_t(x))|),     S = 1 - r,

in [0, 1] by the triangle inequality. Constant velocity gives 1, a reversal every frame gives 0. Nothing that stands
still has a smoothness, so a static clip is undefined, never 1; neither has flow that is only what an estimator makes of
noise or flicker, which following it does not explain.

Fooled by: slow motion (halve every speed and the acceleration falls fourfold: read it beside ``dynamic_rate``); an
estimator that smooths over time or space; strong noise, whose jitter counts as acceleration as long as the motion below
still explains the frames; a higher frame rate. It does not see appearance: a melting object that melts steadily is
smooth. Flicker of the whole frame's brightness is taken out before flow is estimated; flicker of its contrast or of a
part of it is not, nor is the rounding to bytes that a flicker by a fraction of a grey level makes in flat areas.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.api import (
    CUT_PARAMS,
    FLOW_PARAMS,
    MOTION_PARAMS,
    Clip,
    Motion,
    Score,
    landed,
    metric,
    warp,
    window_ratios,
)

COVERAGE_FLOOR = 0.30
Float = NDArray[np.float64]


@dataclass(frozen=True)
class Steps:
    """Per measured frame t, [P]; sums over valid pixels in pixels of the working images.

    ``turn`` is the sum of |a|, ``path`` of |F_t| + |F_{t+1}|; ``speed`` and ``turn_mean`` are means over the pixels.
    """

    turn: Float
    path: Float
    speed: Float
    turn_mean: Float
    starts: NDArray[np.int64]
    coverage: float


@metric(
    "flow_smoothness",
    version=1,
    better="higher",
    aspect="motion",
    headline=True,
    unit="1 - acceleration / speed",
    summary="motion smoothness: how steady the velocity is along trajectories",
    needs=("flow",),
    beside="dynamic_rate",
    params={
        "flow": FLOW_PARAMS,
        "cuts": CUT_PARAMS,
        "coverage_floor": COVERAGE_FLOOR,
        "gate": MOTION_PARAMS,
    },
    responds={"still": "undefined", "shuffle": "worse", "flicker": "same", "flip": "same"},
    bounds=(0, 1),
)
def flow_smoothness(clip: Clip) -> Score:
    """1 - r, in [0, 1]; undefined for a static clip. Compare at equal frame rates only: r shrinks as 1 / fps.

    Detail: ``accel_px`` (pixels / frame^2 of the working image), ``accel_ps2`` (short sides / s^2), ``speed_px``
    (pixels / frame), ``r_per_s`` (r * fps, nearly free of the frame rate), ``steps`` (pairs of pairs measured),
    ``explained`` (share of the change between frames that following the flow explains, see `harness.flow_motion`).
    """
    if len(clip) < 3:
        return Score.excluded("fewer than 3 frames")
    steps = measure(clip)
    if not len(steps.starts):
        return Score.excluded(_why_unmeasured(clip), coverage=steps.coverage)
    accel = float(steps.turn_mean.mean())
    detail = {
        "accel_px": accel,
        "accel_ps2": accel * clip.fps**2 / clip.short_side,
        "speed_px": float(steps.speed.mean()),
        "steps": len(steps.starts),
        "explained": clip.motion.explained,
    }
    if not clip.motion.moves:
        return Score.undefined(why_static(clip.motion), coverage=steps.coverage, detail=detail)
    roughness = float(steps.turn.sum() / steps.path.sum())
    detail["r_per_s"] = roughness * clip.fps
    profile = window_ratios(steps.path - steps.turn, steps.path, steps.starts, len(clip))
    return Score(1 - roughness, "ok", "", steps.coverage, detail, profile)


def _why_unmeasured(clip: Clip) -> str:
    usable = clip.usable()
    if not (usable[1:] & usable[:-1]).any():
        return "no three frames in a row without a cut between them"
    return "no step has enough valid pixels"


def why_static(motion: Motion) -> str:
    """The reason why a clip that does not pass the gate has no smoothness."""
    if motion.evident:
        return "static: too little motion to judge"
    return "static: what changes is noise or flicker, following the flow does not explain it"


def measure(clip: Clip) -> Steps:
    """Accelerations of all steps (t, t + 1, t + 2) with enough pixels that are valid throughout."""
    fields, usable = clip.flow, clip.usable()
    rows, starts, coverage = [], [], []
    for t in range(len(fields) - 1):
        if not (usable[t] and usable[t + 1]):
            continue
        first = fields.forward[t]
        mask = fields.valid[t] & landed(fields.valid[t + 1], first)
        coverage.append(float(mask.mean()))
        if coverage[-1] >= COVERAGE_FLOOR:
            rows.append(_step(first[mask], warp(fields.forward[t + 1], first)[mask]))
            starts.append(t)
    table = np.array(rows, np.float64).reshape(-1, 4)
    mean_coverage = float(np.mean(coverage)) if coverage else 0.0
    turn, path, speed, turn_mean = table.T
    return Steps(turn, path, speed, turn_mean, np.array(starts, np.int64), mean_coverage)


def _step(first: NDArray[np.float32], second: NDArray[np.float32]) -> tuple[float, float, float, float]:
    turn, before, after = _length(second - first), _length(first), _length(second)
    return float(turn.sum()), float((before + after).sum()), float(before.mean()), float(turn.mean())


def _length(vectors: NDArray[np.float32]) -> Float:
    return np.hypot(vectors[:, 0], vectors[:, 1], dtype=np.float64)
