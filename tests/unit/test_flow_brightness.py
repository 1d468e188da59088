"""Bringing two frames to one brightness: known changes are found, objects and noise do not pull the fit."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.flow_brightness import balanced, brightness_change
from harness.suites.mini import world
from tests.metrics.moving import pan_frames

Bytes = NDArray[np.uint8]
Float32 = NDArray[np.float32]


def nothing(first: Bytes, _: Bytes) -> Float32:
    return np.zeros((*first.shape, 2), np.float32)


def ramp(size: int = 64) -> Float32:
    return np.tile(np.linspace(60, 180, size, dtype=np.float32), (size, 1))


@pytest.mark.parametrize(("gain", "offset"), [(1.0, 0.0), (1.0, 20.0), (0.9, 0.0), (1.2, -15.0)])
def test_a_known_change_is_found(gain: float, offset: float) -> None:
    first = ramp()
    found = brightness_change(first, gain * first + offset, nothing)
    assert found == pytest.approx((gain, offset), abs=1e-3)


def test_it_is_found_along_the_motion() -> None:
    first, second = (frame.mean(-1, dtype=np.float32) for frame in pan_frames(3, 2))

    def coarse(image: Bytes, _: Bytes) -> Float32:
        return np.broadcast_to(np.array([3, 0], np.float32), (*image.shape, 2))

    gain, offset = brightness_change(first, 1.1 * second - 5, coarse)
    assert gain == pytest.approx(1.1, abs=0.01)
    assert offset == pytest.approx(-5, abs=1)


def test_an_object_that_appears_is_no_change_of_brightness() -> None:
    first = ramp()
    second = first.copy()
    second[10:40, 10:40] = 250  # 22 % of the frame
    gain, offset = brightness_change(first, second, nothing)
    assert (gain, offset) == (1.0, 0.0)


@pytest.mark.parametrize("seed", range(6))
def test_real_motion_without_flicker_is_left_alone(seed: int) -> None:
    first, second = (frame.mean(-1, dtype=np.float32) for frame in world.make_clip(seed, 2).frames)
    gain, offset = brightness_change(first, second, nothing)
    assert gain == pytest.approx(1, abs=0.01)
    assert abs(offset) < 1


def test_both_sides_meet_half_way_over_the_full_range() -> None:
    first = ramp()
    for gain in (0.8, 1.0, 1.25):
        a, b = balanced(first, gain * first + 7, nothing)
        assert np.abs(a.astype(int) - b).max() <= 1
        assert (a.min(), a.max()) == (0, 255)


@pytest.mark.parametrize("level", [0.0, 128.0, 255.0])
def test_flat_frames_have_no_contrast_to_compare(level: float) -> None:
    flat = np.full((16, 20), level, np.float32)
    assert brightness_change(flat, np.zeros_like(flat), nothing) == (1.0, -level)
    a, b = balanced(flat, np.zeros_like(flat), nothing)
    assert np.array_equal(a, b)


def test_another_picture_gives_no_absurd_gain() -> None:
    rng = np.random.default_rng(0)
    gain, _ = brightness_change(ramp(), rng.uniform(0, 255, (64, 64)).astype(np.float32), nothing)
    assert 0.5 <= gain <= 2


def test_large_frames_are_matched_at_half_their_size() -> None:
    seen: list[tuple[int, ...]] = []

    def coarse(first: Bytes, second: Bytes) -> Float32:
        seen.append(first.shape)
        return np.zeros((*first.shape, 2), np.float32) + np.array([2, 0], np.float32)

    first = np.tile(np.linspace(20, 220, 300, dtype=np.float32), (257, 1)) + 10 * np.sin(np.arange(300) / 5)
    second = np.roll(first, 4, axis=1)  # two pixels at half the size
    gain, offset = brightness_change(first.astype(np.float32), (0.9 * second).astype(np.float32), coarse)
    assert seen == [(128, 150)]
    assert (gain, offset) == pytest.approx((0.9, 0), abs=0.02)
