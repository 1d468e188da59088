"""A folder of videos as a suite."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.errors import Refused
from harness.model import Frames
from harness.registry import load_plugins
from harness.suite import is_folder, load_suite
from harness.suite_folder import fitted, working_size
from harness.suites.mini import world
from harness.video import write_master
from harness.wishes import RunOptions, chosen_variants, with_absolute_paths


def clip(seed: int, frames: int = 20) -> Frames:
    made: Frames = world.render(world.sample_scene(seed), frames)
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_master(tmp_path / "My cat.mkv", clip(1), 12)
    write_master(tmp_path / "dog.mkv", clip(2, 50)[:, :48], 25)
    (tmp_path / "notes.txt").write_text("no video")
    return tmp_path


def test_it_has_an_item_a_video_in_one_size_and_length(folder: Path) -> None:
    loaded = load_suite(str(folder))
    suite = loaded.suite
    assert [item.slug for item in suite.items] == ["000-my-cat", "001-dog"]
    shape = suite.protocol
    assert (shape.num_frames, shape.height, shape.width, shape.fps) == (20, 64, 64, 12)
    assert np.array_equal(loaded.image(suite.items[0]), clip(1)[0])
    for item in suite.items:
        real = loaded.real(item)
        assert real is not None
        assert real.shape == (20, 64, 64, 3)
    assert loaded.real(suite.items[0], 40) is None
    assert loaded.real(suite.items[1], 40) is not None
    assert loaded.reference_key == ""


def test_its_name_is_that_of_its_files(folder: Path) -> None:
    before = load_suite(str(folder)).suite
    assert before.name.startswith("calibration-")
    assert load_suite(str(folder)).suite == before
    (folder / "dog.mkv").rename(folder / "a dog.mkv")
    write_master(folder / "My cat.mkv", clip(3), 12)
    assert load_suite(str(folder)).suite.name != before.name


def test_the_faults_are_run_on_it(folder: Path) -> None:
    chosen = chosen_variants(load_plugins(), None, load_suite(str(folder)))
    assert len(chosen) == 56


def test_an_installed_name_is_no_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "mini").mkdir()
    monkeypatch.chdir(folder)
    assert not is_folder("mini")
    assert load_suite("mini").suite.label == "mini@1"
    assert is_folder(".")
    assert with_absolute_paths(RunOptions(suite=".")).suite == str(folder)
    assert with_absolute_paths(RunOptions(suite="mini")).suite == "mini"


def test_what_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="cannot be used as a suite") as caught:
        load_suite(str(tmp_path))
    assert caught.value.why == "it holds no video"
    write_master(tmp_path / "short.mkv", clip(1, 9), 10)
    with pytest.raises(Refused, match=r"short\.mkv") as caught:
        load_suite(str(tmp_path))
    assert caught.value.why == "it has 9 frames, 16 are needed"
    (tmp_path / "short.mkv").write_bytes(b"no video")
    with pytest.raises(Refused, match=r"short\.mkv") as caught:
        load_suite(str(tmp_path))
    assert caught.value.code == "E-SUITE"


@pytest.mark.parametrize(
    ("size", "expected"), [((64, 64), (64, 64)), ((720, 1280), (256, 455)), ((1080, 607), (455, 256))]
)
def test_only_large_videos_are_made_smaller(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert working_size(*size) == expected


def test_another_shape_is_cut_in_the_middle() -> None:
    wide = np.zeros((2, 10, 30, 3), np.uint8)
    wide[:, :, 10:20] = 200
    assert (fitted(wide, (10, 10)) == 200).all()
    assert fitted(wide, (20, 20)).shape == (2, 20, 20, 3)
