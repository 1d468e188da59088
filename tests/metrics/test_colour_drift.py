"""Colour drift: known answers, and what it must not see."""

from __future__ import annotations

import numpy as np
import pytest

from harness.clip import Clip
from harness.metrics.colour_drift import colour_drift
from harness.model import Frames
from harness.suites.mini import world
from tests.metrics.moving import pan_frames

FRAMES = 17  # eighths of two pairs of neighbours


def value(frames: Frames) -> float:
    score = colour_drift(Clip(frames, 10))
    assert score.status == "ok"
    assert score.value is not None
    return float(score.value)


def grey(levels: list[int]) -> Frames:
    return np.stack([np.full((16, 16, 3), level, np.uint8) for level in levels])


def test_a_still_does_not_drift() -> None:
    for count in (9, 12, 40):
        assert value(np.repeat(world.render(world.sample_scene(5), 2)[:1], count, axis=0)) == 0


def test_a_fade_is_the_distance_between_its_ends() -> None:
    # The first two pairs have means of 25 and 35, the last two of 165 and 175.
    score = colour_drift(Clip(grey(list(range(20, 190, 10))), 10))
    assert score.value == pytest.approx(140 / 255)
    assert score.profile == pytest.approx([20 * k / 255 for k in range(8)])
    assert score.detail["slope"] == pytest.approx(140 / 255)


def test_one_channel_counts_a_third() -> None:
    frames = grey([100] * FRAMES)
    frames[-3:, ..., 0] += 51
    assert value(frames) == pytest.approx(0.2 / 3)


def test_a_loss_of_contrast_is_seen_though_the_mean_stays() -> None:
    half = np.where(np.arange(16)[None, :, None] < 8, 0, 200)
    frames = np.broadcast_to(half, (FRAMES, 16, 16, 3)).astype(np.uint8)
    frames[-3:] = frames[-3:] // 2 + 50
    assert value(frames) == pytest.approx(50 / 255)


def test_motion_of_the_same_colours_costs_nothing() -> None:
    frames = pan_frames(3, FRAMES, 32)[:, :, :32]
    wrapped = np.stack([np.roll(frames[0], 5 * t, axis=1) for t in range(FRAMES)])
    assert value(wrapped) == 0


def test_flicker_from_frame_to_frame_cancels() -> None:
    assert value(grey([100 + 20 * (-1) ** t for t in range(FRAMES)])) == 0


def test_size_matters_little() -> None:
    frames = world.render(world.sample_scene(5), 24)
    faded = (frames * np.linspace(1, 0.6, 24)[:, None, None, None]).astype(np.uint8)
    assert value(faded) == pytest.approx(value(faded.repeat(2, axis=1).repeat(2, axis=2)), rel=1e-6)


def test_fewer_pairs_than_eighths_are_excluded() -> None:
    score = colour_drift(Clip(grey([1] * 8), 10))
    assert (score.status, score.reason) == ("excluded", "fewer than 9 frames")
    assert value(grey([1] * 9)) == 0
