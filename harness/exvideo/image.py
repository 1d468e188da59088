"""From uint8 frames to what the networks take, and back."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from harness.errors import ItemError

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


def to_pixels(frames: NDArray[np.uint8] | Tensor) -> Tensor:
    """uint8 [N, H, W, 3] to float32 [N, 3, H, W] in [-1, 1]."""
    tensor = frames if isinstance(frames, Tensor) else torch.from_numpy(np.ascontiguousarray(frames))
    return tensor.permute(0, 3, 1, 2).float().div_(127.5).sub_(1)


def to_frames(pixels: Tensor) -> NDArray[np.uint8]:
    """[N, 3, H, W] in [-1, 1] (clipped there) to uint8 [N, H, W, 3], rounded.

    Raises:
        ItemError: E-NAN, a value that is not finite.
    """
    if not bool(torch.isfinite(pixels).all()):
        raise ItemError(
            "E-NAN",
            "The decoded video has values that are not finite.",
            why="an overflow, most often of a row that is loaded in half precision",
            fix='harness new variant NAME --from ROW, with dtype: str = "bfloat16"',
        )
    unit = (pixels.float() / 2 + 0.5).clamp_(0, 1)
    frames: NDArray[np.uint8] = unit.mul_(255).round_().to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return frames


def clip_pixels(pixels: Tensor, size: int = 224) -> Tensor:
    """[-1, 1] images [N, 3, H, W] as the image tower takes them: [N, 3, size, size], normalised.

    SVD's resize: a Gaussian against aliasing, of width (factor - 1) / 2 where an axis shrinks, then bicubic
    interpolation with aligned corners. It differs from torch's own ``antialias=True``.
    """
    for axis in (-1, -2):
        pixels = _blur(pixels, axis, pixels.shape[axis] / size)
    resized = functional.interpolate(pixels, size=(size, size), mode="bicubic", align_corners=True)
    mean, std = (pixels.new_tensor(v)[:, None, None] for v in (CLIP_MEAN, CLIP_STD))
    return ((resized + 1) / 2 - mean) / std


def _blur(pixels: Tensor, axis: int, factor: float) -> Tensor:
    """Gaussian blur along one axis before shrinking it by ``factor``; the image itself where it does not shrink."""
    sigma = (factor - 1) / 2
    if sigma <= 0:
        return pixels
    taps = int(max(4 * sigma, 3)) | 1
    offset = torch.arange(taps, dtype=pixels.dtype, device=pixels.device) - taps // 2
    kernel = torch.exp(-(offset**2) / (2 * sigma**2))
    kernel = kernel / kernel.sum()
    channels = pixels.shape[1]
    if axis == -1:
        weight, padding = kernel.reshape(1, 1, 1, -1), (taps // 2, taps // 2, 0, 0)
    else:
        weight, padding = kernel.reshape(1, 1, -1, 1), (0, 0, taps // 2, taps // 2)
    padded = functional.pad(pixels, padding, mode="reflect")
    return functional.conv2d(padded, weight.expand(channels, *weight.shape[1:]), groups=channels)
