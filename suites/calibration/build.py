"""Write ``suite.toml`` of calibration@1: ``python -m harness.suites.calibration.build``.

Items are the first scenes, in seed order, that move enough to be seen in 64 pixels and whose colours leave room for a
fault on both sides; every other one has a panning background.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from harness.model import Suite, frames_digest
from harness.spool import write_atomic
from harness.suite import FILE

from ..mini.build import PROTOCOL, Maker, describe_items, to_toml
from ..mini.provider import World
from ..mini.seeds import CALIBRATION_REFERENCE_SEEDS, CALIBRATION_SEEDS
from ..mini.world import Scene, render, sample_free_scene

NUM_ITEMS = 12
REFERENCE_SIZE = 24
MIN_SPEED = 1.0  # pixels a frame, of the fastest shape
ROOM = (26, 229)  # a tenth of the range on each side
MIN_ROOM_SHARE = 0.98  # of the first frame's values
MAKER = Maker("harness.suites.calibration.build", CALIBRATION_REFERENCE_SEEDS.start, variants="fault-*")
SUMMARY = "12 real clips of the procedural world for graded faults, 40 frames of 64x64 pixels"


def suitable(scene: Scene) -> bool:
    """Whether a fault can be told from the scene: something moves, and few colours are near the ends of the range."""
    first = render(scene, 1)
    room = np.mean((first >= ROOM[0]) & (first <= ROOM[1]))
    return max(np.hypot(*shape.velocity) for shape in scene.shapes) >= MIN_SPEED and bool(room >= MIN_ROOM_SHARE)


def choose(count: int) -> Iterator[tuple[int, Scene]]:
    """The first ``count`` suitable scenes with their seeds, still and panning backgrounds in turn."""
    waiting: dict[bool, list[tuple[int, Scene]]] = {False: [], True: []}
    seeds = iter(CALIBRATION_SEEDS)
    for index in range(count):
        queue = waiting[index % 2 == 1]
        while not queue:
            seed = next(seeds)
            scene = sample_free_scene(seed)
            if suitable(scene):
                waiting[scene.pan != (0.0, 0.0)].append((seed, scene))
        yield queue.pop(0)


def build() -> str:
    """Render everything and return the text of ``suite.toml``."""
    chosen = list(describe_items(choose(NUM_ITEMS)))
    world = World(CALIBRATION_REFERENCE_SEEDS.start, REFERENCE_SIZE, sample_free_scene)
    clips = [frames_digest(frames) for _, frames in world.reference(PROTOCOL)]
    suite = Suite("calibration", 1, SUMMARY, PROTOCOL, tuple(c.item for c in chosen), (0,), REFERENCE_SIZE)
    return to_toml(suite, chosen, clips, MAKER)


if __name__ == "__main__":
    target = Path(__file__).with_name(FILE)
    write_atomic(target, build().encode())
    print(target)
