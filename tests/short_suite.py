"""A suite of one clip of 16 frames: longer than a window, and quicker to make than the 40 that the mini rows can do."""

from __future__ import annotations

from pathlib import Path

from harness.suites.mini import world
from harness.video import write_master


def short_suite(folder: Path) -> Path:
    """Write the suite's one clip into a folder, which is then a suite."""
    write_master(folder / "clip.mkv", world.render(world.sample_scene(1), 16), world.FPS)
    return folder
