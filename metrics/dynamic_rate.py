"""Dynamic rate: does anything move, and how fast are the fastest parts.

Descriptive, without a better side: a still is no video, and chaos is no motion. It stands beside the flicker and
smoothness columns, which a still wins. Like VBench's dynamic degree, it looks at the fastest 5 % of pixels at about 8
frames per second; unlike it, speeds are per eighth of a second whatever the frame rate, and the flow is not RAFT's, so
the two numbers must not be compared.

Noise and flicker do not count as motion: following the flow has to explain what changes between the frames
(`harness.flow_motion`). Frames that do not show the same things have no motion to speak of: without enough pixels that
are found again, the clip is excluded.

Fooled by: a camera pan over a still image, which moves every pixel (``residual_speed`` in the detail is what is left
beside the camera); melting and boiling texture, which moves without going anywhere; and the threshold itself, so read
``motion_p95`` where two variants stand on its two sides.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.api import (
    CAMERA_PARAMS,
    CUT_PARAMS,
    FLOW_PARAMS,
    MOTION_PARAMS,
    Clip,
    FlowFields,
    Score,
    camera_flow,
    fastest,
    metric,
    window_means,
)

RATE = 8.0  # frames per second
THRESHOLD = 100 * 6 / 256  # % of the short side per 1/8 s
DYNAMIC_SHARE = 0.25  # of the pairs
COVERAGE_FLOOR = 0.30  # mean over the pairs
MIN_PAIRS = 3


@metric(
    "dynamic_rate",
    version=2,
    better="none",
    aspect="motion",
    headline=True,
    unit="share of videos",
    summary="share of videos in which something moves",
    needs=("flow",),
    params={
        "flow": FLOW_PARAMS,
        "cuts": CUT_PARAMS,
        "camera": CAMERA_PARAMS,
        "gate": MOTION_PARAMS,
        "rate": RATE,
        "threshold": THRESHOLD,
        "dynamic_share": DYNAMIC_SHARE,
        "min_pairs": MIN_PAIRS,
        "coverage_floor": COVERAGE_FLOOR,
    },
    responds={"still": "zero", "flicker": "same", "flip": "same"},
    bounds=(0, 1),
    profile="mean speed of the fastest pixels",
    profile_unit="% of the short side per 1/8 s",
)
def dynamic_rate(clip: Clip) -> Score:
    """1 when the fastest 5 % of pixels exceed 6/256 of the short side per 1/8 s in a quarter of the pairs, else 0.

    Detail, in % of the short side per 1/8 s: ``motion_p95``, the mean speed of the fastest pixels; ``camera_speed``,
    that of the camera (the similarity transform most pixels agree on); ``residual_speed``, the mean speed of the valid
    pixels relative to it. ``dynamic_pairs`` is the share of pairs above the threshold, ``explained`` the share of the
    change between frames that following the flow explains. The profile is of ``motion_p95``.
    """
    gap = max(1, round(clip.fps / RATE))
    if len(clip) <= gap:
        return Score.undefined(f"fewer than {MIN_PAIRS} pairs of frames at {RATE:g} fps")
    fields = clip.flow_at(gap)
    keep = np.flatnonzero(clip.usable(gap))
    if len(keep) < MIN_PAIRS:
        return Score.undefined(f"fewer than {MIN_PAIRS} pairs of frames at {RATE:g} fps without a cut")
    coverage = float(fields.coverage[keep].mean())
    if coverage < COVERAGE_FLOOR:
        return Score.excluded("flow finds too little of a frame in the next", coverage=coverage)
    scale = clip.fps / gap / RATE * 100 / clip.short_side
    speed = np.array([fastest(_length(fields.forward[i])) for i in keep]) * scale
    above, motion = float((speed >= THRESHOLD).mean()), clip.motion_at(gap)
    dynamic = above >= DYNAMIC_SHARE and motion.evident
    detail = {
        "motion_p95": float(speed.mean()),
        "dynamic_pairs": above,
        "explained": motion.explained,
        **_split(fields, keep, scale),
    }
    profile = window_means(speed, fields.starts[keep], len(clip))
    return Score(float(dynamic), "ok", "", coverage, detail, profile)


def _split(fields: FlowFields, keep: NDArray[np.int64], scale: float) -> dict[str, float]:
    """Mean speed of the camera and of what moves relative to it; empty where no pair has enough valid pixels."""
    camera, residual = [], []
    for index in keep:
        flow, valid = fields.forward[index], fields.valid[index]
        model = camera_flow(flow, valid)
        if model is not None:
            camera.append(float(_length(model).mean()))
            residual.append(float(_length(flow - model)[valid].mean()))
    if not camera:
        return {}
    return {"camera_speed": float(np.mean(camera)) * scale, "residual_speed": float(np.mean(residual)) * scale}


def _length(flow: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.hypot(flow[..., 0], flow[..., 1])
