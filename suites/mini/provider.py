"""The pixels of mini@1: every clip is drawn by the procedural world from the seed in the item's table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.model import Frames, Image, Protocol

from .world import Scene, render, sample_scene


@dataclass(frozen=True)
class World:
    """Item images are first frames; the reference set is ``size`` clips from ``first_seed`` on. ``draw`` makes a scene
    of a seed."""

    first_seed: int
    size: int
    draw: Callable[[int], Scene] = sample_scene

    def image(self, table: Mapping[str, Any], protocol: Protocol) -> Image:
        """The first frame of the item's scene."""
        image: Image = render(self.draw(table["seed"]), 1)[0]
        return image

    def real(self, table: Mapping[str, Any], protocol: Protocol) -> Frames:
        """The item's own clip."""
        return render(self.draw(table["seed"]), protocol.num_frames)

    def reference(self, protocol: Protocol) -> Iterator[tuple[str, Frames]]:
        """Clips of scenes that no item shows."""
        for index in range(self.size):
            scene = self.draw(self.first_seed + index)
            yield f"ref-{index:03d}", render(scene, protocol.num_frames)


def make_provider(table: Mapping[str, Any]) -> World:
    """The provider for a parsed ``suite.toml``."""
    reference = table["reference"]
    return World(int(reference["first_seed"]), len(reference["clips"]))
