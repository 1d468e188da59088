"""Still pictures of a video: poster, frame strip, x-t slice. Pure functions of frames; encoding is at the end.

Small videos are enlarged by whole numbers without interpolation: every pixel that was scored is a square, nothing
is smoothed. Large ones are reduced by area, because a thumbnail that skips pixels shows patterns that are not there.
"""

from __future__ import annotations

import io
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from harness.model import Frames, Image

SHOWN = 256  # pixels: small videos are enlarged to at most this, on their longer side
STRIP_FRAMES = 8
STRIP_CELL = 128  # pixels: a frame in a strip is at most this on its longer side
SLICE_MAX = 512  # frames
PANEL_MAX = 256  # pixels of a row or column in a slice
ENERGY_FULL = 0.05  # of full scale: the mean change between frames that fills the margin of a slice
ENERGY_INK = (124, 124, 124, 255)  # 3:1 on the ground of both themes
QUALITIES = (85, 70, 50, 30)  # of lossy pictures, tried in turn


def enlargement(height: int, width: int) -> int:
    """The whole number by which a video is enlarged for show: 4 for 64x64, 1 above 128."""
    return max(1, SHOWN // max(height, width))


def enlarge(image: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """Repeat every pixel ``factor`` times along both axes: [..., H, W, 3] -> [..., fH, fW, 3]."""
    return image.repeat(factor, axis=-3).repeat(factor, axis=-2)


def poster(frames: Frames) -> Image:
    """The first frame at the size the video is shown, uint8 [fH, fW, 3]."""
    return enlarge(frames[0], enlargement(*frames.shape[1:3]))


def strip(frames: Frames) -> NDArray[np.uint8]:
    """Eight frames at the fractions 0, 1/7 ... 1 of the clip, side by side: uint8 RGBA [h, 8 w + 7, 4].

    One transparent column lies between neighbours, so that a moving background does not run into the next frame.
    """
    picks = np.linspace(0, len(frames) - 1, STRIP_FRAMES).round().astype(int)
    cells = [np.pad(reduce(frames[i], STRIP_CELL), ((0, 0), (0, 0), (0, 1)), constant_values=255) for i in picks]
    gap = np.zeros((cells[0].shape[0], 1, 4), np.uint8)
    parts = [part for cell in cells for part in (cell, gap)]
    return np.concatenate(parts[:-1], axis=1)


def energy(frames: Frames) -> NDArray[np.float64]:
    """Mean absolute change of every frame from the one before it, of full scale: [T], the first 0."""
    changes = [float(np.abs(b.astype(np.int16) - a).mean()) / 255 for a, b in pairwise(frames)]
    return np.array([0.0, *changes])


def slice_t(frames: Frames) -> NDArray[np.uint8]:
    """What lies still over time, and what changes: uint8 RGBA [T, W + 1 + H + 1 + W / 4, 4], first frame on top.

    The middle row of every frame, then its middle column, then its energy as a bar, full at ``ENERGY_FULL``; one
    transparent column lies between. A still is vertical stripes, flicker is horizontal bands, a cut is a hard line,
    smooth motion a smooth slant. Large frames are reduced to ``PANEL_MAX``, long clips to ``SLICE_MAX`` lines.
    """
    height, width = frames.shape[1:3]
    share = min(1.0, PANEL_MAX / max(height, width))
    lines = min(len(frames), SLICE_MAX)
    cuts = (frames[:, height // 2], width), (frames[:, :, width // 2], height)
    panels = [_resized(cut, max(1, round(size * share)), lines) for cut, size in cuts]
    margin = max(4, panels[0].shape[1] // 4)
    filled = np.ceil(np.minimum(energy(frames) / ENERGY_FULL, 1) * margin)
    bars = np.where(
        np.arange(margin)[None, :, None] < filled[:, None, None], np.array(ENERGY_INK, np.uint8), np.uint8(0)
    )
    gap = np.zeros((lines, 1, 4), np.uint8)
    opaque = [np.pad(panel, ((0, 0), (0, 0), (0, 1)), constant_values=255) for panel in panels]
    return np.concatenate([opaque[0], gap, opaque[1], gap, _resized(bars, margin, lines)], axis=1)


def _resized(image: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Area-average down; what has the size already stays as it is."""
    if image.shape[:2] == (height, width):
        return image
    return np.asarray(Pillow.fromarray(image).resize((width, height), Pillow.Resampling.BOX))


def reduce(image: Image, longest: int) -> Image:
    """Area-average down so that no side is longer than ``longest``; smaller images stay as they are."""
    height, width = image.shape[:2]
    if max(height, width) <= longest:
        return image
    share = longest / max(height, width)
    size = max(1, round(width * share)), max(1, round(height * share))
    return np.asarray(Pillow.fromarray(image).resize(size, Pillow.Resampling.BOX))


def lossless_webp(image: NDArray[np.uint8]) -> bytes:
    """Encode RGB or RGBA without loss, without metadata."""
    return _encode(image, lossless=True, quality=60, method=4)


def fitting_webp(image: NDArray[np.uint8], limit: int, *, lossless: bool = True) -> bytes:
    """Encode RGB or RGBA into ``limit`` bytes: without loss where that fits, else at the best quality that does.

    What fits at no quality is given at the lowest. With ``lossless=False``, nothing is tried without loss.
    """
    data = lossless_webp(image) if lossless else b""
    for quality in QUALITIES:
        if data and len(data) <= limit:
            break
        data = _encode(image, lossless=False, quality=quality, method=4)
    return data


def _encode(image: NDArray[np.uint8], **options: object) -> bytes:
    buffer = io.BytesIO()
    Pillow.fromarray(np.ascontiguousarray(image)).save(buffer, "WEBP", **options)
    return buffer.getvalue()
