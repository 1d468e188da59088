"""Colour drift: how far the colours of a clip's end are from those of its beginning, wherever things have moved to.

Long videos fade, redden or burn out over their length, which neighbouring frames do not show. Per colour channel, let
Q_t(u) be the quantile function of frame t, and Q_k the mean of (Q_t + Q_{t+1}) / 2 over the k-th eighth of the pairs of
neighbours, in which a flicker from frame to frame cancels. Then

    D_k = mean over channels of  integral |Q_k(u) - Q_0(u)| du,    score = D_7,   colours in [0, 1]:

the 1-Wasserstein distance of the colour distributions. It does not depend on where a colour is, so motion inside the
frame costs nothing.

Fooled by: a still image, which cannot drift (``dynamic_rate`` beside it); frames out of order, which mix the
ends; a scene that has reason to change, when a camera pans to other colours or an object enters; and drift that leaves
the colours alone, such as a loss of sharpness or of shape (``end`` and ``slope`` of the ``ff_`` columns).
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from harness.api import WINDOWS, Clip, Image, Score, metric, window_of

QUANTILES = 256


@metric(
    "colour_drift",
    version=1,
    better="lower",
    aspect="fidelity",
    unit="share of the colour range",
    summary="colour drift: distance of the colours in the last eighth of the clip to those in the first",
    beside="dynamic_rate",
    params={"quantiles": QUANTILES, "windows": WINDOWS, "of": "means of neighbours"},
    responds={"still": "best", "cut": "worse", "flip": "same"},
    bounds=(0, 1),
    profile="distance of each part's colours to those of the first",
    profile_unit="share of the colour range",
)
def colour_drift(clip: Clip) -> Score:
    """D_7 of the module's formula, in [0, 1]; 0 for a still. The profile is D_0 = 0, D_1, ..., D_7.

    Detail: ``slope``, the least-squares slope of D_k over the length of the clip.
    """
    if len(clip) <= WINDOWS:
        return Score.excluded(f"fewer than {WINDOWS + 1} frames")
    pairs = len(clip) - 1
    places = window_of(np.arange(pairs, dtype=np.int64), pairs)
    sums = np.zeros((WINDOWS, QUANTILES, 3), np.int64)  # of whole grey levels, so that equal frames differ by nothing
    functions = (quantiles(frame) for frame in clip.working)
    for place, (first, second) in zip(places, pairwise(functions), strict=True):
        sums[place] += first + second
    means = sums / (2 * 255 * np.bincount(places, minlength=WINDOWS)[:, None, None])
    drift = np.abs(means - means[0]).mean((1, 2))
    slope = float(np.polyfit(np.arange(WINDOWS) / (WINDOWS - 1), drift, 1)[0])
    return Score(float(drift[-1]), "ok", "", 1.0, {"slope": slope}, tuple(map(float, drift)))


def quantiles(frame: Image) -> NDArray[np.int64]:
    """Quantile functions of a frame's channels in grey levels, at the middles of 256 equal steps: [256, 3]."""
    pixels = np.sort(frame.reshape(-1, 3), axis=0)
    places = ((np.arange(QUANTILES) + 0.5) / QUANTILES * len(pixels)).astype(np.int64)
    return pixels[places].astype(np.int64)
