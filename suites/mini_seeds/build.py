"""Write ``suite.toml`` of mini-seeds@1: ``python -m harness.suites.mini_seeds.build``.

Items, protocol and reference set are those of mini@1, so videos of seed 0 that were made for one are there for the
other, and only the second seed's are new.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from harness.model import frames_digest
from harness.spool import write_atomic
from harness.suite import FILE

from ..mini.build import MAKER, PROTOCOL, REFERENCE_SIZE, make_items, make_suite, to_toml
from ..mini.provider import World

SEEDS = (0, 1)
SUMMARY = "the 64 scenes of mini@1, each generated with two seeds"


def build() -> str:
    """Render everything and return the text of ``suite.toml``."""
    chosen = list(make_items())
    world = World(MAKER.first_seed, REFERENCE_SIZE)
    clips = [frames_digest(frames) for _, frames in world.reference(PROTOCOL)]
    suite = replace(make_suite(chosen), name="mini-seeds", summary=SUMMARY, seeds=SEEDS)
    return to_toml(suite, chosen, clips, replace(MAKER, module="harness.suites.mini_seeds.build"))


if __name__ == "__main__":
    target = Path(__file__).with_name(FILE)
    write_atomic(target, build().encode())
    print(target)
