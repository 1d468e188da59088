"""Which pixels of a frame can be compared with the next: warping and the masks of Lai et al.

"Learning Blind Video Temporal Consistency" (Lai et al., ECCV 2018) calls a pixel x of frame t occluded when forward
flow F and backward flow B disagree there, ``|F + B(x + F)|^2 > 0.01 (|F|^2 + |B(x + F)|^2) + 0.5``, or on a motion
boundary, ``|grad u|^2 + |grad v|^2 > 0.01 |F|^2 + 0.002`` (forward differences). Unlike there, x + F has to lie inside
the image, so that no repeated border pixel is compared. Constants are in pixels of the images that flow is computed on.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Mask = NDArray[np.bool_]

CONSISTENCY = (0.01, 0.5)
BOUNDARY = (0.01, 0.002)
PARAMS = {"mask": "inside,lai-consistency,lai-boundary", "consistency": list(CONSISTENCY), "boundary": list(BOUNDARY)}


def warp(image: NDArray[Any], flow: Float32) -> Float32:
    """``image(x + flow(x))``, bilinear, in float32; points outside take the nearest border pixel.

    Coordinates are rounded to 1/32 pixel (`cv2.remap`), which adds less than 1e-6 to a mean squared difference.

    Args:
        image: [H, W] or [H, W, C], any real type.
        flow: float32 [H, W, 2], displacement (x, y) in pixels.
    """
    x, y = landing(flow)
    source = np.ascontiguousarray(image, dtype=np.float32)
    warped: Float32 = cv2.remap(source, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return warped


def landing(flow: Float32) -> tuple[Float32, Float32]:
    """Where each pixel goes: x and y, float32 [H, W]."""
    height, width = flow.shape[:2]
    x = flow[..., 0] + np.arange(width, dtype=np.float32)[None, :]
    y = flow[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    return x, y


def inside(flow: Float32) -> Mask:
    """True where x + flow lies between the centres of the first and the last pixel of both axes."""
    height, width = flow.shape[:2]
    x, y = landing(flow)
    mask: Mask = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    return mask


def comparable(forward: Float32, backward: Float32) -> Mask:
    """True where a pixel lands inside the image, is not occluded and is not on a motion boundary."""
    return inside(forward) & ~_inconsistent(forward, backward) & ~_boundary(forward)


def landed(mask: Mask, flow: Float32) -> Mask:
    """True where every pixel that ``warp`` would read at x + flow is inside and has ``mask``."""
    hit: Mask = inside(flow) & (warp(mask, flow) > 0.999)
    return hit


def _inconsistent(forward: Float32, backward: Float32) -> Mask:
    returned = warp(backward, forward)
    gap = np.square(forward + returned).sum(-1)
    size = np.square(forward).sum(-1) + np.square(returned).sum(-1)
    mask: Mask = gap > CONSISTENCY[0] * size + CONSISTENCY[1]
    return mask


def _boundary(flow: Float32) -> Mask:
    gradient = np.zeros(flow.shape[:2], np.float32)
    gradient[:, :-1] += np.square(np.diff(flow, axis=1)).sum(-1)
    gradient[:-1] += np.square(np.diff(flow, axis=0)).sum(-1)
    mask: Mask = gradient > BOUNDARY[0] * np.square(flow).sum(-1) + BOUNDARY[1]
    return mask
