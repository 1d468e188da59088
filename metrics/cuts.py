"""Defects that need no flow to be wrong: scene cuts and repeated frames.

A video made from one image has no reason to cut, and one that repeats frames moves at a lower rate than it claims.
Both are counted on the stored frames.

Fooled by: a dissolve over several frames, whose neighbours are alike (``n_cuts``); a held frame with a trace of
noise, which is not bitwise equal (``dup_frac``); and for both, a still image, which has no cuts and is all duplicates.
"""

from __future__ import annotations

import numpy as np

from harness.api import CUT_PARAMS, FLOW_PARAMS, Clip, Score, metric, window_means

TOO_SHORT = "fewer than 2 frames"


@metric(
    "n_cuts",
    version=1,
    better="lower",
    aspect="integrity",
    unit="cuts a video",
    summary="scene cuts: places where the picture is replaced by another",
    needs=("flow",),
    params={"flow": FLOW_PARAMS, "cuts": CUT_PARAMS},
    responds={"still": "best", "flicker": "same", "cut": "worse", "flip": "same"},
    bounds=(0, None),
    profile="cuts in each part",
    profile_unit="cuts",
)
def n_cuts(clip: Clip) -> Score:
    """Number of cuts: colours change, pixels change and flow finds little again, all at once.

    The profile is the number in each eighth of the clip.
    """
    if len(clip) < 2:
        return Score.excluded(TOO_SHORT)
    numbers = np.arange(len(clip), dtype=np.int64)
    begins = np.isin(numbers, clip.cuts).astype(np.float64)
    eighths = window_means(begins, numbers, len(clip))
    lengths = np.bincount(numbers * len(eighths) // len(clip), minlength=len(eighths))
    profile = tuple(None if share is None else share * int(n) for share, n in zip(eighths, lengths, strict=True))
    return Score(float(len(clip.cuts)), "ok", "", float(clip.flow.coverage.mean()), {}, profile)


@metric(
    "dup_frac",
    version=1,
    better="lower",
    aspect="integrity",
    unit="share of frames",
    summary="repeated frames: share of frames that equal the one before, bit by bit",
    responds={"still": "worst", "shuffle": "same", "flicker": "same", "flip": "same"},
    bounds=(0, 1),
)
def dup_frac(clip: Clip) -> Score:
    """Share of adjacent frames that are bitwise equal, in [0, 1]; the profile is the share in each eighth."""
    if len(clip) < 2:
        return Score.excluded(TOO_SHORT)
    starts = np.arange(len(clip) - 1, dtype=np.int64)
    profile = window_means(clip.duplicates.astype(np.float64), starts, len(clip))
    return Score(clip.duplicate_share, "ok", "", 1.0, {}, profile)
