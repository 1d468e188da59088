"""The user's own videos as a reference set: named by their bytes, cut to the suite's size, refused before a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.errors import ItemError, UsageError
from harness.model import Frames, Protocol
from harness.reference_folder import VARIABLE, left_out, read_clip, read_folder, with_reference
from harness.registry import load_plugins
from harness.suite import LoadedSuite, load_suite
from harness.video import write_master
from harness.wishes import set_skip

PROTOCOL = Protocol(num_frames=4, height=16, width=16, fps=10)


def clip(length: int = 5, seed: int = 0, height: int = 32, width: int = 64) -> Frames:
    return np.random.default_rng(seed).integers(0, 256, (length, height, width, 3), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "real"
    made.mkdir()
    for index, name in enumerate(("b.mkv", "a.mkv")):
        write_master(made / name, clip(seed=index), 24)
    (made / "notes.txt").write_text("not a video")
    return made


@pytest.fixture(scope="module")
def bare() -> LoadedSuite:
    """A suite without a reference set."""
    return load_suite("exvideo-128")


def test_clips_are_the_first_frames_at_the_suites_size_in_the_order_of_names(folder: Path) -> None:
    found = read_folder(folder, PROTOCOL)
    assert [path.name for path in found.paths] == ["a.mkv", "b.mkv"]
    clips = list(found.clips(PROTOCOL))
    assert [slug for slug, _ in clips] == [f"{i:04d}-{sha256[:8]}" for i, sha256 in enumerate(found.digests)]
    for (_, frames), seed in zip(clips, (1, 0), strict=True):
        blocks = clip(seed=seed)[:4].reshape(4, 16, 2, 32, 2, 3).mean(axis=(2, 4))
        assert frames.dtype == np.uint8
        np.testing.assert_allclose(frames, blocks[:, :, 8:24], atol=0.5)


def test_the_key_holds_bytes_and_protocol_but_no_names(folder: Path) -> None:
    key = read_folder(folder, PROTOCOL).key(PROTOCOL)
    assert read_folder(folder, PROTOCOL).key(PROTOCOL) == key
    assert read_folder(folder, PROTOCOL).key(Protocol(4, 16, 32, 10)) != key
    (folder / "a.mkv").rename(folder / "aa.mkv")
    assert read_folder(folder, PROTOCOL).key(PROTOCOL) == key
    write_master(folder / "aa.mkv", clip(seed=7), 24)
    assert read_folder(folder, PROTOCOL).key(PROTOCOL) != key


def test_a_suite_takes_it_only_when_it_is_named_and_only_where_it_has_none(
    folder: Path, bare: LoadedSuite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert with_reference(bare) is bare
    assert left_out("exvideo-128") == ""
    monkeypatch.setenv(VARIABLE, str(folder))
    mini = load_suite("mini")
    assert with_reference(mini) is mini
    assert left_out("mini") == ""
    assert left_out("exvideo-128").startswith("scores against the videos in $HARNESS_REFERENCE are left out")
    with pytest.raises(UsageError, match="cannot be used") as caught:  # five frames where 128 are needed
        with_reference(bare)
    assert caught.value.code == "E-REFERENCE"
    assert caught.value.why == "fewer than 128 frames: a.mkv, b.mkv"


def test_the_reference_changes_neither_the_suite_nor_its_items(
    folder: Path, bare: LoadedSuite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(folder))
    small = replace(bare, suite=replace(bare.suite, protocol=PROTOCOL))
    suite = with_reference(small)
    assert suite.suite == small.suite
    assert (suite.reference_size, suite.suite.reference_size) == (2, 0)
    assert suite.reference_key == read_folder(folder, PROTOCOL).key(PROTOCOL)
    assert [frames.shape for _, frames in suite.reference()] == [(4, 16, 16, 3)] * 2
    assert (suite.provider, suite.tables, suite.variants) == (small.provider, small.tables, small.variants)


def test_columns_say_how_to_get_a_reference_and_how_many_clips_it_has(
    tmp_path: Path, bare: LoadedSuite, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = load_plugins()
    spec = registry.metric("fd_motion_hist")
    extractor = registry.extractor(spec.extractor)
    skip = set_skip(spec, extractor, bare, None)
    assert skip.reason == "the suite has no reference set"
    assert skip.remedy == f"export {VARIABLE}=FOLDER, where there are 36 real videos of 128 frames or more"
    write_master(tmp_path / "long.mkv", clip(length=128, height=8, width=8), 30)
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    skip = set_skip(spec, extractor, with_reference(bare), None)
    assert skip.reason == "36 items need as many reference clips, the suite has 1"


@pytest.mark.parametrize("state", ["missing", "empty", "damaged"])
def test_a_folder_that_cannot_be_used_is_a_mistake_with_a_way_out(tmp_path: Path, state: str) -> None:
    folder = tmp_path / "real"
    if state != "missing":
        folder.mkdir()
    if state == "damaged":
        (folder / "x.mp4").write_bytes(b"no video")
    with pytest.raises(UsageError) as caught:
        read_folder(folder, PROTOCOL)
    assert caught.value.code == "E-REFERENCE"
    assert VARIABLE in caught.value.what
    assert {"missing": "no such folder", "empty": "no video", "damaged": "Invalid data"}[state] in caught.value.why
    assert caught.value.fix


def test_many_short_videos_are_counted_and_three_are_named(tmp_path: Path) -> None:
    for index in range(5):
        write_master(tmp_path / f"{index}.mkv", clip(length=3, height=16, width=16), 24)
    with pytest.raises(UsageError) as caught:
        read_folder(tmp_path, PROTOCOL)
    assert caught.value.why == "fewer than 4 frames: 0.mkv, 1.mkv, 2.mkv and 2 more"


def test_a_video_that_turns_out_too_short_is_named(tmp_path: Path) -> None:
    write_master(tmp_path / "short.mkv", clip(length=3, height=16, width=16), 24)
    with pytest.raises(ItemError, match=r"short\.mkv has 3 frames, 4 are needed") as caught:
        read_clip(tmp_path / "short.mkv", PROTOCOL)
    assert caught.value.code == "E-REFERENCE"
