"""First-frame SSIM: does the video start from the image it was given, and how far does it drift from it.

SSIM after Wang et al. 2004 (Gaussian window of 11 pixels, sigma 1.5), on RGB in [0, 1], short side at most 256 pixels.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from harness.api import Clip, Frames, Image, Score, metric, window_means

WINDOW, SIGMA = 11, 1.5
PSNR_CAP = 100.0  # dB, for an identical frame
TAIL = 8  # frames
BATCH = 8  # frames compared at once


@metric(
    "ff_ssim",
    version=1,
    better="higher",
    unit="SSIM",
    summary="first-frame fidelity: similarity of frame 0 to the conditioning image",
    params={"working_side": 256, "window": WINDOW, "sigma": SIGMA, "range": "rgb [0,1]"},
)
def ff_ssim(clip: Clip) -> Score:
    """SSIM of the conditioning image and frame 0, at most 1.

    Detail: ``psnr_db`` of the same pair (capped at 100); ``end``, mean SSIM of the last 8 frames to the image;
    ``slope``, its least-squares slope per frame. Low drift is no merit by itself: a still has none. The profile is the
    SSIM of each eighth to the image.
    """
    image = clip.working_image
    if image is None:
        return Score.undefined("no conditioning image")
    if image.shape != clip.working.shape[1:]:
        return Score.excluded(f"the conditioning image is {_size(image)}, the video {_size(clip.working[0])}")
    if clip.short_side < WINDOW:
        return Score.excluded(f"frames smaller than the {WINDOW} pixel window")
    similarity = ssim_to(image, clip.working)
    numbers = np.arange(len(clip), dtype=np.int64)
    detail = {"psnr_db": psnr(image, clip.working[0]), "end": float(similarity[-TAIL:].mean())}
    if len(clip) > 1:
        detail["slope"] = float(np.polyfit(numbers, similarity, 1)[0])
    profile = window_means(similarity, numbers, len(clip))
    return Score(float(similarity[0]), "ok", "", 1.0, detail, profile)


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


def psnr(first: Image, second: Image) -> float:
    """Peak signal-to-noise ratio in dB, capped at 100."""
    mse = float(np.square(first.astype(np.float64) - second).mean()) / 255**2
    return PSNR_CAP if mse == 0 else min(PSNR_CAP, -10 * math.log10(mse))


def _size(image: Image) -> str:
    return f"{image.shape[1]}x{image.shape[0]}"
