"""Write ``suite.toml`` of mini@1: ``python -m harness.suites.mini.build``.

Items are the first scenes, in seed order, of eight strata: one or two shapes, still or panning background, plain or
striped. Item i lies in stratum i mod 8, and the strata alternate with their opposites, so that every even prefix
holds each property exactly half the time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.model import Item, Protocol, Suite, frames_digest
from harness.motion import motion_bucket
from harness.spool import write_atomic
from harness.suite import FILE, image_digest
from harness.suite_text import as_toml

from .provider import World
from .seeds import REFERENCE_SEEDS, SUITE_SEEDS
from .world import FPS, SIZE, Scene, Shape, describe, render, sample_scene

PROTOCOL = Protocol(num_frames=40, height=SIZE, width=SIZE, fps=FPS)
NUM_ITEMS = 64
REFERENCE_SIZE = 64
SUMMARY = "64 procedural scenes of one or two moving shapes, 40 frames of 64x64 pixels"

Stratum = tuple[bool, bool, bool]  # two shapes, panning, striped
STRATA: tuple[Stratum, ...] = (
    (False, False, False),
    (True, True, True),
    (False, True, True),
    (True, False, False),
    (True, False, True),
    (False, True, False),
    (True, True, False),
    (False, False, True),
)


@dataclass(frozen=True)
class Maker:
    """What a ``suite.toml`` says beside the suite: who wrote it, its first reference seed, what is run on it."""

    module: str
    first_seed: int
    variants: str = ""


MAKER = Maker("harness.suites.mini.build", REFERENCE_SEEDS.start)


@dataclass(frozen=True)
class Chosen:
    """An item and the world seed that draws it."""

    seed: int
    item: Item


def stratum(scene: Scene) -> Stratum:
    """The stratum of a scene."""
    return len(scene.shapes) == 2, scene.pan != (0.0, 0.0), any(shape.stripe for shape in scene.shapes)


def choose(count: int) -> Iterator[tuple[int, Scene]]:
    """The first ``count`` scenes of the suite with their seeds."""
    waiting: dict[Stratum, list[tuple[int, Scene]]] = {s: [] for s in STRATA}
    seeds = iter(SUITE_SEEDS)
    for index in range(count):
        queue = waiting[STRATA[index % len(STRATA)]]
        while not queue:
            seed = next(seeds)
            scene = sample_scene(seed)
            waiting[stratum(scene)].append((seed, scene))
        yield queue.pop(0)


def make_items(count: int = NUM_ITEMS) -> Iterator[Chosen]:
    """The first ``count`` items, rendered for their image digest and motion bucket."""
    return describe_items(choose(count))


def describe_items(scenes: Iterable[tuple[int, Scene]]) -> Iterator[Chosen]:
    """The items that show these scenes, given with their seeds."""
    for index, (seed, scene) in enumerate(scenes):
        frames = render(scene, PROTOCOL.num_frames)
        two, pan, striped = stratum(scene)
        tags = (
            "two-shapes" if two else "one-shape",
            "panning" if pan else "still-background",
            "striped" if striped else "plain",
        )
        words = "-".join(_words(shape) for shape in scene.shapes)
        slug = f"{index:03d}-{words}"
        yield Chosen(seed, Item(slug, describe(scene), image_digest(frames[0]), motion_bucket(frames), tags))


def make_suite(chosen: list[Chosen]) -> Suite:
    """mini@1 with these items."""
    return Suite("mini", 1, SUMMARY, PROTOCOL, tuple(c.item for c in chosen), (0,), REFERENCE_SIZE)


def to_toml(suite: Suite, chosen: list[Chosen], clips: Sequence[str], maker: Maker = MAKER) -> str:
    """The text of ``suite.toml``: an item a block, in order."""
    extras = [{"seed": entry.seed} for entry in chosen]
    first = {"first_seed": maker.first_seed}
    return as_toml(suite, maker.module, extras, clips=clips, reference=first, variants=maker.variants)


def build() -> str:
    """Render everything and return the text of ``suite.toml``."""
    chosen = list(make_items())
    world = World(REFERENCE_SEEDS.start, REFERENCE_SIZE)
    clips = [frames_digest(frames) for _, frames in world.reference(PROTOCOL)]
    return to_toml(make_suite(chosen), chosen, clips)


def _words(shape: Shape) -> str:
    return f"{shape.colour}-{shape.kind}"


if __name__ == "__main__":
    target = Path(__file__).with_name(FILE)
    write_atomic(target, build().encode())
    print(target)
