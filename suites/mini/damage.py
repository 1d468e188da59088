"""Ways to spoil a clip of the world: what generated videos get wrong, in known amounts.

Used to train the mini feature network and to test that metrics move the right way. All functions keep shape and type
(uint8 [T, H, W, 3]) and draw only from the generator that they are given.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Clip = NDArray[np.uint8]
Rng = np.random.Generator


def damage(kind: str, clip: Clip, other: Clip, rng: Rng) -> Clip:
    """``clip`` with one of `DAMAGES`, at a strength drawn from ``rng``; ``other`` is what ``blended`` turns into.

    Raises:
        KeyError: ``kind`` is not one of `DAMAGES`.
    """
    return _FUNCTIONS[kind](clip, other, rng)


def real(clip: Clip, _other: Clip, _rng: Rng) -> Clip:
    """The clip itself."""
    return clip


def frozen(clip: Clip, _other: Clip, _rng: Rng) -> Clip:
    """The first frame held."""
    return np.broadcast_to(clip[:1], clip.shape).copy()


def shuffled(clip: Clip, _other: Clip, rng: Rng) -> Clip:
    """Frames in random order."""
    return clip[rng.permutation(len(clip))]


def flickering(clip: Clip, _other: Clip, rng: Rng) -> Clip:
    """A random brightness offset per frame, SD 1.5 % to 8 % of full scale."""
    offset = rng.normal(0, 255 * rng.uniform(0.015, 0.08), (len(clip), 1, 1, 1))
    return _to_bytes(clip + offset)


def noisy(clip: Clip, _other: Clip, rng: Rng) -> Clip:
    """Independent noise per pixel, SD 2 % to 12 % of full scale."""
    return _to_bytes(clip + rng.normal(0, 255 * rng.uniform(0.02, 0.12), clip.shape))


def blurred(clip: Clip, _other: Clip, rng: Rng) -> Clip:
    """Gaussian blur, sigma 1 to 3 pixels."""
    sigma = float(rng.uniform(1, 3))
    return np.stack([cv2.GaussianBlur(frame, (0, 0), sigma) for frame in clip]).astype(np.uint8)


def jittered(clip: Clip, _other: Clip, rng: Rng) -> Clip:
    """Every frame shifted by up to 3 pixels, its border repeated."""
    shifts = rng.integers(-3, 4, (len(clip), 2))
    padded = np.pad(clip, ((0, 0), (3, 3), (3, 3), (0, 0)), mode="edge")
    height, width = clip.shape[1:3]
    return np.stack([padded[t, 3 + y : 3 + y + height, 3 + x : 3 + x + width] for t, (y, x) in enumerate(shifts)])


def blended(clip: Clip, other: Clip, rng: Rng) -> Clip:
    """A cross-fade into another scene, the way that objects melt into others."""
    ramp = np.linspace(0, rng.uniform(0.5, 1), len(clip))[:, None, None, None]
    return _to_bytes(clip * (1 - ramp) + other * ramp)


def _to_bytes(values: NDArray[np.float64]) -> Clip:
    rounded: Clip = np.clip(np.floor(values + 0.5), 0, 255).astype(np.uint8)
    return rounded


_FUNCTIONS: dict[str, Callable[[Clip, Clip, Rng], Clip]] = {
    function.__name__: function for function in (real, frozen, shuffled, flickering, noisy, blurred, jittered, blended)
}
DAMAGES = tuple(_FUNCTIONS)
