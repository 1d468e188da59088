"""Motion statistics against real clips: does the variant move at the speeds, and change speed as much, as real video.

Each video is reduced to two histograms over its valid pixels: of log2 speed, in % of the short side per frame, and of
log2 acceleration along trajectories, in the same unit per frame (`flow_smoothness` defines it). With P, Q the mean
histograms of the two sets and W the 1-D Wasserstein distance in octaves,

    fd_motion_hist = ( W(P_speed, Q_speed) + W(P_accel, Q_accel) ) / 2.

One octave means: twice as fast on average, everywhere. No network, so it needs no weights and has no opinion on
appearance. What is slower than the lowest bin counts as standing still.

Fooled by: a video of other content at the right speeds; averaging over the set, since half of the videos too fast and
half too slow can look right; and, as every flow metric, by noise that the estimator takes for motion. It compares at
equal frame rates only.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.api import FLOW_PARAMS, Clip, Extractor, Features, ItemError, extractor, landed, metric, warp

BINS_PER_OCTAVE = 2
LOWEST, HIGHEST = -5, 5  # octaves of % of the short side: 1/32 % to 32 %
BINS = (HIGHEST - LOWEST) * BINS_PER_OCTAVE + 1  # the first holds everything slower
PARAMS = {"flow": FLOW_PARAMS, "octaves": [LOWEST, HIGHEST], "per_octave": BINS_PER_OCTAVE}
Float = NDArray[np.float64]


@extractor(
    "motion_hist",
    version=1,
    summary="histograms of log speed and log acceleration, no network",
    min_frames=3,
    params=PARAMS,
    needs=("flow",),
)
def load_motion_hist(device: str) -> Extractor:
    """Nothing to load; histograms are made on the CPU whatever the device."""
    return motion_histograms


def motion_histograms(clip: Clip) -> NDArray[np.float32]:
    """One row [1, 2 x 21]: the two histograms, each with sum 1.

    Raises:
        ItemError: E-FEATURES, fewer than 3 frames, or no pixel that can be followed over two steps.
    """
    if len(clip) < 3:
        raise ItemError("E-FEATURES", f"Motion statistics take 3 frames or more, got {len(clip)}.")
    fields, usable = clip.flow, clip.usable()
    speed, accel = np.zeros(BINS), np.zeros(BINS)
    for t in range(len(fields) - 1):
        if not (usable[t] and usable[t + 1]):
            continue
        first = fields.forward[t]
        mask = fields.valid[t] & landed(fields.valid[t + 1], first)
        turn = warp(fields.forward[t + 1], first) - first
        speed += _histogram(first[mask], clip.short_side)
        accel += _histogram(turn[mask], clip.short_side)
    if not speed.sum() > 0:
        raise ItemError("E-FEATURES", "No pixel can be followed over two steps.")
    return np.concatenate([speed / speed.sum(), accel / accel.sum()])[None].astype(np.float32)


def _histogram(vectors: NDArray[np.float32], short_side: int) -> Float:
    lengths = np.hypot(vectors[:, 0], vectors[:, 1], dtype=np.float64) * 100 / short_side
    octave = np.log2(np.maximum(lengths, 2.0 ** (LOWEST - 1)))
    place = np.floor((octave - LOWEST) * BINS_PER_OCTAVE).astype(np.int64) + 1
    return np.bincount(np.clip(place, 0, BINS - 1), minlength=BINS).astype(np.float64)


@metric(
    "fd_motion_hist",
    version=1,
    better="lower",
    unit="octaves",
    summary="motion statistics: distance of speeds and accelerations to those of real clips",
    kind="set",
    extractor="motion_hist",
    beside="dynamic_rate",
    aspect="motion",
    params={"distance": "wasserstein-1 of mean histograms, mean of speed and acceleration"},
    bounds=(0, None),
)
def fd_motion_hist(generated: Features, reference: Features) -> float:
    """Distance of two sets of histogram rows [N, 2 B] and [M, 2 B], in octaves, at least 0.

    Raises:
        ItemError: E-FEATURES, fewer than two videos in a set, or rows of unequal or odd length.
    """
    for rows in (generated.rows, reference.rows):
        if len(rows) < 2 or rows.shape[1] % 2 or rows.shape[1] != reference.rows.shape[1]:
            shape = list(rows.shape)
            raise ItemError("E-FEATURES", f"A distance of motion statistics needs two videos or more, got {shape}.")
    if not (np.isfinite(generated.rows).all() and np.isfinite(reference.rows).all()):
        raise ItemError("E-FEATURES", "A row of motion statistics is not finite.")
    gap = (generated.rows.mean(0) - reference.rows.mean(0)).reshape(2, -1)
    return float(np.abs(np.cumsum(gap, axis=1)).sum(1).mean() / BINS_PER_OCTAVE)
