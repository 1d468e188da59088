"""First-frame SSIM: does the video start from the image it was given, and how far does it drift from it.

SSIM after Wang et al. 2004 (Gaussian window of 11 pixels, sigma 1.5), on RGB in [0, 1], short side at most 256 pixels.
The value is about frame 0 alone; ``end``, ``slope`` and the profile follow the frames after it.

Fooled by: copying the image into frame 0 and then doing anything at all; a still image, whose drift is nil, so that
little drift is a merit only of a clip that moves (``dynamic_rate``). It punishes a shift by a pixel like a repaint, and
flat regions agree whatever their colour's small error.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.api import Clip, Frames, Image, Score, metric

from ._first_frame import WORKING_SIDE, first_frame_score, refusal
from .ff_psnr import psnr

WINDOW, SIGMA = 11, 1.5
BATCH = 8  # frames compared at once


@metric(
    "ff_ssim",
    version=1,
    better="higher",
    unit="SSIM",
    summary="first-frame fidelity: similarity of frame 0 to the conditioning image",
    params={"working_side": WORKING_SIDE, "window": WINDOW, "sigma": SIGMA, "range": "rgb [0,1]"},
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
    """SSIM of an image [h, w, 3] with each frame [T, h, w, 3]: [T]."""
    import torch
    from torchmetrics.functional.image import structural_similarity_index_measure as ssim

    def tensor(array: NDArray[np.uint8]) -> torch.Tensor:
        return torch.from_numpy(array.astype(np.float32)).div_(255).permute(0, 3, 1, 2)

    target, parts = tensor(image[None]), []
    with torch.inference_mode():
        for first in range(0, len(frames), BATCH):
            batch = tensor(frames[first : first + BATCH])
            same = target.expand(batch.shape)
            parts.append(ssim(batch, same, sigma=SIGMA, kernel_size=WINDOW, data_range=1.0, reduction="none"))
    return np.concatenate([np.atleast_1d(part.numpy()).astype(np.float64) for part in parts])
