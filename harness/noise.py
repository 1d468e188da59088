"""The random numbers of a generation: the same for one (item, seed, stream) on every device, batch and worker."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from harness.keys import ItemKey, canonical_json, digest

POLICY = "philox/1"


class Noise:
    """Standard normal float32 noise on the CPU, named by stream, that remembers what was drawn.

    The Philox counter starts at zero for every call: a stream drawn twice gives the same numbers, and a longer
    draw begins with the shorter one (C order). ``noise/1`` in the key versions this definition.
    """

    def __init__(self, item: ItemKey, seed: int) -> None:
        self._item, self._seed = item, seed
        self._drawn: dict[tuple[str, tuple[int, ...]], str] = {}

    def __call__(self, stream: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Noise of ``shape`` for a stream name such as ``latents``."""
        generator = np.random.Generator(np.random.Philox(key=self._key(stream)))
        values = generator.standard_normal(shape, dtype=np.float32)
        self._drawn[(stream, tuple(shape))] = hashlib.sha256(values.astype("<f4").tobytes()).hexdigest()
        return values

    @property
    def digest(self) -> str:
        """A digest of everything drawn so far, whatever the order; empty if nothing was drawn."""
        if not self._drawn:
            return ""
        return digest("drawn/1", sorted([stream, list(shape), sha] for (stream, shape), sha in self._drawn.items()))

    def _key(self, stream: str) -> int:
        text = canonical_json(["noise/1", self._item, self._seed, stream])
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "little")


def make_noise(item: ItemKey, seed: int) -> Noise:
    """The noise of one generation; pass it as ``Request.noise`` and read ``.digest`` afterwards."""
    return Noise(item, seed)
