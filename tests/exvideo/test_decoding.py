"""Which frames of a video become a clip, how they are cut, and the reason where there is none."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.errors import UsageError
from harness.exvideo.decoding import ClipRule, Unusable, clips_of
from harness.suite_folder import fitted
from tests.exvideo.videos import bad_files, moving, save_mp4, save_video


def rule(num_frames: int = 8, height: int = 24, width: int = 32, **rest: Any) -> ClipRule:
    return ClipRule(num_frames, height, width, **rest)


def why(path: Path, wanted: ClipRule) -> str:
    with pytest.raises(Unusable) as caught:
        list(clips_of(path, wanted))
    return str(caught.value)


def test_a_clip_is_the_first_frames_as_they_are(tmp_path: Path) -> None:
    ((frames, fps),) = clips_of(save_video(tmp_path / "a.mkv", 20), rule())
    assert np.array_equal(frames, moving(20)[:8])
    assert fps == 10


def test_a_stride_takes_every_so_many_frames_and_slows_the_rate(tmp_path: Path) -> None:
    ((frames, fps),) = clips_of(save_video(tmp_path / "a.mkv", 22), rule(stride=3))
    assert np.array_equal(frames, moving(22)[0:22:3])
    assert fps == pytest.approx(10 / 3)


def test_a_rate_takes_the_frames_nearest_in_time(tmp_path: Path) -> None:
    path = save_video(tmp_path / "a.mkv", 30)
    ((frames, fps),) = clips_of(path, rule(num_frames=7, fps=2.5))
    assert np.array_equal(frames, moving(30)[[0, 4, 8, 12, 16, 20, 24]])
    assert fps == 2.5
    ((same, _),) = clips_of(path, rule(fps=10))
    assert np.array_equal(same, moving(30)[:8])


def test_a_rate_holds_a_picture_over_a_gap_in_the_times(tmp_path: Path) -> None:
    path = save_mp4(tmp_path / "a.mp4", moving(6), times=[0, 1, 2, 6, 7, 8])
    ((frames, _),) = clips_of(path, rule(fps=5, num_frames=5))
    shifts = [int(np.abs(moving(6).astype(int) - frame.astype(int)).mean(axis=(1, 2, 3)).argmin()) for frame in frames]
    assert shifts == [0, 2, 3, 3, 5]


def test_clips_follow_one_another_and_a_rest_is_left(tmp_path: Path) -> None:
    path = save_video(tmp_path / "a.mkv", 20)
    found = list(clips_of(path, rule(clips=5)))
    assert len(found) == 2
    assert np.array_equal(np.concatenate([frames for frames, _ in found]), moving(20)[:16])
    assert len(list(clips_of(path, rule(clips=1)))) == 1


def test_frames_are_scaled_to_cover_and_cut_evenly(tmp_path: Path) -> None:
    path = save_video(tmp_path / "a.mkv", 2, height=48, width=96)
    ((frames, _),) = clips_of(path, rule(2, 24, 24))
    assert np.array_equal(frames, fitted(moving(2, 48, 96), (24, 24)))


def test_frames_are_upright_with_square_pixels(tmp_path: Path) -> None:
    scene = np.zeros((2, 32, 48, 3), np.uint8)
    scene[:, :16, :24, 0] = 255  # red in the upper left
    ((turned, _),) = clips_of(save_mp4(tmp_path / "a.mp4", scene, turned=90), rule(2, 48, 32))
    assert (turned[0, 40, 8, 0], turned[0, 8, 8, 0]) == (pytest.approx(255, abs=9), pytest.approx(0, abs=9))
    ((wide, _),) = clips_of(save_mp4(tmp_path / "b.mp4", scene, aspect=Fraction(2)), rule(2, 32, 96))
    assert (wide[0, 8, 40, 0], wide[0, 8, 60, 0]) == (pytest.approx(255, abs=9), pytest.approx(0, abs=9))


def test_small_videos_are_taken_on_request_only(tmp_path: Path) -> None:
    path = save_video(tmp_path / "a.mkv", 8, height=12, width=16)
    assert why(path, rule()) == "16x12, smaller than 32x24 (--upscale takes it all the same)"
    ((frames, _),) = clips_of(path, rule(upscale=True))
    assert frames.shape == (8, 24, 32, 3)


def test_every_reason_is_told(tmp_path: Path) -> None:
    for name, piece in bad_files(tmp_path).items():
        if name != "copy.mkv":
            assert piece in why(tmp_path / name, rule()), name
    assert why(tmp_path / "none.mp4", rule()) == "there is no such file"
    path = save_video(tmp_path / "a.mkv", 12)
    assert why(path, rule(stride=2)) == "it has 6 frames at a stride of 2, a clip needs 8"
    assert why(path, rule(fps=5)) == "it has 6 frames at 5 frames a second, a clip needs 8"
    assert why(path, rule(fps=24)) == "10 frames a second, 24 were asked for: frames would repeat"


def test_damage_in_the_middle_is_told_with_its_frame(tmp_path: Path) -> None:
    path = save_mp4(tmp_path / "a.mp4", moving(12))
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 400] = bytes(400)
    path.write_bytes(data)
    assert why(path, rule(12)).startswith("cannot be decoded at frame ")
    ((frames, _),) = clips_of(path, rule(2))  # what is not asked for is not looked at
    assert len(frames) == 2


@pytest.mark.parametrize(
    "wrong", [{"stride": 0}, {"clips": 0}, {"height": 0}, {"fps": 0.0}, {"fps": float("nan")}, {"fps": 5, "stride": 2}]
)
def test_rules_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        ClipRule(**{"num_frames": 8, "height": 24, "width": 32} | wrong)
    assert caught.value.code == "E-SETTINGS"
