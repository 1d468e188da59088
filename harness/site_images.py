"""Still pictures of a video: poster, frame strip, x-t slice. Pure functions of frames; encoding is at the end.

Small videos are enlarged by whole numbers without interpolation: every pixel that was scored is a square, nothing
is smoothed. Large ones are reduced by area, because a thumbnail that skips pixels shows patterns that are not there.
"""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from harness.model import Frames, Image

SHOWN = 256  # pixels: small videos are enlarged to at most this, on their longer side
STRIP_FRAMES = 8
STRIP_CELL = 128  # pixels: a frame in a strip is at most this on its longer side
SLICE_MAX = 512
QUALITIES = (85, 70, 50, 30)  # of lossy pictures, tried in turn
FLASH_STEP = 0.1  # of full luminance: WCAG 2.2, "general flash"
FLASHES_PER_SECOND = 3


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


def slice_xt(frames: Frames) -> Image:
    """The middle row of every frame, first frame on top: uint8 [T, W, 3].

    A still is vertical stripes, flicker is horizontal bands, a cut is a hard line, smooth motion a smooth slant.
    """
    rows = frames[:, frames.shape[1] // 2]
    return reduce(rows, SLICE_MAX) if max(rows.shape) > SLICE_MAX else rows


def reduce(image: Image, longest: int) -> Image:
    """Area-average down so that no side is longer than ``longest``; smaller images stay as they are."""
    height, width = image.shape[:2]
    if max(height, width) <= longest:
        return image
    share = longest / max(height, width)
    size = max(1, round(width * share)), max(1, round(height * share))
    return np.asarray(Pillow.fromarray(image).resize(size, Pillow.Resampling.BOX))


def flashes(frames: Frames, fps: int) -> bool:
    """Whether mean luminance flashes more than three times within any second.

    A flash is a pair of opposing changes of at least a tenth of full luminance, the darker state below 0.8
    (WCAG 2.2, success criterion 2.3.1, taken over the whole frame).
    """
    linear = np.array([_luminance(frame) for frame in frames])
    turns = _turning_times(linear)
    window = [sum(1 for t in turns if start <= t < start + fps) for start in turns]
    return max(window, default=0) > 2 * FLASHES_PER_SECOND


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


def _luminance(frame: Image) -> float:
    """Mean relative luminance in [0, 1] of an sRGB frame (WCAG 2.2 definition)."""
    share = np.arange(256) / 255
    curve = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    means = [float((np.bincount(frame[..., c].ravel(), minlength=256) * curve).sum()) for c in range(3)]
    total = 0.2126 * means[0] + 0.7152 * means[1] + 0.0722 * means[2]
    return float(total / (frame.shape[0] * frame.shape[1]))


def _turning_times(luminance: NDArray[np.float64]) -> list[int]:
    """Frames at which a large change completes, each opposite in sign to the one before."""
    times: list[int] = []
    anchor, direction = float(luminance[0]), 0
    for time, value in enumerate(luminance[1:], start=1):
        change = float(value) - anchor
        sign = 1 if change > 0 else -1
        if sign == direction:
            anchor = float(value)
        elif abs(change) >= FLASH_STEP and min(anchor, float(value)) < 0.8:
            times.append(time)
            anchor, direction = float(value), sign
    return times
