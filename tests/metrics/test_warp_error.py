"""Warp error: closed forms with exact flow, then the same claims end to end with the default backend."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from harness.clip import Clip
from harness.flow import FlowFields
from harness.metrics.warp_error import warp_error
from harness.model import Frames, Score
from harness.suites.mini import world
from tests.metrics.moving import (
    exact_and_estimated,
    flicker,
    noise,
    pan_frames,
    still,
    texture,
    uniform_clip,
    wave_pan,
)

T = 12


def value(score: Score) -> float:
    assert score.value is not None, score.reason
    return score.value


def estimated(frames: Frames) -> Score:
    score: Score = warp_error(Clip(frames, 8))
    return score


def test_a_still_has_no_error() -> None:
    score = estimated(still(T))
    assert value(score) == 0
    assert score.coverage == 1
    assert score.detail["duplicate_share"] == 1


def test_an_integer_pan_with_exact_flow_has_no_error_and_covers_what_stays_inside() -> None:
    score = warp_error(uniform_clip(pan_frames(3, T), (3, 0)))
    assert value(score) == 0
    assert score.coverage == pytest.approx(61 / 64)


def test_a_fractional_pan_leaves_only_the_interpolation_floor() -> None:
    score = warp_error(uniform_clip(wave_pan((2.5, 1.3), T), (2.5, 1.3)))
    assert 0 < value(score) < 1.5e-4


def test_the_wrong_direction_would_not_pass() -> None:
    assert value(warp_error(uniform_clip(pan_frames(3, T), (-3, 0)))) > 1e-3


@pytest.mark.parametrize("amplitude", [3, 8, 25])
@pytest.mark.parametrize("step", [0, 3])
def test_flicker_is_four_a_squared_whether_or_not_the_scene_moves(amplitude: int, step: int) -> None:
    frames = flicker(pan_frames(step, T), amplitude)
    score = warp_error(uniform_clip(frames, (step, 0)))
    assert value(score) == pytest.approx(4 * (amplitude / 255) ** 2, rel=1e-6)
    assert score.detail["flicker_dc"] == pytest.approx(value(score), rel=1e-6)
    assert score.detail["flicker_ac"] == pytest.approx(0, abs=1e-9)


def test_noise_is_two_sigma_squared_and_has_no_global_part() -> None:
    score = warp_error(uniform_clip(noise(still(T), 0.05), (0, 0)))
    assert value(score) == pytest.approx(2 * 0.05**2, rel=0.03)
    assert score.detail["flicker_dc"] < 0.01 * value(score)


def test_flicker_of_half_the_image_is_half_the_error() -> None:
    frames = still(T)
    frames[:, :, :32] = flicker(frames[:, :, :32], 8)
    score = warp_error(uniform_clip(frames, (0, 0)))
    assert value(score) == pytest.approx(2 * (8 / 255) ** 2, rel=1e-6)
    assert score.detail["flicker_dc"] == pytest.approx(value(score) / 2, rel=1e-6)


def test_bytes_give_what_the_formula_gives_in_double_precision() -> None:
    flow, frames = (2.5, 1.25), noise(wave_pan((2.5, 1.25), T), 0.02)
    y, x = np.mgrid[: 64 - 2, : 64 - 3].astype(np.int64)  # the pixels that stay inside

    def corner(frame: Frames, dy: int, dx: int) -> Frames:
        values: Frames = frame[y + 1 + dy, x + 2 + dx] / 255
        return values

    errors = []
    for here, there in pairwise(frames):
        upper, lower = (0.5 * (corner(there, dy, 0) + corner(there, dy, 1)) for dy in (0, 1))
        errors.append(np.square(0.75 * upper + 0.25 * lower - here[y, x] / 255).mean())
    score = warp_error(uniform_clip(frames, flow))
    assert score.coverage == pytest.approx(62 * 61 / 64**2)
    assert value(score) == pytest.approx(np.mean(errors), abs=1e-6)


def test_a_clip_is_the_mean_of_its_pairs() -> None:
    frames = noise(world.make_clip(5, 5).frames, 0.01)
    pairs = [value(estimated(np.stack(pair))) for pair in pairwise(frames)]
    assert value(estimated(frames)) == pytest.approx(np.mean(pairs), rel=1e-9)


def test_flat_frames_are_finite_and_marked() -> None:
    score = estimated(np.full((T, 64, 64, 3), 200, np.uint8))
    assert value(score) == 0
    assert score.detail["degenerate"] == 1
    assert score.detail["n_cuts"] == 0


def test_swapping_colour_channels_changes_nothing_with_exact_flow() -> None:
    frames = noise(pan_frames(2, T), 0.02)
    plain, swapped = (warp_error(uniform_clip(f, (2, 0))) for f in (frames, frames[..., [2, 0, 1]]))
    assert value(plain) == pytest.approx(value(swapped), rel=1e-9)


def test_a_pair_without_valid_pixels_is_dropped_and_not_perfect() -> None:
    frames = flicker(still(3), 8)
    frames[2] = frames[1]

    def source(gap: int) -> FlowFields:
        starts = np.arange(0, 3 - gap, gap)
        valid = np.ones((len(starts), 64, 64), np.bool_)
        valid[-1] = False
        return FlowFields(gap, starts, np.zeros((len(starts), 64, 64, 2), np.float32), valid)

    score = warp_error(Clip(frames, 8, flow=source))
    assert value(score) == pytest.approx(4 * (8 / 255) ** 2, rel=1e-6)
    assert score.coverage == 0.5


def test_longer_gaps_see_slow_drift_that_neighbours_do_not() -> None:
    ramp = np.minimum(still(33), 200) + np.arange(33, dtype=np.uint8)[:, None, None, None]
    detail = warp_error(uniform_clip(ramp, (0, 0))).detail
    assert detail["gap_16"] == pytest.approx((16 / 255) ** 2, rel=1e-6)
    assert detail["gap_2"] == pytest.approx((2 / 255) ** 2, rel=1e-6)
    assert "gap_16" not in warp_error(uniform_clip(still(12), (0, 0))).detail


def test_the_profile_shows_when_the_flicker_was() -> None:
    frames = still(40)
    frames[20:] = flicker(frames[20:], 8)
    profile = warp_error(uniform_clip(frames, (0, 0))).profile
    assert profile[:3] == (0, 0, 0)
    assert profile[4:] == pytest.approx([4 * (8 / 255) ** 2] * 4)


def test_too_short_and_unrelated_frames_are_excluded() -> None:
    assert warp_error(Clip(still(1), 8)).status == "excluded"
    unrelated = np.stack([world.make_clip(seed, 2).frames[0] for seed in range(6)])
    score = estimated(unrelated)
    assert score.status == "excluded"
    assert score.detail["n_cuts"] == 5
    assert score.coverage is not None
    assert score.coverage < 0.3


class TestWithEstimatedFlow:
    """The default backend at 64 pixels; tolerances are what it was measured to reach, with room."""

    def test_a_pan_is_nearly_free(self) -> None:
        assert value(estimated(pan_frames(3, T))) < 1e-4

    def test_a_fractional_pan_leaves_little_more_than_interpolation(self) -> None:
        assert value(estimated(wave_pan((2.5, 1.3), T))) < 1.5e-4

    @pytest.mark.parametrize("amplitude", [3, 8, 25])
    @pytest.mark.parametrize("step", [0, 3])
    def test_flicker_is_found_at_its_size(self, step: int, amplitude: int) -> None:
        found = value(estimated(flicker(pan_frames(step, T), amplitude)))
        assert found == pytest.approx(4 * (amplitude / 255) ** 2, rel=0.1)

    def test_flicker_of_half_the_image_is_its_share_of_the_area(self) -> None:
        frames = pan_frames(1, T)
        frames[:, :, :32] = flicker(frames[:, :, :32], 8)
        assert value(estimated(frames)) == pytest.approx(2 * (8 / 255) ** 2, rel=0.35)

    @pytest.mark.parametrize("sigma", [0.01, 0.05, 0.1])
    def test_noise_is_found_at_nearly_its_size(self, sigma: float) -> None:
        # Interpolation averages, and the estimator follows the noise a little: both lower it.
        score = estimated(noise(still(T), sigma))
        assert 0.5 < value(score) / (2 * sigma**2) < 1
        assert score.detail["flicker_dc"] < 0.02 * value(score)

    def test_the_order_follows_the_strength(self) -> None:
        by_flicker = [value(estimated(flicker(pan_frames(1, T), a))) for a in (0, 3, 8, 25)]
        by_noise = [value(estimated(noise(pan_frames(1, T), s))) for s in (0.0, 0.01, 0.03, 0.06)]
        assert by_flicker == sorted(by_flicker)
        assert by_noise == sorted(by_noise)

    def test_backwards_costs_about_the_same(self) -> None:
        frames = noise(pan_frames(2, T), 0.02)
        assert value(estimated(frames)) == pytest.approx(value(estimated(frames[::-1].copy())), rel=0.1)

    def test_camera_jitter_is_not_flicker(self) -> None:
        canvas, shifts = texture(68, 68), np.random.default_rng(0).integers(0, 5, (T, 2))
        jittered = np.stack([canvas[y : y + 64, x : x + 64] for y, x in shifts])
        assert value(estimated(jittered)) < 3e-4

    def test_at_128_pixels_motion_is_nearly_free_and_noise_keeps_most_of_its_pixels(self) -> None:
        pan = estimated(pan_frames(3, T, 128))
        assert value(pan) < 1e-6
        assert pan.coverage == pytest.approx(125 / 128, abs=0.02)
        noisy = estimated(noise(still(T, 128), 0.1))
        assert value(noisy) == pytest.approx(2 * 0.1**2, rel=0.25)  # 0.016 was measured
        assert noisy.coverage is not None
        assert noisy.coverage > 0.8

    def test_real_clips_score_near_the_floor_and_nearly_what_exact_flow_gives(self) -> None:
        scores = [[value(warp_error(clip)) for clip in exact_and_estimated(seed, 6)] for seed in range(8)]
        exact, found = np.array(scores).T
        assert found.mean() < 6e-4
        assert np.abs(found - exact).mean() < 4e-4
