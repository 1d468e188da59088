"""Variants that misbehave on purpose, and metrics that cost nothing, given to the command line with --plugin.

TEST_DELAY (seconds a video) slows `test-slow`; TEST_WEIGHTS names the file that `test-weights` needs; TEST_SCRATCH the
folder in which `test-dies` leaves a half-written file.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

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
    Weight,
    extractor,
    metric,
    variant,
)

FAILING_ITEM = "001-green-triangle-orange-disc"


class Made:
    def __init__(self, make: Callable[[Request], Frames]) -> None:
        self.make = make

    def generate(self, request: Request) -> Frames:
        return self.make(request)


def hold(request: Request) -> Frames:
    frames: Frames = np.stack([request.image] * request.protocol.num_frames)
    return frames


def drift(request: Request) -> Frames:
    """The image moved by one pixel a frame, with a little of the generation's own noise."""
    frames = np.stack([np.roll(request.image, shift, axis=1) for shift in range(request.protocol.num_frames)])
    noise = 4 * request.noise("drift", frames.shape)
    drifted: Frames = np.clip(frames + noise, 0, 255).astype(np.uint8)
    return drifted


class Nothing:
    def needs(self) -> Needs:
        return Needs()


@variant("test-still", revision=1, family="control", role="control", summary="the image, held")
class Still(Nothing):
    def load(self, device: str) -> Generator:
        return Made(hold)


@variant("test-slow", revision=1, family="control", role="method", summary="drifts, and takes its time")
class Slow(Nothing):
    def load(self, device: str) -> Generator:
        def slow(request: Request) -> Frames:
            time.sleep(float(os.environ.get("TEST_DELAY", "0")))
            return drift(request)

        return Made(slow)


@variant("test-one-bad", revision=1, family="control", role="method", summary="fails on one item")
class OneBad(Nothing):
    def load(self, device: str) -> Generator:
        def fail(request: Request) -> Frames:
            if request.item.slug == FAILING_ITEM:
                raise ArithmeticError("this item is too hard")
            return hold(request)

        return Made(fail)


@variant("test-no-load", revision=1, family="control", role="method", summary="cannot be loaded")
class NoLoad(Nothing):
    def load(self, device: str) -> Generator:
        raise RuntimeError("no such layer")


@variant("test-wrong-shape", revision=1, family="control", role="method", summary="makes half of the frames")
class WrongShape(Nothing):
    def load(self, device: str) -> Generator:
        return Made(lambda request: hold(request)[::2])


@variant("test-dies", revision=1, family="control", role="method", summary="takes its worker with it")
class Dies(Nothing):
    def load(self, device: str) -> Generator:
        def die(request: Request) -> Frames:
            if scratch := os.environ.get("TEST_SCRATCH"):
                Path(scratch).mkdir(exist_ok=True)
                Path(scratch, f"{os.getpid()}.mkv").write_bytes(b"half")
            os._exit(7)

        return Made(die)


@variant("test-hangs", revision=1, family="control", role="method", summary="never ends on one item")
class Hangs(Nothing):
    def load(self, device: str) -> Generator:
        def hang(request: Request) -> Frames:
            while request.item.slug == FAILING_ITEM:
                time.sleep(0.1)
            return hold(request)

        return Made(hang)


@variant("test-memory", revision=1, family="control", role="method", summary="runs out of memory twice")
class OutOfMemory(Nothing):
    def load(self, device: str) -> Generator:
        def fill(request: Request) -> Frames:
            if request.lighter < 2:
                raise MemoryError("all of it")
            request.note(process=os.getpid(), lightened=["less of it"])
            return hold(request)

        return Made(fill)


@variant("test-chance", revision=1, family="control", role="method", summary="differs each time, where it is told to")
class Chance(Nothing):
    def load(self, device: str) -> Generator:
        def change(request: Request) -> Frames:
            frames = hold(request)
            if os.environ.get("TEST_CHANCE") and request.item.slug == FAILING_ITEM:
                frames[3, 5, 7, 1] ^= 1
            return frames

        return Made(change)


@variant("test-fills", revision=1, family="control", role="method", summary="fills the disk while it makes one item")
class Fills(Nothing):
    def load(self, device: str) -> Generator:
        def fill(request: Request) -> Frames:
            path = os.environ.get("TEST_FILL")
            if path and request.item.slug == FAILING_ITEM:
                with contextlib.suppress(OSError), Path(path).open("wb", buffering=0) as file:
                    while file.write(bytes(1 << 16)):
                        pass
            return drift(request)

        return Made(fill)


@variant("test-gpu", revision=1, family="svd", role="method", summary="wants more GPU than there is")
class WantsGpu(Nothing):
    def needs(self) -> Needs:
        return Needs(gpu=True, vram_bytes=10**15)

    def load(self, device: str) -> Generator:
        return Made(hold)


@variant("test-weights", revision=1, family="control", role="method", summary="needs a file")
class NeedsWeights(Nothing):
    def needs(self) -> Needs:
        path = os.environ.get("TEST_WEIGHTS", "/nonexistent/weights.safetensors")
        return Needs(weights=(Weight("net", path, "0" * 64, how="make-the-weights --now"),))

    def load(self, device: str) -> Generator:
        return Made(hold)


@metric("test_mean", version=1, better="higher", unit="share of white", summary="mean brightness")
def test_mean(clip: Clip) -> Score:
    return Score(float(clip.frames.mean()) / 255)


@metric("test_change", version=1, better="none", unit="share of white", summary="mean change between frames")
def test_change(clip: Clip) -> Score:
    change = np.abs(np.diff(clip.frames.astype(np.float64), axis=0)).mean() / 255
    if change == 0:
        return Score.undefined("nothing moves")
    return Score(float(change), detail={"first": float(clip.frames[0].mean())}, profile=(None, float(change)))


@metric("test_fails", version=1, better="lower", unit="", summary="raises")
def test_fails(clip: Clip) -> Score:
    raise KeyError("no such thing")


@extractor("test_colours", version=1, summary="mean colour of each frame", weights=())
def test_colours(device: str) -> Extractor:
    return lambda clip: clip.frames.mean(axis=(1, 2)).astype(np.float32)


@metric(
    "test_distance", version=1, better="lower", unit="", summary="of mean colours", kind="set", extractor="test_colours"
)
def test_distance(generated: Features, reference: Features) -> float:
    return float(np.linalg.norm(generated.rows.mean(axis=0) - reference.rows.mean(axis=0)))
