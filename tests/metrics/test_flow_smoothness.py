"""Flow smoothness: the closed forms of analytic motions, the static gate, and the default backend."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from harness.clip import Clip
from harness.flow import FlowFields
from harness.metrics.flow_smoothness import flow_smoothness, measure
from harness.model import Frames, Score
from harness.suites.mini import world
from tests.metrics.moving import (
    Field,
    exact_and_estimated,
    flicker,
    known_flow,
    noise,
    pan_frames,
    still,
    texture,
    wave_pan,
    waves,
)

T, SIZE = 12, 64


def blank(num_frames: int = T, size: int = SIZE) -> Frames:
    return np.zeros((num_frames, size, size, 3), np.uint8)


def with_velocity(speeds: list[float], fps: float = 8, size: int = SIZE) -> Score:
    """All pixels move to the right by ``speeds[t]`` from frame t."""
    count = len(speeds) + 1
    source = known_flow(count, (size, size), lambda t, _: (speeds[t], 0.0))
    score: Score = flow_smoothness(Clip(blank(count, size), fps, flow=source))
    return score


def with_field(matrix: Field) -> Score:
    """Pixels move by a linear map about the centre, the same in every frame."""
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    moved = np.stack([x, y], -1) @ (matrix - np.eye(2)).T
    score: Score = flow_smoothness(Clip(blank(), 8, flow=known_flow(T, (SIZE, SIZE), lambda *_: moved)))
    return score


def value(score: Score) -> float:
    assert score.value is not None, score.reason
    return score.value


def test_constant_velocity_is_perfectly_smooth() -> None:
    score = with_velocity([3.0] * 11)
    assert value(score) == 1
    assert score.detail["accel_px"] == 0
    assert score.detail["speed_px"] == pytest.approx(3)
    assert score.profile == (1.0,) * 7 + (None,)  # no step starts in the last eighth


def test_uniform_acceleration_has_its_closed_form() -> None:
    speeds = [2 + 0.1 * t for t in range(11)]
    score = with_velocity(speeds, fps=24)
    expected = 0.1 * 10 / sum(a + b for a, b in pairwise(speeds))
    # Not exact: a fast frame moves more of its border out of sight, so its pixels weigh a little less.
    assert 1 - value(score) == pytest.approx(expected, rel=0.005)
    assert score.detail["accel_px"] == pytest.approx(0.1, rel=1e-5)
    assert score.detail["accel_ps2"] == pytest.approx(0.1 * 24**2 / SIZE, rel=1e-5)
    assert score.detail["r_per_s"] == pytest.approx(24 * (1 - value(score)))


def test_reversing_every_frame_is_the_worst() -> None:
    assert value(with_velocity([2.0, -2.0] * 5 + [2.0])) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("angle", [0.05, 0.2])
def test_a_rotation_is_as_rough_as_half_its_angle(angle: float) -> None:
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    assert 1 - value(with_field(rotation)) == pytest.approx(np.sin(angle / 2), rel=5e-4)


@pytest.mark.parametrize("scale", [1.04, 1.1])
def test_a_zoom_is_as_rough_as_its_rate(scale: float) -> None:
    assert 1 - value(with_field(scale * np.eye(2))) == pytest.approx((scale - 1) / (scale + 1), rel=1e-3)


def test_the_score_does_not_depend_on_resolution_or_direction_of_time() -> None:
    speeds = [1 + 0.2 * t for t in range(8)]
    plain = value(with_velocity(speeds))
    assert value(with_velocity([2 * v for v in speeds], size=2 * SIZE)) == pytest.approx(plain, rel=1e-3)
    assert value(with_velocity([-v for v in reversed(speeds)])) == pytest.approx(plain, rel=0.01)


def test_sampling_a_sway_faster_changes_the_score_but_hardly_what_is_per_second() -> None:
    def sway(fps: int) -> Score:
        # A sway of 2 s and 16 px for 2 s; displacements between the sampled positions.
        where = 16 * np.sin(np.pi * np.arange(2 * fps + 1) / fps)
        return with_velocity([float(d) for d in np.diff(where)], fps)

    scores = [sway(fps) for fps in (8, 16, 24, 30)]
    # Sampled sines in the limit: mean |a| = 2/pi 16 pi^2 / fps^2 and mean |v| = 2/pi 16 pi / fps, so r is pi / (2 fps).
    assert [1 - value(s) for s in scores] == pytest.approx([0.224, 0.106, 0.0687, 0.0544], abs=5e-4)
    assert [s.detail["r_per_s"] for s in scores] == pytest.approx([np.pi / 2] * 4, rel=0.15)
    assert scores[-1].detail["r_per_s"] == pytest.approx(np.pi / 2, rel=0.04)
    assert [s.detail["accel_ps2"] for s in scores] == pytest.approx([2 / np.pi * 16 * np.pi**2 / SIZE] * 4, rel=0.05)


def test_the_acceleration_of_the_published_table() -> None:
    speeds = [0.25 + 0.5 * t for t in range(11)]
    score = with_velocity(speeds, size=128)
    assert score.detail["accel_px"] == pytest.approx(0.5)
    assert value(score) == pytest.approx(1 - 0.5 * 10 / sum(a + b for a, b in pairwise(speeds)), rel=0.005)
    assert value(score) == pytest.approx(0.909, abs=0.002)


def test_the_acceleration_per_second_does_not_depend_on_the_frame_rate() -> None:
    # 24 px / s^2 for two seconds; displacements between sampled positions.
    def fall(fps: int) -> float:
        where = 0.5 * 24 * (np.arange(2 * fps + 1) / fps) ** 2
        return with_velocity([float(d) for d in np.diff(where)], fps).detail["accel_ps2"]

    assert [fall(fps) for fps in (8, 16, 24)] == pytest.approx([24 / SIZE] * 3, rel=1e-4)


def test_material_acceleration_forgives_a_moving_edge() -> None:
    # A block of 24 px moves at 2 px a frame; at a fixed pixel the flow jumps when its edge arrives.
    def field(t: int, gap: int) -> Field:
        moving = np.zeros((SIZE, SIZE, 2))
        moving[20:44, 8 + 2 * t : 32 + 2 * t, 0] = 2.0 * gap
        return moving

    score = flow_smoothness(Clip(blank(), 8, flow=known_flow(T, (SIZE, SIZE), field)))
    assert value(score) > 0.9


def test_nothing_that_stands_still_has_a_smoothness() -> None:
    for frames in (still(T), blank()):
        score = flow_smoothness(Clip(frames, 8))
        assert score.status == "undefined"
        assert score.reason.startswith("static")
        assert score.detail["accel_px"] == 0


def test_one_slow_object_on_a_still_background_is_motion() -> None:
    def field(t: int, gap: int) -> Field:
        moving = np.zeros((SIZE, SIZE, 2))
        moving[20:36, 20:36, 0] = 0.9 * gap
        return moving

    score = flow_smoothness(Clip(blank(), 8, flow=known_flow(T, (SIZE, SIZE), field)))
    assert score.detail["speed_px"] < 0.002 * SIZE
    assert score.status == "ok"


def test_two_frames_and_unrelated_frames_are_excluded() -> None:
    assert flow_smoothness(Clip(still(2), 8)).status == "excluded"
    unrelated = flow_smoothness(Clip(np.stack([texture(128, 128, seed, grain=4.0) for seed in range(6)]), 8))
    assert (unrelated.status, unrelated.reason) == ("excluded", "no step has enough valid pixels")
    assert unrelated.coverage is not None
    assert unrelated.coverage < 0.05


@pytest.mark.parametrize(("rows", "status"), [(21, "ok"), (20, "excluded")])
def test_a_step_needs_three_tenths_of_its_pixels(rows: int, status: str) -> None:
    def source(gap: int) -> FlowFields:
        valid = np.zeros((T - 1, SIZE, SIZE), np.bool_)
        valid[:, :rows] = True
        return FlowFields(gap, np.arange(T - 1), np.full((T - 1, SIZE, SIZE, 2), (0.0, -1.0), np.float32), valid)

    # They move up by a row, and the first of them leaves the picture: 20 of 64 rows are .313 of it, 19 are .297.
    found = flow_smoothness(Clip(blank(), 8, flow=source))
    assert found.status == status


def test_where_no_three_frames_belong_together_the_reason_says_so() -> None:
    source = known_flow(4, (SIZE, SIZE), lambda *_: (100.0, 0.0))
    scenes = np.stack([np.full((SIZE, SIZE, 3), level, np.uint8) for level in (10, 120, 10, 120)])
    score = flow_smoothness(Clip(scenes, 8, flow=source))
    assert (score.status, score.reason) == ("excluded", "no three frames in a row without a cut between them")


@pytest.mark.parametrize(
    ("speed", "area", "status"),
    [(0.21, 1.0, "ok"), (0.19, 1.0, "undefined"), (0.52, 0.06, "ok"), (0.48, 0.06, "undefined")],
)
def test_the_gate_is_a_fifth_of_a_percent_of_the_side_or_half_a_percent_for_the_fastest(
    speed: float, area: float, status: str
) -> None:
    rows = round(100 * area)

    def field(t: int, gap: int) -> Field:
        moving = np.zeros((100, 100, 2))
        moving[:rows, :, 0] = speed * gap
        return moving

    found = flow_smoothness(Clip(blank(T, 100), 8, flow=known_flow(T, (100, 100), field)))
    assert found.status == status


class TestWithEstimatedFlow:
    """The default backend; where a motion is known, on 12 frames of 128 pixels."""

    def test_a_pan_is_smooth_and_flicker_does_not_change_that(self) -> None:
        frames = pan_frames(3, T, 128)
        plain = flow_smoothness(Clip(frames, 8))
        assert value(plain) > 0.998
        assert plain.detail["accel_px"] < 0.01
        assert value(flow_smoothness(Clip(flicker(frames, 8), 8))) > 0.998

    def test_a_fractional_pan_is_smooth_too(self) -> None:
        assert value(flow_smoothness(Clip(wave_pan((2.5, 1.3), T, 128), 8))) > 0.995

    def test_a_known_acceleration_is_measured(self) -> None:
        where = np.cumsum([0.0, *(0.25 + 0.5 * np.arange(T - 1))])
        y, x = np.mgrid[:128, :128].astype(np.float64)
        score = flow_smoothness(Clip(np.stack([waves(x - shift, y) for shift in where]), 8))
        assert score.detail["accel_px"] == pytest.approx(0.5, rel=0.01)
        assert value(score) == pytest.approx(0.909, abs=0.003)

    def test_exact_flow_gives_real_clips_nearly_the_same_score(self) -> None:
        def smoothness(clip: Clip) -> float:
            # Without the gate, which asks what an estimate explains: exact flow leads into what hides a point.
            steps = measure(clip)
            return 1 - float(steps.turn.sum() / steps.path.sum())

        scores = [[smoothness(clip) for clip in exact_and_estimated(seed, 6)] for seed in range(8)]
        exact, found = np.array(scores).T
        assert np.abs(found - exact).mean() < 0.06  # .036 was measured
        assert np.abs(found - exact).max() < 0.12

    def test_jitter_is_rough(self) -> None:
        canvas, shifts = texture(132, 132), np.random.default_rng(0).integers(0, 5, (T, 2))
        jittered = np.stack([canvas[y : y + 128, x : x + 128] for y, x in shifts])
        score = flow_smoothness(Clip(jittered, 8))
        velocity = np.diff(shifts[:, ::-1], axis=0)
        turns, speeds = (np.hypot(*v.T) for v in (np.diff(velocity, axis=0), velocity))
        assert value(score) == pytest.approx(1 - turns.sum() / (speeds[:-1] + speeds[1:]).sum(), abs=0.02)
        assert value(score) < 0.3

    def test_noise_on_a_pan_lowers_it(self) -> None:
        frames = pan_frames(2, T)
        scores = [value(flow_smoothness(Clip(noise(frames, s), 8))) for s in (0.0, 0.03, 0.08)]
        assert scores == sorted(scores, reverse=True)

    @pytest.mark.parametrize("seed", [5, 7, 9])
    @pytest.mark.parametrize("amplitude", [3, 25])
    def test_luminance_flicker_of_a_moving_clip_changes_it_by_less_than_two_hundredths(
        self, seed: int, amplitude: int
    ) -> None:
        frames = (world.make_clip(seed, 8).frames * 0.7 + 38).round().astype(np.uint8)
        plain, flickering = (value(flow_smoothness(Clip(f, 10))) for f in (frames, flicker(frames, amplitude)))
        assert abs(plain - flickering) < 0.02

    @pytest.mark.parametrize("amplitude", [3, 8, 25])
    def test_a_still_with_flicker_is_static(self, amplitude: int) -> None:
        frames = (np.repeat(world.make_clip(7, 2).frames[:1], T, axis=0) * 0.7 + 38).round().astype(np.uint8)
        score = flow_smoothness(Clip(flicker(frames, amplitude), 10))
        assert score.status == "undefined"
        assert score.reason.startswith("static")

    def test_what_an_estimator_makes_of_noise_is_no_motion(self) -> None:
        frames = np.repeat(world.make_clip(7, 2).frames[:1], T, axis=0)
        for sigma in (0.03, 0.05, 0.1):
            score = flow_smoothness(Clip(noise(frames, sigma), 10))
            assert score.status == "undefined"
            assert "does not explain" in score.reason
        assert score.detail["speed_px"] > 0.2  # it is fast: speed alone would have let it pass
