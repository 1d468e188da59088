"""What a plugin's classes must be able to do: a variant and its generator, an extractor of features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from harness.model import Frames, Needs, Request

if TYPE_CHECKING:
    from harness.clip import Clip


@runtime_checkable
class Generator(Protocol):
    """A loaded variant."""

    def generate(self, request: Request) -> Frames:
        """Make one video: uint8 [T, H, W, 3] of exactly the protocol's size."""
        ...


class Variant(Protocol):
    """A frozen dataclass of configuration; its fields are the parameters that enter the key."""

    def needs(self) -> Needs:
        """Weights and hardware."""
        ...

    def load(self, device: str) -> Generator:
        """Load everything; ``device`` is torch's name of it."""
        ...


class Extractor(Protocol):
    """A loaded feature network, or another measurement that videos are compared by."""

    def __call__(self, clip: Clip) -> NDArray[np.float32]:
        """Features [windows, d] of one video, in the order of time; raises ItemError for a video it cannot take.

        A network reads ``clip.frames``. What uses ``clip.flow`` declares it: one flow pass serves it and the metrics.
        """
        ...
