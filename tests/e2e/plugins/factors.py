"""A 2x2 experiment that costs nothing: frames made brighter by one part, and noisier without the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from harness.api import (
    Clip,
    Extractor,
    Features,
    Frames,
    Generator,
    Needs,
    Request,
    Score,
    extractor,
    frechet_distance,
    metric,
    variant,
)


class Made:
    def __init__(self, make: Callable[[Request], Frames]) -> None:
        self.make = make

    def generate(self, request: Request) -> Frames:
        return self.make(request)


@dataclass(frozen=True)
class Parts:
    bright: bool = True
    calm: bool = True

    def needs(self) -> Needs:
        return Needs()

    def load(self, device: str) -> Generator:
        return Made(self.make)

    def make(self, request: Request) -> Frames:
        shape = (request.protocol.num_frames, *request.image.shape)
        noise = request.noise("factors", shape) * (2 if self.calm else 12)
        made: Frames = np.clip(request.image * 0.5 + 64 + 20 * self.bright + noise, 0, 255).astype(np.uint8)
        return made


@variant("f-full", revision=1, family="control", role="method", summary="", factors={"bright": True, "calm": True})
class Full(Parts):
    pass


@variant("f-dark", revision=1, family="control", summary="", factors={"bright": False, "calm": True})
class Dark(Parts):
    bright: bool = False


@variant("f-noisy", revision=1, family="control", summary="", factors={"bright": True, "calm": False})
class Noisy(Parts):
    calm: bool = False


@variant("f-neither", revision=1, family="control", summary="", factors={"bright": False, "calm": False})
class Neither(Parts):
    bright: bool = False
    calm: bool = False


@metric("f_mean", version=1, better="higher", unit="share of white", summary="mean brightness")
def f_mean(clip: Clip) -> Score:
    parts = np.array_split(clip.frames.astype(np.float64), 8)
    return Score(float(clip.frames.mean()) / 255, profile=tuple(float(part.mean()) / 255 for part in parts))


@extractor("f_colours", version=1, summary="mean colour of each frame", weights=())
def f_colours(device: str) -> Extractor:
    return lambda clip: clip.frames[::10].mean(axis=(1, 2)).astype(np.float32)


@metric("f_distance", version=1, better="lower", unit="", summary="of colours", kind="set", extractor="f_colours")
def f_distance(generated: Features, reference: Features) -> float:
    return frechet_distance(generated.rows, reference.rows)
