"""Videos made elsewhere become a row: what fits is measured, what does not is named with its reason."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from harness.model import Frames
from harness.store import Store
from harness.suite import load_suite
from harness.suite_folder import SUFFIXES as VIDEOS
from harness.video import read_master
from tests.e2e.conftest import PLUGIN, CliWithin, summary
from tests.unit.import_helpers import clip, cut, write, write_frames

pytestmark = pytest.mark.slow

SLUGS = [item.slug for item in load_suite("mini").suite.items]
LENGTH = 40
SUFFIXES = (".mp4", ".webm", ".mkv", ".gif", "")


def moving(seed: int, length: int = LENGTH, width: int = 64) -> Frames:
    return clip(seed, length, 64, width)


def twelve_good(folder: Path) -> None:
    for index, slug in enumerate(SLUGS[:12]):
        suffix = SUFFIXES[index % len(SUFFIXES)]
        if suffix in VIDEOS:
            write(folder / f"{slug}-s0{suffix}", moving(index))
        else:
            write_frames(folder / slug, moving(index))


def eight_broken(folder: Path) -> dict[str, str]:
    """Names, and a word of the reason that each must be given."""
    names = [f"{slug}.mkv" for slug in SLUGS[12:17]]
    (folder / names[0]).write_bytes(b"")
    (folder / names[1]).write_bytes(b"no video at all")
    cut(write(folder / names[2], moving(2)), 0.7)
    write(folder / names[3], moving(3, width=96))
    write(folder / names[4], moving(4), fps=25)
    write(folder / f"{SLUGS[17]}.gif", moving(5, length=39))
    write_frames(folder / SLUGS[18], moving(6))
    (folder / SLUGS[18] / "frame_0017.png").unlink()
    write(folder / "099-purple-cow.mp4", moving(7))
    whys = ("empty", "Invalid data", "40 frames are declared", "96x64", "25 frames a second", "has 39 frames")
    reasons = dict(zip((*names, f"{SLUGS[17]}.gif"), whys, strict=True))
    return {**reasons, SLUGS[18]: "frame 17 is missing", "099-purple-cow.mp4": "no item"}


def test_twelve_good_videos_are_measured_and_eight_broken_ones_named(cli_within: CliWithin) -> None:
    folder = cli_within.folder / "videos"
    folder.mkdir()
    twelve_good(folder)
    broken = eight_broken(folder)
    asked = ("import", str(folder), "--as", "theirs", "--plugin", str(PLUGIN), "--metrics", "test_mean,test_distance")
    done = cli_within(*asked, "--json")
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode == 3
    events = [json.loads(line) for line in done.stdout.splitlines()]
    told = next(event for event in events if event["event"] == "import")
    assert len(told["taken"]) == 12
    assert {r["name"] for r in told["refused"]} == set(broken)
    assert all(broken[r["name"]] in r["why"] for r in told["refused"]), told["refused"]
    assert (summary(events)["scored"], summary(events)["made"], summary(events)["reused"]) == (12, 0, 12)
    (row,) = summary(events)["table"]["rows"]
    assert (row["variant"], row["seconds"]) == ("theirs", None)
    assert row["metrics"]["test_mean@1"]["n_ok"] == 12
    assert row["metrics"]["test_distance@1"]["mean"] is None, "a set that is not complete is not compared"

    results = cli_within.folder / "results"
    with Store(results) as store:
        masters = [results / row["relpath"] for row in store._rows("SELECT relpath FROM generations")]
    frames = [read_master(path) for path in masters]
    assert any(np.array_equal(moving(2), decoded) for decoded in frames), "a lossless video keeps every bit"
    assert any(np.array_equal(moving(4), decoded) for decoded in frames), "and so does a folder of frames"

    again = cli_within(*asked)
    assert again.returncode == 3
    assert "0 imported, 12 there already, 8 refused" in again.stderr
    assert "nothing to do" in again.stderr
    exported = cli_within("export", "--variants", "theirs", "--plugin", str(PLUGIN))
    assert exported.returncode == 0, exported.stderr
    checked = cli_within("validate", "results/published")
    assert "1 file, 0 errors" in checked.stdout, checked.stdout
    published = cli_within("publish", "--local", "--plugin", str(PLUGIN), "--media", "none")
    assert published.returncode == 0, published.stderr
