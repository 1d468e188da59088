"""Dynamic rate: motion in shares of the short side per eighth of a second, and when there is too little to say."""

from __future__ import annotations

import numpy as np
import pytest

from harness.clip import Clip
from harness.metrics.dynamic_rate import THRESHOLD, dynamic_rate
from harness.model import Frames, Score
from tests.metrics.moving import Field, flicker, known_flow, noise, pan_frames, still, texture


def moving(velocity: float, num_frames: int = 16, size: int = 64, fps: float = 8) -> Score:
    frames = np.zeros((num_frames, size, size, 3), np.uint8)
    source = known_flow(num_frames, (size, size), lambda _, gap: (velocity * gap, 0.0))
    score: Score = dynamic_rate(Clip(frames, fps, flow=source))
    return score


def test_a_still_does_not_move() -> None:
    score = dynamic_rate(Clip(still(8), 8))
    assert score.value == 0
    assert score.detail["motion_p95"] == 0


def test_a_pan_moves_by_its_velocity() -> None:
    score = moving(3.0)
    assert score.value == 1
    assert score.detail["motion_p95"] == pytest.approx(100 * 3 / 64)
    assert score.profile == pytest.approx([100 * 3 / 64] * 8)


def test_the_threshold_is_six_pixels_in_two_hundred_and_fifty_six() -> None:
    assert pytest.approx(100 * 1.5 / 64) == THRESHOLD
    assert moving(1.49).value == 0
    assert moving(1.51).value == 1


def test_resolution_and_frame_rate_cancel() -> None:
    plain = moving(2.0).detail["motion_p95"]
    assert moving(4.0, size=128).detail["motion_p95"] == pytest.approx(plain)
    for fps in (16, 24, 10):
        assert moving(2.0 * 8 / fps, num_frames=2 * fps, fps=fps).detail["motion_p95"] == pytest.approx(plain)


def test_a_moving_part_counts_in_full_when_it_covers_a_twentieth() -> None:
    def half(_t: int, gap: int) -> Field:
        field = np.zeros((64, 64, 2))
        field[:, 32:, 1] = 2.5 * gap
        return field

    frames: Frames = np.zeros((9, 64, 64, 3), np.uint8)
    clip = Clip(frames, 8, flow=known_flow(9, (64, 64), half))
    assert dynamic_rate(clip).detail["motion_p95"] == pytest.approx(100 * 2.5 / 64)
    # Half of the frame moves; 3 of its 64 rows leave it below and are not valid.
    assert clip.motion.fast == pytest.approx([2.5] * 8)
    assert clip.motion.speed == pytest.approx([2.5 * 61 / (61 + 64)] * 8)


def test_a_quarter_of_the_pairs_is_enough() -> None:
    def sometimes(moves: int) -> Score:
        source = known_flow(17, (64, 64), lambda t, _: (3.0 if t < moves else 0.0, 0.0))
        score: Score = dynamic_rate(Clip(np.zeros((17, 64, 64, 3), np.uint8), 8, flow=source))
        return score

    assert sometimes(3).value == 0
    assert sometimes(4).value == 1


@pytest.mark.parametrize(("num_frames", "fps"), [(1, 8), (2, 8), (3, 8), (9, 30)])
def test_fewer_than_three_pairs_say_nothing(num_frames: int, fps: float) -> None:
    assert moving(3.0, num_frames, fps=fps).status == "undefined"


def test_the_backend_finds_a_pan() -> None:
    score = dynamic_rate(Clip(pan_frames(3, 9), 8))
    assert score.detail["motion_p95"] == pytest.approx(100 * 3 / 64, rel=0.1)


def test_noise_and_flicker_are_no_motion() -> None:
    for frames in (noise(still(8), 0.1), flicker(still(8), 25)):
        score = dynamic_rate(Clip(frames, 8))
        assert score.value == 0
        assert score.detail["explained"] < 0.25


@pytest.mark.parametrize("grain", [2.0, 4.0])
def test_unrelated_pictures_are_excluded_and_not_called_dynamic(grain: float) -> None:
    score = dynamic_rate(Clip(np.stack([texture(64, 64, seed, grain=grain) for seed in range(12)]), 8))
    assert (score.status, score.reason) == ("excluded", "flow finds too little of a frame in the next")
    assert score.coverage is not None
    assert score.coverage < 0.3


def test_camera_and_object_are_told_apart() -> None:
    def field(_t: int, gap: int) -> Field:
        moved = np.zeros((64, 64, 2))
        moved[..., 0] = 2.0 * gap
        moved[20:36, 20:36, 1] = 3.0 * gap
        return moved

    detail = dynamic_rate(Clip(np.zeros((9, 64, 64, 3), np.uint8), 8, flow=known_flow(9, (64, 64), field))).detail
    assert detail["camera_speed"] == pytest.approx(100 * 2 / 64, rel=0.01)
    # The object covers 256 of the 62 x 64 pixels that stay inside.
    assert detail["residual_speed"] == pytest.approx(100 * 3 / 64 * 256 / (62 * 64), rel=0.02)
    pan = moving(3.0).detail
    assert pan["residual_speed"] == pytest.approx(0, abs=1e-3)
