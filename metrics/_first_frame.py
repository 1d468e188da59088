"""What the comparisons of a video with its conditioning image share: which videos they take, and drift."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.api import Clip, Image, Score, window_means

if TYPE_CHECKING:
    from ._perceptual import Perceptual

TAIL = 8  # frames
WORKING_SIDE = 256  # pixels, short side that frames and image are brought to


def refusal(clip: Clip, smallest: int) -> Score | None:
    """The score of a clip that cannot be compared with its image, None where it can: undefined without an image,
    excluded where sizes differ or the short side has fewer than ``smallest`` pixels.
    """
    image = clip.working_image
    if image is None:
        return Score.undefined("no conditioning image")
    if image.shape != clip.working.shape[1:]:
        return Score.excluded(f"the conditioning image is {_size(image)}, the video {_size(clip.working[0])}")
    if clip.short_side < smallest:
        return Score.excluded(f"frames smaller than {smallest} pixels")
    return None


def first_frame_score(curve: NDArray[np.float64], **detail: float) -> Score:
    """The score of frame 0, from the curve [T] of all frames against the image.

    Detail: ``end``, the mean of the last 8 frames; ``slope``, the least-squares slope per frame; the profile is the
    mean of each eighth.
    """
    numbers = np.arange(len(curve), dtype=np.int64)
    detail["end"] = float(curve[-TAIL:].mean())
    if len(curve) > 1:
        detail["slope"] = float(np.polyfit(numbers, curve, 1)[0])
    return Score(float(curve[0]), "ok", "", 1.0, detail, window_means(curve, numbers, len(curve)))


def perceptual_curve(net: Perceptual, clip: Clip) -> NDArray[np.float64]:
    """Distances [T] of the frames of a clip that ``refusal`` has let through to its image."""
    import torch

    if clip.working_image is None:
        raise ValueError("the clip has no image")
    with torch.inference_mode():
        image, frames = (
            torch.from_numpy(array.astype(np.float32)).permute(0, 3, 1, 2) / 127.5 - 1
            for array in (clip.working_image[None], clip.working)
        )
        return net(image, frames).numpy().astype(np.float64)  # type: ignore[no-any-return]


def _size(image: Image) -> str:
    return f"{image.shape[1]}x{image.shape[0]}"
