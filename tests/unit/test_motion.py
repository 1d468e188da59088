"""Motion scores and buckets."""

from __future__ import annotations

import numpy as np
import pytest

from harness.motion import THRESHOLDS, motion_bucket, motion_score, score_to_bucket


@pytest.mark.parametrize(
    ("score", "bucket"),
    [
        (0.0, 0),
        (0.0122, 0),
        (0.012205946, 1),
        (0.05, 19),
        (0.1, 46),
        (0.2, 90),
        (0.43, 126),
        (0.440871328, 127),
        (9, 127),
    ],
)
def test_a_bucket_begins_at_its_threshold(score: float, bucket: int) -> None:
    assert score_to_bucket(score) == bucket


def test_there_are_128_rising_thresholds() -> None:
    assert len(THRESHOLDS) == 128
    assert list(THRESHOLDS) == sorted(set(THRESHOLDS))


def test_a_still_clip_does_not_move() -> None:
    frames = np.full((5, 2, 2, 3), 77, dtype=np.uint8)
    assert motion_score(frames) == 0.0
    assert motion_bucket(frames) == 0


def test_black_and_white_by_turns() -> None:
    frames = np.zeros((2, 2, 2, 3), dtype=np.uint8)
    frames[1] = 255
    assert motion_score(frames) == pytest.approx(np.sqrt(2))


def test_one_pixel_of_four_moves_a_quarter() -> None:
    frames = np.zeros((4, 2, 2, 3), dtype=np.uint8)
    frames[::2, 0, 0] = 255
    one = np.std([1.0, -1.0, 1.0, -1.0], ddof=1)
    assert motion_score(frames) == pytest.approx(one / 4)


@pytest.mark.parametrize(
    ("frames", "message"),
    [(np.zeros((1, 2, 2, 3), np.uint8), "at least 2 frames"), (np.zeros((2, 2, 2, 3)), "uint8 frames")],
)
def test_what_is_refused(frames: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        motion_score(frames)


@pytest.mark.parametrize("score", [-0.1, float("nan")])
def test_scores_that_cannot_be_are_refused(score: float) -> None:
    with pytest.raises(ValueError, match="at least 0"):
        score_to_bucket(score)
