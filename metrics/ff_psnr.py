"""First-frame PSNR: the squared difference of frame 0 and the conditioning image, in decibels.

    PSNR = -10 log10( mean |V_0 - c|^2 ),   colours in [0, 1], short side at most 256 pixels, at most 100 dB

Fooled by: everything that fools a squared difference: a blur costs little, a shift by a pixel or a change of
brightness that nobody minds costs much; copying the image into frame 0 costs nothing.
"""

from __future__ import annotations

import math

import numpy as np

from harness.api import Clip, Image, Score, metric

from ._first_frame import WORKING_SIDE, first_frame_score, refusal

PSNR_CAP = 100.0  # dB, for an identical frame


@metric(
    "ff_psnr",
    version=1,
    better="higher",
    aspect="fidelity",
    unit="dB",
    summary="first-frame fidelity: peak signal-to-noise ratio of frame 0 and the conditioning image",
    params={"working_side": WORKING_SIDE, "cap": PSNR_CAP, "range": "rgb [0,1]"},
    responds={"still": "best", "shuffle": "same", "flicker": "same", "flip": "same"},
    bounds=(0, PSNR_CAP),
    profile="PSNR of each part's frames to the image",
    profile_unit="dB",
)
def ff_psnr(clip: Clip) -> Score:
    """PSNR of frame 0 in dB, at most 100.

    Detail: ``end``, the mean of the last 8 frames; ``slope``, dB per frame. The profile is the PSNR of each eighth.
    """
    image = clip.working_image
    refused = refusal(clip, 1)
    if refused is not None or image is None:
        return refused or Score.undefined("no conditioning image")
    return first_frame_score(np.array([psnr(image, frame) for frame in clip.working]))


def psnr(first: Image, second: Image) -> float:
    """Peak signal-to-noise ratio in dB, capped at 100."""
    mse = float(np.square(first.astype(np.float64) - second).mean()) / 255**2
    return PSNR_CAP if mse == 0 else min(PSNR_CAP, -10 * math.log10(mse))
