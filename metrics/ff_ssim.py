"""First-frame SSIM: does the video start from the image it was given, and how far does it drift from it.

SSIM after Wang et al. 2004 (Gaussian window of 11 pixels, sigma 1.5), on RGB in [0, 1], short side at most 256 pixels.
The value is about frame 0 alone; ``end``, ``slope`` and the profile follow the frames after it.

Fooled by: copying the image into frame 0 and then doing anything at all; a still image, whose drift is nil, so that
little drift is a merit only of a clip that moves (``dynamic_rate``). It punishes a shift by a pixel like a repaint, and
flat regions agree whatever their colour's small error.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from harness.api import Clip, Frames, Image, Score, metric

from ._first_frame import WORKING_SIDE, first_frame_score, refusal
from .ff_psnr import psnr

WINDOW, SIGMA = 11, 1.5
C1, C2 = 0.01**2, 0.03**2
Float = NDArray[np.float64]


@metric(
    "ff_ssim",
    version=1,
    better="higher",
    aspect="fidelity",
    headline=True,
    unit="SSIM",
    summary="first-frame fidelity: similarity of frame 0 to the conditioning image",
    params={"working_side": WORKING_SIDE, "window": WINDOW, "sigma": SIGMA, "range": "rgb [0,1]"},
    responds={"still": "best", "shuffle": "same", "flicker": "same", "flip": "same"},
    bounds=(-1, 1),
    profile="SSIM of each part's frames to the image",
    profile_unit="SSIM",
)
def ff_ssim(clip: Clip) -> Score:
    """SSIM of the conditioning image and frame 0, at most 1.

    Detail: ``psnr_db`` of the same pair (capped at 100); ``end``, mean SSIM of the last 8 frames to the image;
    ``slope``, its least-squares slope per frame. The profile is the SSIM of each eighth to the image.
    """
    image = clip.working_image
    refused = refusal(clip, WINDOW)
    if refused is not None or image is None:
        return refused or Score.undefined("no conditioning image")
    return first_frame_score(ssim_to(image, clip.working), psnr_db=psnr(image, clip.working[0]))


def ssim_to(image: Image, frames: Frames) -> NDArray[np.float64]:
    """SSIM of an image [h, w, 3] with each frame [T, h, w, 3]: [T].

    The mean over channels and all pixels, windows at the border mirrored, as torchmetrics has it; double precision.
    """
    target = image.astype(np.float64) / 255
    mean, square = _blurred(target), _blurred(np.square(target))
    return np.array([_ssim(target, mean, square, frame.astype(np.float64) / 255) for frame in frames])


def _ssim(target: Float, mean: Float, square: Float, frame: Float) -> float:
    """SSIM of ``target``, whose blurred values and squares are given, and a frame."""
    other = _blurred(frame)
    product = mean * other
    spread = np.maximum(square - np.square(mean), 0) + np.maximum(_blurred(np.square(frame)) - np.square(other), 0)
    covariance = _blurred(target * frame) - product
    likeness = (2 * product + C1) * (2 * covariance + C2)
    likeness /= (np.square(mean) + np.square(other) + C1) * (spread + C2)
    return float(likeness.mean())


def _blurred(image: Float) -> Float:
    """Gaussian-weighted means about every pixel of [h, w, 3]."""
    kernel = cv2.getGaussianKernel(WINDOW, SIGMA, cv2.CV_64F)
    blurred: Float = cv2.sepFilter2D(image, cv2.CV_64F, kernel, kernel, borderType=cv2.BORDER_REFLECT_101)
    return blurred
