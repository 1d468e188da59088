"""Camera against objects: the similarity transform that most of a flow field agrees on, and what is left of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

ROUNDS = 12
STEP = 4  # every fourth pixel of both axes takes part in the fit
MIN_PIXELS = 16
FLOOR = 0.02  # pixels; deviations below it count alike
CAMERA_PARAMS = {"model": "similarity, least absolute deviations", "step": STEP, "rounds": ROUNDS}


def camera_flow(flow: Float32, valid: NDArray[np.bool_]) -> Float32 | None:
    """The flow that a moving, turning and zooming camera alone would make: float32 [h, w, 2].

    Fits ``u = a x - b y + c, v = b x + a y + d`` by least absolute deviations (iteratively reweighted least squares),
    so that objects covering less than half of the pixels do not pull it.

    Returns:
        None where too few pixels of [h, w] are valid.
    """
    height, width = flow.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float64)
    x, y = x - (width - 1) / 2, y - (height - 1) / 2
    seen = np.zeros_like(valid)
    seen[::STEP, ::STEP] = valid[::STEP, ::STEP]
    if seen.sum() < MIN_PIXELS:
        return None
    a, b, c, d = _fit(x[seen], y[seen], flow[seen].astype(np.float64))
    return np.stack([a * x - b * y + c, b * x + a * y + d], axis=-1).astype(np.float32)


def _fit(x: Float64, y: Float64, flow: Float64) -> Float64:
    zero, one = np.zeros_like(x), np.ones_like(x)
    rows = np.concatenate([np.stack([x, -y, one, zero], 1), np.stack([y, x, zero, one], 1)])
    target = np.concatenate([flow[:, 0], flow[:, 1]])
    # The median is the robust start: least squares would begin between camera and object.
    model = np.array([0.0, 0.0, *np.median(flow, axis=0)])
    for _ in range(ROUNDS):
        error = (rows @ model - target).reshape(2, -1)
        weight = 1 / np.maximum(np.hypot(error[0], error[1]), FLOOR)
        root = np.sqrt(np.concatenate([weight, weight]))
        model = np.linalg.lstsq(rows * root[:, None], target * root, rcond=None)[0]
    return model
