"""What a video made elsewhere must be, format by format and rule by rule."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from harness.errors import ItemError
from harness.import_check import Checked, Rules, check
from harness.import_sources import Candidate
from tests.unit.import_helpers import FPS, LENGTH, PROTOCOL, SIZE, clip, cut, write, write_frames


def checked(path: Path, rules: Rules | None = None, *, frames: int | None = None, fps: float | None = None) -> Checked:
    candidate = Candidate(path, path.name, "000-disc", frames=frames, fps=fps)
    return check(candidate, PROTOCOL, rules or Rules())


def refusal(path: Path, rules: Rules | None = None, *, frames: int | None = None, fps: float | None = None) -> str:
    with pytest.raises(ItemError) as caught:
        checked(path, rules, frames=frames, fps=fps)
    assert caught.value.code == "E-IMPORT"
    return caught.value.why


@pytest.mark.parametrize(("suffix", "error"), [(".mp4", 25), (".webm", 25), (".gif", 40), (".mkv", 0)])
def test_frames_are_taken_as_they_decode(tmp_path: Path, suffix: str, error: float) -> None:
    found = checked(write(tmp_path / f"a{suffix}", clip()))
    assert found.frames.shape == (LENGTH, SIZE, SIZE, 3)
    assert (found.decoded, found.declared, found.fps) == (LENGTH, LENGTH, FPS)
    assert np.abs(found.frames.astype(int) - clip()).mean() <= error


def test_a_folder_of_frames_is_exact_and_takes_the_suites_rate(tmp_path: Path) -> None:
    found = checked(write_frames(tmp_path / "f", clip(), first=1))
    assert np.array_equal(found.frames, clip())
    assert found.fps is None


def test_frames_are_ordered_by_number_and_not_by_name(tmp_path: Path) -> None:
    folder = tmp_path / "f"
    folder.mkdir()
    for number, frame in enumerate(clip(), start=5):  # 5 to 12
        Pillow.fromarray(frame).save(folder / f"{number}.png")
    assert np.array_equal(checked(folder).frames, clip())


def test_longer_videos_give_their_first_frames_when_that_is_asked_for(tmp_path: Path) -> None:
    video, folder = write(tmp_path / "a.mkv", clip(length=11)), write_frames(tmp_path / "f", clip(length=11))
    for path in (video, folder):
        assert "has 11 frames, the suite's videos have 8; --first-frames" in refusal(path)
        found = checked(path, Rules(first=True))
        assert np.array_equal(found.frames, clip())
        assert found.decoded == 11


def test_shorter_videos_are_refused_whatever_is_asked_for(tmp_path: Path) -> None:
    assert "has 7 frames" in refusal(write(tmp_path / "a.mkv", clip(length=7)), Rules(True, True))


@pytest.mark.parametrize(("suffix", "share"), [(".mp4", 0.9), (".webm", 0.6), (".mkv", 0.6)])
def test_a_file_that_ends_early_has_fewer_frames_than_it_declares(tmp_path: Path, suffix: str, share: float) -> None:
    path = cut(write(tmp_path / f"a{suffix}", clip(length=40)), share)
    # A decoder with one thread stops at the packet that was cut, one with several may go on to the end.
    assert re.search("40 frames are declared|Invalid data", refusal(path, Rules(first=True)))


def test_a_manifest_may_declare_the_number_of_frames(tmp_path: Path) -> None:
    for path in (write(tmp_path / "a.gif", clip()), write_frames(tmp_path / "f", clip())):
        assert checked(path, frames=LENGTH).declared == LENGTH
        assert refusal(path, frames=LENGTH + 1) == "9 frames are declared, 8 can be decoded"


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".gif"])
def test_another_rate_is_refused_unless_it_is_to_be_ignored(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"a{suffix}", clip(), fps=25)
    assert "25 frames a second, the suite's videos have 10" in refusal(path)
    assert checked(path, Rules(any_rate=True)).fps == 25


def test_a_rate_that_a_gif_cannot_hold_exactly_is_taken(tmp_path: Path) -> None:
    protocol = dataclasses.replace(PROTOCOL, fps=24)  # 4.17 hundredths, stored as 4
    path = write(tmp_path / "a.gif", clip(), fps=24)
    assert check(Candidate(path, "a", "000-disc"), protocol, Rules()).fps == pytest.approx(24, rel=0.05)
    with pytest.raises(ItemError, match="not imported"):
        check(Candidate(write(tmp_path / "a.mp4", clip(), fps=25), "a", "000-disc"), protocol, Rules())


def test_a_manifests_rate_goes_before_the_files(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mkv", clip())
    assert "5 frames a second" in refusal(path, fps=5)
    assert "0" not in refusal(write_frames(tmp_path / "f", clip()), fps=5).split(" frames")[0]


def test_frames_that_are_not_evenly_spaced_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mkv", clip(), times=[0, 1, 2, 4, 5, 6, 7, 8])
    assert "not evenly spaced: 200 ms before frame 3 instead of 100" in refusal(path, frames=LENGTH, fps=FPS)
    assert np.array_equal(checked(path, Rules(any_rate=True), frames=LENGTH).frames, clip())


def damaged(path: Path) -> Path:
    data = bytearray(write(path, clip()).read_bytes())
    late = 3 * len(data) // 4  # before it lies the encoder's note about itself, which may change without harm
    data[late : late + 60] = bytes(60)
    path.write_bytes(bytes(data))
    return path


def text(path: Path) -> Path:
    path.write_text("this is no video")
    return path


def empty(path: Path) -> Path:
    path.touch()
    return path


def two_sizes(folder: Path) -> Path:
    write_frames(folder, clip())
    Pillow.fromarray(clip(height=32)[5]).save(folder / "frame_0005.png")
    return folder


def without(folder: Path, number: int) -> Path:
    write_frames(folder, clip(length=LENGTH + 1))
    (folder / f"frame_{number:04d}.png").unlink()
    return folder


def twice(folder: Path) -> Path:
    write_frames(folder, clip())
    Pillow.fromarray(clip()[0]).save(folder / "other_0003.png")
    return folder


def unnumbered(folder: Path) -> Path:
    write_frames(folder, clip())
    Pillow.fromarray(clip()[0]).save(folder / "cover.png")
    return folder


def half(folder: Path) -> Path:
    write_frames(folder, clip())
    cut(folder / "frame_0002.png", 0.5)
    return folder


def transparent(folder: Path) -> Path:
    write_frames(folder, clip())
    pixels = np.dstack([clip()[1], np.full((SIZE, SIZE), 254, np.uint8)])
    Pillow.fromarray(pixels).save(folder / "frame_0001.png")
    return folder


def deep(folder: Path) -> Path:
    import cv2

    write_frames(folder, clip())
    cv2.imwrite(str(folder / "frame_0004.png"), clip()[4].astype(np.uint16) * 256)
    return folder


BROKEN: dict[str, tuple[str, Callable[[Path], Path], str]] = {
    "damage": ("a.mp4", damaged, "damaged|cannot be decoded|Invalid data"),
    "no video": ("a.mp4", text, "Invalid data"),
    "nothing": ("a.webm", empty, "the file is empty"),
    "no file": ("a.mkv", lambda path: path, "there is no such file"),
    "size": ("a.mkv", lambda path: write(path, clip(width=72)), "72x64 pixels, the suite's videos have 64x64"),
    "frames of two sizes": ("f", two_sizes, "64x32 pixels"),
    "gap": ("f", lambda path: without(path, 3), "frame 3 is missing: 8 pictures from 0 to 8"),
    "twice": ("f", twice, "have the same number"),
    "unnumbered": ("f", unnumbered, "no frame number"),
    "half a picture": ("f", half, "cannot be read"),
    "transparent": ("f", transparent, "transparent in places"),
    "deep": ("f", deep, "more than 8 bits"),
}


@pytest.mark.parametrize("name", list(BROKEN))
def test_what_is_broken_is_refused_with_its_reason(tmp_path: Path, name: str) -> None:
    file, make, why = BROKEN[name]
    found = refusal(make(tmp_path / file))
    assert re.search(why, found), found


def test_a_video_without_an_item_is_refused_without_being_read(tmp_path: Path) -> None:
    candidate = Candidate(tmp_path / "absent.mp4", "absent.mp4", problem="tiny@1 has no item 'absent'")
    with pytest.raises(ItemError) as caught:
        check(candidate, PROTOCOL, Rules())
    assert caught.value.why == candidate.problem
