"""The rows of the real family with few steps, for a base small enough for a CPU."""

from __future__ import annotations

import os
from dataclasses import dataclass

from harness.api import Generator, Request, variant
from harness.variants.svd import PUBLISHED, SvdVariant

FAMILY = "svd"


@variant("small-exvideo", revision=1, family=FAMILY, role="method", summary="the published checkpoint")
class SmallExVideo(SvdVariant):  # type: ignore[misc]  # checked under its folder's name
    checkpoint: str = PUBLISHED
    conv: bool = True
    positions: str = "learn_reflect"
    contrast: float = 1.2
    normalise_frames: bool = True
    steps: int = 2


@dataclass(frozen=True)
class _Greedy:
    """A generator whose memory is enough from the first lighter step on."""

    inner: Generator

    def generate(self, request: Request) -> object:
        if not request.lighter:
            raise MemoryError(f"in process {os.getpid()}")
        request.note(process=os.getpid())
        return self.inner.generate(request)


@variant("small-greedy", revision=1, family=FAMILY, role="baseline", summary="runs out of memory once")
class SmallGreedy(SvdVariant):  # type: ignore[misc]  # checked under its folder's name
    steps: int = 1

    def load(self, device: str) -> Generator:
        return _Greedy(super().load(device))  # type: ignore[return-value]
