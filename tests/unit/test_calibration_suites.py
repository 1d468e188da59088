"""The suites that faults are put into: what they hold, and that they are what they were made as."""

from __future__ import annotations

import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from harness.errors import Refused
from harness.model import Protocol
from harness.suite import load_suite, suite_names
from harness.suites.calibration.build import build, choose, suitable
from harness.suites.calibration_real.provider import FOLDER, Stored
from harness.suites.mini import seeds
from harness.suites.mini.world import sample_free_scene


def test_both_are_installed_and_run_the_faults() -> None:
    assert {"calibration", "calibration-real"} <= set(suite_names())
    assert load_suite("calibration").variants == load_suite("calibration-real").variants == "fault-*"
    assert load_suite("mini").variants == "all"


def test_their_digests_are_these_for_ever() -> None:
    assert load_suite("calibration@1").suite.key == "8a4c49099f96c7d87026fab511e6b4e3"
    assert load_suite("calibration-real@1").suite.key == "2736144284d2ce21420cc52983ce5c0d"


def test_calibration_shows_scenes_that_no_other_use_of_the_world_shows() -> None:
    ranges = sorted((value for name, value in vars(seeds).items() if name.endswith("SEEDS")), key=lambda r: r.start)
    assert len(ranges) == 6
    assert all(a.stop <= b.start for a, b in pairwise(ranges))
    suite = load_suite("calibration")
    chosen = [int(table["seed"]) for table in suite.tables.values()]
    assert len(set(chosen)) == 12
    assert all(seed in seeds.CALIBRATION_SEEDS and suitable(sample_free_scene(seed)) for seed in chosen)
    assert chosen[:4] == [seed for seed, _ in choose(4)]


def test_its_clips_leave_room_and_go_on_as_long_as_wanted() -> None:
    suite = load_suite("calibration")
    item = suite.suite.items[0]
    clip, longer = suite.real(item), suite.real(item, 50)
    assert clip is not None
    assert longer is not None
    assert (len(clip), len(longer)) == (40, 50)
    assert np.array_equal(clip, longer[:40])
    assert np.mean((clip < 26) | (clip > 229)) < 0.03


@pytest.mark.slow
def test_the_file_is_rebuilt_byte_by_byte() -> None:
    assert build() == (Path(load_suite.__code__.co_filename).parents[1] / "suites/calibration/suite.toml").read_text()


def test_real_clips_begin_with_their_image_move_and_end() -> None:
    suite = load_suite("calibration-real")
    assert suite.reference_key == ""
    for item in suite.suite.items:
        clip = suite.real(item)
        assert clip is not None
        assert clip.shape == (40, 144, 256, 3)
        assert np.array_equal(clip[0], suite.image(item))
        steps = np.abs(np.diff(clip.astype(np.int16), axis=0)).mean(axis=(1, 2, 3))
        assert steps.min() > 1  # no repeated frame
        assert steps.max() < 10  # no cut
        assert suite.real(item, 80) is None
    assert sum(path.stat().st_size for path in FOLDER.glob("*.mkv")) < 3_000_000


def test_a_changed_or_missing_clip_is_refused(tmp_path: Path) -> None:
    suite = load_suite("calibration-real")
    table = next(iter(suite.tables.values()))
    protocol = Protocol(40, 144, 256, 25)
    with pytest.raises(Refused, match="is missing or has changed"):
        Stored(tmp_path).real(table, protocol)
    copy = tmp_path / str(table["file"])
    shutil.copy(FOLDER / copy.name, copy)
    assert Stored(tmp_path).real(table, protocol) is not None
    copy.write_bytes(copy.read_bytes()[:-1] + b"!")
    with pytest.raises(Refused, match="is missing or has changed"):
        Stored(tmp_path).real(table, protocol)
