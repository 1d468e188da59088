"""Palindrome score: the ids it assumes, perfect mirrors, walks without one, and what has no answer."""

from __future__ import annotations

import numpy as np
import pytest

from harness.clip import Clip
from harness.exvideo.positions import reflected_ids as ids_of_the_model
from harness.metrics.palindrome import palindrome, reflected_ids, reflection
from harness.model import Frames
from harness.suites.mini import world
from tests.metrics.moving import pan_frames, still, texture


def table_run(num_frames: int) -> Frames:
    """A video that shows its reflected ids and nothing else."""
    walk = pan_frames(2, num_frames)
    frames: Frames = walk[reflected_ids(num_frames, *reflection(num_frames))]
    return frames


@pytest.mark.parametrize(("num_frames", "expected"), [(128, (25, 20)), (40, (8, 6))])
def test_ids_are_those_of_the_model(num_frames: int, expected: tuple[int, int]) -> None:
    assert reflection(num_frames) == expected
    assert reflected_ids(num_frames, *expected).tolist() == ids_of_the_model(num_frames, *expected).tolist()


def test_a_video_that_follows_its_ids_is_a_perfect_palindrome() -> None:
    score = palindrome(Clip(table_run(40), 8))
    assert score.value == pytest.approx(1)
    assert score.detail["max_id"] == 8
    assert len(score.profile) == 8
    assert all(part is None or part == pytest.approx(1) for part in score.profile)


def test_a_steady_walk_is_none() -> None:
    value = palindrome(Clip(pan_frames(1, 40), 8)).value
    assert value == pytest.approx(0, abs=0.05)


def test_real_clips_are_near_zero_and_mixing_the_palindrome_in_raises_it() -> None:
    clips = [world.make_clip(seed, 40).frames for seed in range(6)]
    real = [palindrome(Clip(frames, 8)).value for frames in clips]
    assert abs(np.mean([v for v in real if v is not None])) < 0.15
    walk, run = pan_frames(2, 40).astype(np.float64), table_run(40).astype(np.float64)
    mixed = [palindrome(Clip(((1 - w) * walk + w * run).astype(np.uint8), 8)).value for w in (0.0, 0.3, 0.6, 1.0)]
    assert mixed == sorted(mixed, key=lambda v: -9 if v is None else v)
    assert len(set(mixed)) == 4


def test_unrelated_frames_share_nothing() -> None:
    frames = np.stack([texture(32, 32, seed) for seed in range(40)])
    assert palindrome(Clip(frames, 8)).value == pytest.approx(0, abs=0.05)


def test_a_still_and_a_short_clip_have_no_answer() -> None:
    assert palindrome(Clip(still(40), 8)).reason.startswith("static")
    assert palindrome(Clip(pan_frames(1, 12), 8)).status == "undefined"
