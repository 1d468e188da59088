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
    known_flow,
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


@pytest.mark.parametrize(("size", "floor"), [(64, 0.5), (127, 0.5), (128, 0.3), (160, 0.3)])
def test_a_pair_below_the_floor_of_its_size_is_not_measured(size: int, floor: float) -> None:
    def covered(share: float) -> Score:
        def source(gap: int) -> FlowFields:
            starts = np.arange(0, 5 - gap, gap)
            valid = np.zeros((len(starts), size, size), np.bool_)
            valid.reshape(len(starts), -1)[:, : round(share * size**2)] = True
            return FlowFields(gap, starts, np.zeros((len(starts), size, size, 2), np.float32), valid)

        score: Score = warp_error(Clip(still(5, size), 8, flow=source))
        return score

    assert covered(floor + 0.01).status == "ok"
    below = covered(floor - 0.01)
    assert (below.status, below.reason) == ("excluded", "too few pairs of frames have enough valid pixels")


@pytest.mark.parametrize(("bad", "status"), [(3, "ok"), (4, "excluded")])
def test_a_clip_that_loses_more_than_half_of_its_pairs_is_not_measured_by_the_rest(bad: int, status: str) -> None:
    def source(gap: int) -> FlowFields:
        starts = np.arange(0, 7 - gap, gap)
        valid = np.ones((len(starts), 64, 64), np.bool_)
        valid[:bad] = False
        return FlowFields(gap, starts, np.zeros((len(starts), 64, 64, 2), np.float32), valid)

    assert warp_error(Clip(still(7), 8, flow=source)).status == status


def test_where_all_pairs_are_cuts_the_reason_says_so() -> None:
    source = known_flow(4, (64, 64), lambda *_: (100.0, 0.0))  # nothing lands inside
    scenes = np.stack([np.full((64, 64, 3), level, np.uint8) for level in (10, 120, 10, 120)])
    score = warp_error(Clip(scenes, 8, flow=source))
    assert (score.status, score.reason) == ("excluded", "every pair of frames straddles a cut")


def test_the_detail_is_by_hand_what_it_says() -> None:
    # Flicker by A moves the frame's mean colour; grain of half the pixels up and half down by B does not.
    a, b, image = 10, 6, still(9)
    sign = np.where(np.add.outer(np.arange(64), np.arange(64)) % 2, -1, 1)[None, :, :, None]
    turn = np.where(np.arange(9) % 2, -1, 1)[:, None, None, None]
    frames = (image.astype(np.int16) + turn * (a + b * sign)).astype(np.uint8)
    detail = warp_error(uniform_clip(frames, (0, 0))).detail
    assert detail["flicker_dc"] == pytest.approx(4 * (a / 255) ** 2, rel=1e-6)
    assert detail["flicker_ac"] == pytest.approx(4 * (b / 255) ** 2, rel=1e-6)
    whole = 4 * (a**2 + b**2)
    assert detail["rmse_255"] == pytest.approx(whole**0.5, rel=1e-6)
    assert detail["p95"] == pytest.approx(whole / 255**2, rel=1e-6)
    contrast = np.mean([(f.reshape(-1, 3) / 255).var(0).mean() for f in frames[:-1]])
    assert detail["relative"] == pytest.approx(whole / 255**2 / contrast, rel=1e-6)
    # Frames two, four and eight apart have the same sign.
    assert [detail[f"gap_{k}"] for k in (2, 4, 8)] == [0, 0, 0]
    assert [detail[f"gap_{k}_coverage"] for k in (2, 4, 8)] == [1, 1, 1]


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


def calm(frames: Frames) -> Frames:
    """Frames with room for a strong flicker."""
    return np.asarray((frames * 0.7 + 38).round(), np.uint8)


class TestWithEstimatedFlow:
    """The default backend on clips of known motion, 12 frames of 128 pixels: limits a little above what it reaches."""

    def test_a_pan_is_free(self) -> None:
        pan = estimated(pan_frames(3, T, 128))
        assert value(pan) < 9e-7
        assert pan.coverage == pytest.approx(125 / 128, abs=0.02)

    def test_a_fractional_pan_leaves_little_more_than_interpolation(self) -> None:
        frames = wave_pan((2.5, 1.3), T, 128)
        exact = value(warp_error(uniform_clip(frames, (2.5, 1.3))))
        assert exact < 1e-5
        assert value(estimated(frames)) == pytest.approx(exact, rel=0.2)

    @pytest.mark.parametrize(("step", "amplitude"), [(0, 8), (3, 3), (3, 8), (3, 25)])
    def test_flicker_is_found_at_its_size_whatever_moves(self, step: int, amplitude: int) -> None:
        score = estimated(flicker(calm(pan_frames(step, T, 128)), amplitude))
        assert value(score) == pytest.approx(4 * (amplitude / 255) ** 2, rel=0.001)
        assert score.detail["flicker_ac"] < 1e-6
        assert score.detail["flicker_ac"] >= 0

    def test_flicker_of_half_the_image_is_its_share_of_the_area(self) -> None:
        frames = pan_frames(1, T, 128)
        frames[:, :, :64] = flicker(frames[:, :, :64], 8)
        assert value(estimated(frames)) == pytest.approx(2 * (8 / 255) ** 2, rel=0.02)

    @pytest.mark.parametrize(("sigma", "share"), [(0.01, 0.985), (0.05, 0.90), (0.1, 0.81)])
    def test_noise_is_found_at_nearly_its_size(self, sigma: float, share: float) -> None:
        # Interpolation averages, and the estimator follows the noise a little: both lower it.
        score = estimated(noise(still(T, 128), sigma))
        assert value(score) / (2 * sigma**2) == pytest.approx(share, abs=0.03)
        assert score.detail["flicker_dc"] < 0.02 * value(score)
        assert score.coverage is not None
        assert score.coverage > 0.85

    def test_camera_jitter_is_not_flicker(self) -> None:
        canvas, shifts = texture(132, 132), np.random.default_rng(0).integers(0, 5, (T, 2))
        jittered = np.stack([canvas[y : y + 128, x : x + 128] for y, x in shifts])
        assert value(estimated(jittered)) < 1e-6

    def test_unrelated_pictures_are_excluded_by_their_coverage(self) -> None:
        score = estimated(np.stack([texture(128, 128, seed) for seed in range(6)]))
        assert (score.status, score.detail["n_cuts"]) == ("excluded", 0)
        assert score.coverage is not None
        assert score.coverage < 0.2

    def test_the_order_follows_the_strength(self) -> None:
        by_flicker = [value(estimated(flicker(pan_frames(1, T), a))) for a in (0, 3, 8, 25)]
        by_noise = [value(estimated(noise(pan_frames(1, T), s))) for s in (0.0, 0.01, 0.03, 0.06)]
        assert by_flicker == sorted(by_flicker)
        assert by_noise == sorted(by_noise)

    def test_backwards_costs_about_the_same(self) -> None:
        frames = noise(pan_frames(2, T), 0.02)
        assert value(estimated(frames)) == pytest.approx(value(estimated(frames[::-1].copy())), rel=0.1)

    def test_real_clips_score_near_the_floor_and_nearly_what_exact_flow_gives(self) -> None:
        scores = [[value(warp_error(clip)) for clip in exact_and_estimated(seed, 6)] for seed in range(8)]
        exact, found = np.array(scores).T
        assert found.mean() < 6e-4
        assert np.abs(found - exact).mean() < 4e-4
