"""The feature network ``efflite0``: ImageNet EfficientNet-Lite0 on single frames, 1280 features each.

Frames, not clips: it sees what is in a picture and how clean the picture is, and is blind to the order of frames. The
distances that use it are ``fd_efflite0`` and ``kvd_efflite0``, never FID or FVD, which are other networks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.api import Clip, Extractor, ItemError, extractor, known_weight, resolve_weight

if TYPE_CHECKING:
    from torch import Tensor

    from ._efficientnet_lite import EfficientNetLite0

WEIGHTS = known_weight("efficientnet-lite0")
FRAMES = 8  # of each video
# What the published weights were trained with; with the mean and scale usual for ImageNet they recognise less.
MEAN, SCALE = 127.0, 128.0


class FrameFeatures:
    """Features of eight frames of a clip, each the middle of an eighth."""

    def __init__(self, net: EfficientNetLite0, device: str) -> None:
        self.net, self.device = net, device

    def __call__(self, clip: Clip) -> NDArray[np.float32]:
        """Features float32 [8, 1280].

        Raises:
            ItemError: E-FEATURES, fewer than 8 frames.
        """
        import torch

        chosen = torch.tensor(clip.frames[middles(len(clip))], device=self.device)
        with torch.inference_mode():
            result: NDArray[np.float32] = self.net.pooled(prepare(chosen)).float().cpu().numpy()
        return result


@extractor(
    "efflite0",
    version=1,
    summary="ImageNet EfficientNet-Lite0 on 8 frames of each video, 1280 features",
    weights=(WEIGHTS,),
    min_frames=FRAMES,
)
def load_efflite0(device: str) -> Extractor:
    """Load the network.

    Raises:
        CannotStart: E-WEIGHTS or E-WEIGHTS-DIGEST.
    """
    from ._efficientnet_lite import load

    return FrameFeatures(load(str(resolve_weight(WEIGHTS))).to(device), device)


def middles(count: int) -> NDArray[np.int64]:
    """The middle frame of each eighth of ``count`` frames.

    Raises:
        ItemError: E-FEATURES, fewer than 8.
    """
    if count < FRAMES:
        raise ItemError("E-FEATURES", f"The efflite0 features take {FRAMES} frames or more, got {count}.")
    return (2 * np.arange(FRAMES) + 1) * count // (2 * FRAMES)


def prepare(frames: Tensor) -> Tensor:
    """uint8 [B, H, W, 3] to float32 [B, 3, 224, 224], normalised.

    The centre square, resized by an antialiased bicubic filter. The published evaluation crops the square to 7/8
    first; here the border counts, because generated frames go wrong there too.
    """
    from torch.nn import functional as F

    from ._efficientnet_lite import SIDE

    height, width = frames.shape[1:3]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = frames[:, top : top + side, left : left + side].permute(0, 3, 1, 2).float()
    resized = F.interpolate(square, (SIDE, SIDE), mode="bicubic", antialias=True, align_corners=False)
    return resized.clamp(0, 255).sub(MEAN).div(SCALE)
