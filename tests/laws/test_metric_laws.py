"""What every registered metric owes its users, whoever wrote it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.clip import Clip
from harness.errors import CannotStart, ItemError
from harness.model import Features, Frames, Image, Score
from harness.registry import MetricSpec, load_plugins
from harness.suites.mini import world
from harness.weights import missing
from tests.metrics.moving import flicker

METRICS = sorted(load_plugins().metrics.values(), key=lambda m: m.name)
ABSENT = [m for m in METRICS if m.scope == "video" and missing(m.weights)]
VIDEO = [m for m in METRICS if m.scope == "video" and m not in ABSENT]
SET = [m for m in METRICS if m.scope == "set"]


def real(num_frames: int) -> Frames:
    frames: Frames = world.make_clip(11, max(2, num_frames)).frames[:num_frames]
    return frames


def clips() -> dict[str, tuple[Frames, Image | None]]:
    rng = np.random.default_rng(0)
    moving, first = real(12), real(1)[0]
    return {
        "moving": (moving, first),
        "one frame": (moving[:1], first),
        "two frames": (moving[:2], first),
        "three frames": (moving[:3], first),
        "still": (np.repeat(moving[:1], 12, axis=0), first),
        "black": (np.zeros_like(moving), np.zeros_like(first)),
        "white": (np.full_like(moving, 255), np.zeros_like(first)),
        "alternating": (np.stack([np.full_like(first, 255 * (t % 2)) for t in range(9)]), first),
        "noise": (rng.integers(0, 256, moving.shape, dtype=np.uint8), first),
        "wide": (np.ascontiguousarray(moving[:, :20]), np.ascontiguousarray(first[:20])),
        "tiny": (np.ascontiguousarray(moving[:, :8, :8]), np.ascontiguousarray(first[:8, :8])),
        "no image": (moving, None),
        "other image": (moving, np.zeros((32, 48, 3), np.uint8)),
    }


CLIPS = clips()
video_metrics = pytest.mark.parametrize("spec", VIDEO, ids=lambda m: m.label)
set_metrics = pytest.mark.parametrize("spec", SET, ids=lambda m: m.label)


@video_metrics
@pytest.mark.parametrize("name", CLIPS)
def test_a_score_is_finite_or_says_why_not(spec: MetricSpec, name: str) -> None:
    frames, image = CLIPS[name]
    if name == "tiny" and "flow" in spec.needs:  # the one clip that a flow backend refuses
        with pytest.raises(ItemError, match="12 pixels"):
            spec.function(Clip(frames, 8, image))
        return
    score = spec.function(Clip(frames, 8, image))
    assert isinstance(score, Score)
    assert (score.value is None) == (score.status != "ok")
    assert all(math.isfinite(v) for v in score.detail.values())
    assert all(v is None or math.isfinite(v) for v in score.profile)
    assert len(score.profile) == (8 if score.status == "ok" else 0)
    assert score.coverage is None or 0 <= score.coverage <= 1


@video_metrics
def test_the_same_clip_gives_the_same_score(spec: MetricSpec) -> None:
    frames, image = CLIPS["moving"]
    assert spec.function(Clip(frames, 8, image)) == spec.function(Clip(frames.copy(), 8, image))


@video_metrics
def test_the_clip_is_left_as_it_was(spec: MetricSpec) -> None:
    frames = CLIPS["moving"][0].copy()
    spec.function(Clip(frames, 8, frames[0]))
    assert np.array_equal(frames, CLIPS["moving"][0])


@video_metrics
def test_metrics_on_one_clip_do_not_influence_each_other(spec: MetricSpec) -> None:
    frames, image = CLIPS["moving"]
    shared = Clip(frames, 8, image)
    for other in VIDEO:
        other.function(shared)
    assert spec.function(shared) == spec.function(Clip(frames, 8, image))


@pytest.mark.parametrize("spec", ABSENT, ids=lambda m: m.label)
def test_without_its_weights_a_metric_starts_nothing_and_says_how_to_get_them(spec: MetricSpec) -> None:
    with pytest.raises(CannotStart) as caught:
        spec.function(Clip(CLIPS["moving"][0], 8, CLIPS["moving"][1]))
    assert caught.value.code == "E-WEIGHTS"
    assert all(weight.how for weight in spec.weights)


FLICKER_SEES = {"warp_error"}


@video_metrics
def test_a_frozen_clip_is_perfect_undefined_or_marked(spec: MetricSpec) -> None:
    frames, image = CLIPS["still"]
    score = spec.function(Clip(frames, 8, image))
    if score.status == "ok" and "flow" in spec.needs and spec.better != "none":
        assert score.value == 0  # an error or a count of faults; a merit would let the still win
        assert spec.better == "lower"


@video_metrics
def test_flicker_is_never_an_improvement(spec: MetricSpec) -> None:
    if spec.better == "none":
        return
    frames = (CLIPS["moving"][0] * 0.7 + 38).astype(np.uint8)
    image = frames[0]
    plain, worse = (spec.function(Clip(f, 8, image)) for f in (frames, flicker(frames, 20)))
    assert plain.value is not None
    assert worse.value is not None
    loss = (worse.value - plain.value) * (1 if spec.better == "lower" else -1)
    assert loss > -0.02 * max(1.0, abs(plain.value))
    if spec.name in FLICKER_SEES:
        assert worse.value > 3 * plain.value


@video_metrics
def test_a_mirrored_clip_scores_about_the_same(spec: MetricSpec) -> None:
    frames, image = CLIPS["moving"]
    assert image is not None
    plain = spec.function(Clip(frames, 8, image))
    mirrored = spec.function(Clip(np.ascontiguousarray(frames[:, :, ::-1]), 8, np.ascontiguousarray(image[:, ::-1])))
    assert mirrored.status == plain.status
    if plain.value is not None:
        assert mirrored.value == pytest.approx(plain.value, rel=0.25, abs=0.02)


def rows(count: int, seed: int, shift: float = 0) -> Features:
    data = np.random.default_rng(seed).normal(shift, 1, (count, 6))
    return Features(data, np.array([str(i) for i in range(count)]))


@set_metrics
def test_a_set_score_is_finite_repeatable_and_ignores_row_order(spec: MetricSpec) -> None:
    a, b = rows(40, 0), rows(50, 1)
    value = spec.function(a, b)
    assert math.isfinite(value)
    assert spec.function(a, b) == value
    order = np.random.default_rng(2).permutation(40)
    assert spec.function(Features(a.rows[order], a.groups[order]), b) == pytest.approx(value, rel=1e-9, abs=1e-9)


@set_metrics
def test_a_set_score_grows_with_the_distance_when_lower_is_better(spec: MetricSpec) -> None:
    reference = rows(200, 1)
    values = [spec.function(rows(200, 0, shift), reference) for shift in (0.0, 0.5, 1.5)]
    assert values == sorted(values, reverse=spec.better == "higher")


@set_metrics
def test_a_set_of_one_row_is_refused(spec: MetricSpec) -> None:
    with pytest.raises(ItemError):
        spec.function(rows(1, 0), rows(5, 1))


@pytest.mark.parametrize("spec", METRICS, ids=lambda m: m.label)
def test_what_must_stand_beside_a_metric_exists(spec: MetricSpec) -> None:
    assert spec.beside == "" or spec.beside in {m.name for m in METRICS}
    assert spec.summary
    assert spec.unit
    assert len(spec.key(load_plugins().extractor(spec.extractor) if spec.extractor else None)) == 32
