"""Faults in known amounts: what generated videos get wrong, each as a function that grows with its strength.

All take and give uint8 [T, H, W, 3], draw only from the noise that they are given, and return the clip itself at
strength 0. A larger strength of one kind contains the smaller one: the same frames are dropped and more, the same
grain is stronger.

What shifts brightness does so by whole grey levels. A fraction of a level would be rounded up in one pixel and down in
the next, and the pattern would change with the frame: a noise of half a level that is no part of the fault, and that
flow in smooth areas turns into motion (`flow_smoothness` of the world's clips falls by up to .16 from it).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from harness.api import Frames

Normal = Callable[[str, tuple[int, ...]], NDArray[np.float32]]
"""Standard normal noise by stream name and shape, as in `harness.api.Request`."""

CUTS = (0.5, 0.25, 0.75, 0.125, 0.625)  # where they come, as shares of the clip, in this order
WARM = (1, 0, -1)  # what a drift towards warm colours adds to red, green and blue


@dataclass(frozen=True)
class Fault:
    """A kind of fault: ``strengths`` of steps 1, 2, ... in ``unit``, and the function that applies it."""

    summary: str
    unit: str
    strengths: tuple[float, ...]
    apply: Callable[[Frames, float, Normal], Frames]


def flicker(clip: Frames, strength: float, normal: Normal) -> Frames:
    """Even frames brighter, odd ones darker, by ``strength`` grey levels, in a range squeezed to make room."""
    level = round(strength)
    sign = np.where(np.arange(len(clip)) % 2, -1, 1)[:, None, None, None]
    squeezed = _bytes((1 - 2 * level / 255) * clip + level).astype(np.int16)
    frames: Frames = (squeezed + sign * level).astype(np.uint8)
    return frames


def noise(clip: Frames, strength: float, normal: Normal) -> Frames:
    """Independent normal noise in every pixel and channel, SD ``strength`` of full scale."""
    return _bytes(clip + 255 * strength * normal("fault-noise", clip.shape))


def jitter(clip: Frames, strength: float, normal: Normal) -> Frames:
    """Every frame but the first shifted by a random vector, SD ``strength`` % of the short side on each axis."""
    if strength == 0:
        return clip.copy()
    shifts = normal("fault-jitter", (len(clip), 2)).astype(np.float64) * strength / 100 * min(clip.shape[1:3])
    shifts[0] = 0  # the camera starts where the image was taken
    return np.stack([_shifted(frame, dx, dy) for frame, (dx, dy) in zip(clip, shifts, strict=True)])


def blur(clip: Frames, strength: float, normal: Normal) -> Frames:
    """Gaussian blur in space, sigma ``strength`` % of the short side."""
    if strength == 0:
        return clip.copy()
    sigma = strength / 100 * min(clip.shape[1:3])
    return np.stack([np.asarray(cv2.GaussianBlur(frame, (0, 0), sigma), np.uint8) for frame in clip])


def shuffle(clip: Frames, strength: float, normal: Normal) -> Frames:
    """A share ``strength`` of the frames trade places: each shows the next of them in random order."""
    places = np.argsort(normal("fault-shuffle", (len(clip),)), kind="stable")[: round(strength * len(clip))]
    order = np.arange(len(clip))
    order[places] = np.roll(places, -1)
    return clip[order]


def freeze(clip: Frames, strength: float, normal: Normal) -> Frames:
    """The last share ``strength`` of the clip stands still on the frame before it."""
    last = max(0, len(clip) - round(strength * len(clip)) - 1)
    return clip[np.minimum(np.arange(len(clip)), last)]


def drop(clip: Frames, strength: float, normal: Normal) -> Frames:
    """A share ``strength`` of the frames after the first, at random, is replaced by what was shown before it."""
    candidates = np.argsort(normal("fault-drop", (len(clip) - 1,)), kind="stable") + 1
    shown = np.arange(len(clip))
    shown[candidates[: round(strength * len(candidates))]] = 0
    return clip[np.maximum.accumulate(shown)]


def speed(clip: Frames, strength: float, normal: Normal) -> Frames:
    """Every ``strength``-th frame of a clip that is as many times longer; a whole number, so that motion stays even."""
    return clip[:: round(strength)].copy()


def drift(clip: Frames, strength: float, normal: Normal) -> Frames:
    """Red rises and blue falls, from 0 in the first frame evenly to ``strength`` grey levels in the last.

    Clips where a colour has no room for that: to make room would change the first frame, which is not at fault.
    """
    levels = np.round(np.linspace(0, strength, len(clip)))[:, None, None, None]
    return _bytes(clip + levels * np.array(WARM))


def palindrome(clip: Frames, strength: float, normal: Normal) -> Frames:
    """The last share ``strength`` of the clip runs forward in its first half and back the same way in its second."""
    back = round(strength * len(clip) / 2)
    turn, frame = len(clip) - back, np.arange(len(clip))
    return clip[np.where(frame < turn, frame, 2 * turn - 1 - frame)]


def cut(clip: Frames, strength: float, normal: Normal) -> Frames:
    """``strength`` scene cuts, one to five, between the clip and another scene: itself mirrored and in negative."""
    begins = [round(share * len(clip)) for share in CUTS[: round(strength)]]
    other = np.isin(np.arange(len(clip)), begins).cumsum() % 2 == 1
    frames = clip.copy()
    frames[other] = 255 - clip[other, :, ::-1]
    return frames


FAULTS: Mapping[str, Fault] = {
    "flicker": Fault("alternating brightness", "grey levels each way", (2.0, 5.0, 10.0, 15.0, 20.0), flicker),
    "noise": Fault("independent pixel noise", "SD, of full scale", (0.01, 0.02, 0.04, 0.07, 0.1), noise),
    "jitter": Fault("camera jitter", "SD, % of the short side", (0.5, 1.0, 2.0, 3.0, 4.0), jitter),
    "blur": Fault("Gaussian blur", "sigma, % of the short side", (0.5, 1.0, 1.5, 2.5, 4.0), blur),
    "shuffle": Fault("frames out of order", "share of the frames", (0.1, 0.2, 0.35, 0.6, 1.0), shuffle),
    "freeze": Fault("standstill at the end", "share of the clip", (0.15, 0.3, 0.45, 0.6, 0.75), freeze),
    "drop": Fault("frames replaced by the one before", "share of the frames", (0.1, 0.2, 0.3, 0.4, 0.5), drop),
    "speed": Fault("playback too fast", "times", (2.0, 3.0, 4.0, 5.0, 6.0), speed),
    "drift": Fault("slow drift to warm colours", "grey levels at the end", (5.0, 10.0, 15.0, 20.0, 25.0), drift),
    "palindrome": Fault("forward, then back", "share of the clip", (0.2, 0.4, 0.6, 0.8, 1.0), palindrome),
    "cut": Fault("scene cuts", "cuts", (1.0, 2.0, 3.0, 4.0, 5.0), cut),
}


def _shifted(frame: NDArray[np.uint8], dx: float, dy: float) -> NDArray[np.uint8]:
    # Cubic, because linear interpolation would add a blur that changes with the fraction of the shift.
    matrix = np.array([[1, 0, dx], [0, 1, dy]], np.float64)
    size = (frame.shape[1], frame.shape[0])
    moved = cv2.warpAffine(frame, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)


def _bytes(values: NDArray[np.floating]) -> Frames:
    rounded: Frames = np.clip(np.floor(values + 0.5), 0, 255).astype(np.uint8)
    return rounded
