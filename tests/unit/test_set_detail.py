"""Beside a set metric's number: the curve over windows, and the extrapolation to infinite n."""

from __future__ import annotations

import numpy as np
import pytest

from harness.aggregating import beside
from harness.errors import NoSetScore
from harness.frechet import frechet_distance, grouped_kernel_distance
from harness.model import Features
from harness.registry import MetricSpec
from harness.set_detail import at_infinity, small_n, window_curve

DIM = 20
TRUE = 3.0 * 0.5**2  # three features are shifted by one half


def distance(generated: Features, reference: Features) -> float:
    return frechet_distance(generated.rows, reference.rows)


def spec(biased: bool = True) -> MetricSpec:
    function = distance if biased else grouped_kernel_distance
    return MetricSpec("fd", 1, "lower", "", "", function, "m.py", scope="set", extractor="net", biased=biased)


def normal(items: int, seed: int, shifted: int = 0, dim: int = DIM) -> Features:
    rows = np.random.default_rng(seed).normal(size=(items, dim))
    rows[:, :shifted] += 0.5
    return Features(rows, np.arange(items).astype(np.str_))


def videos(items: int, windows: int, seed: int, drift: float = 0.0) -> tuple[Features, np.ndarray]:
    """Videos whose k-th window is shifted by k times the drift in every feature."""
    rows = np.random.default_rng(seed).normal(size=(items, windows, 4)) + drift * np.arange(windows)[:, None]
    groups = np.repeat(np.arange(items), windows).astype(np.str_)
    return Features(rows.reshape(-1, 4), groups), np.tile(np.arange(windows), items)


def test_a_drift_shows_window_by_window_and_level_videos_stay_level() -> None:
    reference, _ = videos(200, 4, 1)
    drifting, level = (window_curve(distance, *videos(200, 4, 2, drift), reference) for drift in (0.5, 0.0))
    assert drifting is not None
    assert level is not None
    # Frechet distance of N(k/2, I) to N(0, I) in four dimensions: k^2, plus some bias.
    assert drifting.values == pytest.approx([0, 1, 4, 9], abs=0.35)
    assert max(v for v in level.values if v is not None) < 0.15
    assert drifting.n == 200


def test_the_kernel_curve_is_unbiased() -> None:
    reference, _ = videos(60, 3, 1)
    curves = [window_curve(grouped_kernel_distance, *videos(60, 3, seed), reference) for seed in range(2, 30)]
    values = np.array([c.values for c in curves if c is not None], np.float64)
    assert abs(values.mean()) < 4 * values.std() / np.sqrt(len(values))


def test_one_window_a_video_or_unequal_videos_have_no_curve() -> None:
    rows = normal(6, 0)
    assert window_curve(distance, rows, np.zeros(6, np.int64), rows) is None
    assert window_curve(distance, rows, np.array([0, 1, 2, 0, 1, 0]), rows) is None


def test_a_window_that_the_metric_refuses_has_no_value() -> None:
    def picky(generated: Features, reference: Features) -> float:
        if generated.rows.mean() < 0.5:
            raise NoSetScore("E-FEATURES", "too dark")
        return 1.0

    rows = Features(np.array([[0.0], [1.0], [0.0], [1.0]]), np.array(["a", "a", "b", "b"]))
    curve = window_curve(picky, rows, np.array([0, 1, 0, 1]), rows)
    assert curve is not None
    assert curve.values == (None, 1.0)


def test_extrapolation_removes_the_bias_where_there_are_enough_items() -> None:
    pairs = [(normal(400, 2 * s, shifted=3), normal(400, 2 * s + 1)) for s in range(6)]
    plain = np.mean([distance(*pair) for pair in pairs])
    extrapolated = np.mean([at_infinity(distance, *pair) for pair in pairs])
    assert plain > TRUE + 0.3
    assert extrapolated == pytest.approx(TRUE, abs=0.1)


def test_below_two_and_a_half_items_a_feature_it_is_refused() -> None:
    at_infinity(distance, normal(50, 0), normal(50, 1))
    with pytest.raises(NoSetScore, match="49 items for 20 features, 50 are needed"):
        at_infinity(distance, normal(49, 0), normal(60, 1))
    with pytest.raises(NoSetScore):
        at_infinity(distance, normal(60, 0), normal(49, 1))


def test_extrapolation_is_repeatable_and_counts_items_not_windows() -> None:
    first, reference = normal(60, 0), normal(60, 1)
    assert at_infinity(distance, first, reference) == at_infinity(distance, first, reference)
    few = Features(normal(60, 0).rows, np.repeat(np.arange(30), 2).astype(np.str_))
    with pytest.raises(NoSetScore, match="30 items"):
        at_infinity(distance, few, reference)


def test_what_is_told_depends_on_the_number_of_items() -> None:
    one_each = np.zeros(400, np.int64)
    small, middle, large = (
        beside(spec(), normal(n, 0), one_each[:n], normal(n, 1)) for n in (DIM - 1, 2 * DIM, 3 * DIM)
    )
    assert small == {"dim": DIM, "small_n": True}
    assert middle == {"dim": DIM}
    assert set(large) == {"dim", "infinite_n"}
    assert (small_n(63, 64), small_n(64, 64)) == (True, False)


def test_an_unbiased_metric_needs_neither_mark_nor_extrapolation() -> None:
    generated, places = videos(9, 2, 0)
    told = beside(spec(biased=False), generated, places, videos(9, 2, 1)[0])
    assert set(told) == {"dim", "windows", "windows_n"}
    assert (len(told["windows"]), told["windows_n"]) == (2, 9)
    assert beside(spec(biased=False), normal(30, 0), np.zeros(30, np.int64), normal(30, 1)) == {"dim": DIM}
