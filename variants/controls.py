"""Sanity rows without a model. Each must land where its fault says it must; one that does not is a broken metric.

control-real     the real continuation of the image: best Frechet distance
control-still    the first frame, held: no warp error, smoothness undefined, no motion
control-loop     the first frames of the real clip, repeated: a jump every period
control-flicker  the first frame with alternating brightness: worst warp error
control-noise    independent uniform noise: worst Frechet distance
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from harness.api import Frames, Generator, ItemError, Needs, Request, variant

FAMILY, ROLE = "control", "control"


class _Control:
    """Adapts a function of the request to the `Generator` protocol; it loads nothing."""

    def __init__(self, make: Callable[[Request], Frames]) -> None:
        self.make = make

    def generate(self, request: Request) -> Frames:
        return self.make(request)


def real_clip(request: Request) -> Frames:
    """The item's real clip; ItemError E-NO-REAL where the suite has none."""
    frames = request.real()
    if frames is None:
        raise ItemError("E-NO-REAL", "The suite has no real continuation of this image.", where=request.item.slug)
    return frames


def _hold(request: Request) -> Frames:
    return np.repeat(request.image[None], request.protocol.num_frames, axis=0)


@variant("control-real", revision=1, family=FAMILY, role=ROLE, summary="the real clip that the image is taken from")
class Real:
    def needs(self) -> Needs:
        return Needs(real=True)

    def load(self, device: str) -> Generator:
        return _Control(real_clip)


@variant("control-still", revision=1, family=FAMILY, role=ROLE, summary="the first frame, held")
class Still:
    def needs(self) -> Needs:
        return Needs()

    def load(self, device: str) -> Generator:
        return _Control(_hold)


@variant("control-loop", revision=1, family=FAMILY, role=ROLE, summary="the first frames of the real clip, repeated")
class Loop:
    period: int = 8

    def needs(self) -> Needs:
        return Needs(real=True)

    def load(self, device: str) -> Generator:
        def loop(request: Request) -> Frames:
            return real_clip(request)[np.arange(request.protocol.num_frames) % self.period]

        return _Control(loop)


@variant("control-flicker", revision=1, family=FAMILY, role=ROLE, summary="the first frame with alternating brightness")
class Flicker:
    amplitude: float = 0.08  # of the full range, added to even frames and taken from odd ones

    def needs(self) -> Needs:
        return Needs()

    def load(self, device: str) -> Generator:
        def flicker(request: Request) -> Frames:
            # Squeezed into the middle of the range first, so that clipping cannot hide part of the flicker.
            image = self.amplitude + (1 - 2 * self.amplitude) * request.image.astype(np.float64) / 255
            pair = np.stack([image + self.amplitude, image - self.amplitude])
            frames: Frames = np.floor(pair * 255 + 0.5).astype(np.uint8)
            return frames[np.arange(request.protocol.num_frames) % 2]

        return _Control(flicker)


@variant("control-noise", revision=1, family=FAMILY, role=ROLE, summary="independent uniform noise in every pixel")
class Noise:
    def needs(self) -> Needs:
        return Needs()

    def load(self, device: str) -> Generator:
        def noise(request: Request) -> Frames:
            size = request.protocol
            normal = request.noise("pixels", (size.num_frames, size.height, size.width, 3))
            # The rank of a normal sample in its own distribution is uniform; the logistic curve is close enough to
            # that distribution for a control and needs no special function.
            uniform = 1 / (1 + np.exp(-1.702 * normal.astype(np.float64)))
            frames: Frames = np.minimum(np.floor(uniform * 256), 255).astype(np.uint8)
            return frames

        return _Control(noise)
