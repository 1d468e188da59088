"""Intervals, tests and corrections: values from closed forms and from scipy, then what simulation says they promise."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from harness.frechet import frechet_distance
from harness.model import Features
from harness.stats import holm, jackknife, paired, sign_flip, sign_flips, t_interval
from harness.stats_tests import DRAWS, LOOKED_UP


def features(rows: np.ndarray[tuple[int, ...], np.dtype[np.float64]], per_item: int = 1) -> Features:
    return Features(rows, np.array([f"item-{i // per_item:03d}" for i in range(len(rows))]))


def distance(generated: Features, reference: Features) -> float:
    return frechet_distance(generated.rows, reference.rows)


@pytest.mark.parametrize("n", [21, 24, 99])
def test_sign_flips_are_those_of_plain_draws(n: int) -> None:
    """However the sums are made, p is that of the coins one by one, which do not depend on the data."""
    rng = np.random.default_rng(n)
    wide = rng.normal(0.1, 1, (n, LOOKED_UP + 3))
    for x in (wide, wide[:, :3], wide[:, :1], np.round(wide[:, :4], 1)):
        drawn = np.random.default_rng(n).integers(0, 256, (-(-n // 8), DRAWS), dtype=np.uint8)
        coins = np.array([drawn[i // 8] >> (7 - i % 8) & 1 for i in range(n)])
        sums = np.abs((coins * 2.0 - 1).T @ x)
        hits = (sums >= np.abs(x.sum(0)) - 1e-9).sum(0)
        assert sign_flips(x) == pytest.approx((hits + 1) / (DRAWS + 1), abs=1e-15)


def test_a_mean_of_0_but_for_rounding_has_p_1() -> None:
    assert sign_flip([0.1, 0.2, -0.3] * 10) == 1


def test_t_interval_is_scipys() -> None:
    x = np.random.default_rng(0).normal(3, 2, 12)
    low, high = scipy_stats.t.interval(0.95, 11, x.mean(), scipy_stats.sem(x))
    assert t_interval(x) == pytest.approx((x.mean(), low, high))


def test_t_interval_refuses_what_has_no_spread_and_what_is_not_a_number() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        t_interval([1.0])
    with pytest.raises(ValueError, match="finite"):
        t_interval([1.0, float("nan")])
    assert t_interval([2.0, 2.0]) == (2, 2, 2)


def test_sign_flip_counts_patterns() -> None:
    assert sign_flip([1.0, 2.0, 3.0]) == 2 / 8
    assert sign_flip([1.0, 2.0, 0.0, 3.0]) == 2 / 8
    assert sign_flip([1.0, -1.0]) == 1
    assert sign_flip([0.0, 0.0]) == 1


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-10, 10).map(lambda v: round(v, 3)), min_size=1, max_size=8))
def test_sign_flip_is_the_enumeration(values: list[float]) -> None:
    x = np.array([v for v in values if v])
    sums = [abs(np.dot(signs, x)) for signs in product((-1, 1), repeat=len(x))]
    expected = np.mean([s >= abs(x.sum()) - 1e-9 for s in sums])
    assert sign_flip(values) == pytest.approx(expected)
    assert sign_flip([-v for v in values]) == sign_flip(values)


def test_sign_flip_by_drawing_is_repeatable_close_to_exact_and_never_zero() -> None:
    x = np.random.default_rng(1).normal(0.35, 1, 30)
    assert sign_flip(x) == sign_flip(x)
    assert sign_flip(x) == pytest.approx(scipy_stats.ttest_1samp(x, 0).pvalue, abs=0.02)
    assert 0 < sign_flip(np.ones(40)) < 1e-4


def test_sign_flip_is_exact_up_to_20_items_and_drawn_above() -> None:
    assert sign_flip(np.ones(20)) == 2 / 2**20
    # 2 of 2^21 patterns are as extreme: none of 20,000 draws is one, and the observed pattern counts itself.
    assert sign_flip(np.ones(21)) == 1 / 20_001


def test_comparison_is_of_differences() -> None:
    a, b = np.array([3.0, 5.0, 4.0, 6.0]), np.array([2.0, 3.0, 3.5, 4.0])
    found = paired(a, b)
    assert found.n == 4
    assert found.difference == pytest.approx(1.375)
    assert (found.low, found.high) == pytest.approx(t_interval(a - b)[1:])
    assert found.p == 2 / 16
    assert paired(b, a).difference == -found.difference
    with pytest.raises(ValueError, match="equal lengths"):
        paired(a, b[:3])


def test_holm_steps_down_and_stays_monotone() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1, 1]
    assert holm([]) == []
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        holm([1.2])


def test_jackknife_of_a_mean_is_its_standard_error() -> None:
    x = np.random.default_rng(0).normal(size=(20, 1))
    spread = jackknife(lambda g, _: float(g.rows.mean()), features(x), features(x))
    assert spread.stderr == pytest.approx(x.std(ddof=1) / np.sqrt(20))
    assert spread.low is not None
    assert spread.high is not None
    assert (spread.low + spread.high) / 2 == pytest.approx(x.mean())


@pytest.mark.parametrize("n", [23, 33, 50])
def test_unequal_groups_are_weighted_as_by_busing(n: int) -> None:
    # For a mean the pseudo-value of a group of m items is the group's mean, and equation 8 becomes, over the 20 groups,
    # the mean of m / (n - m) * (group's mean - mean)^2.
    x = np.random.default_rng(n).normal(size=n)
    groups = [x[g::20] for g in range(20)]
    assert {len(g) for g in groups} == {n // 20, n // 20 + 1}
    expected = np.mean([len(g) / (n - len(g)) * (g.mean() - x.mean()) ** 2 for g in groups])
    spread = jackknife(lambda g, _: float(g.rows.mean()), features(x[:, None]), features(x[:, None]))
    assert spread.stderr == pytest.approx(np.sqrt(expected), rel=1e-9)


def test_jackknife_deletes_items_and_not_rows() -> None:
    # Eight equal rows of one item carry no more than one: the error is that of the items.
    x = np.random.default_rng(0).normal(size=(20, 1))
    repeated = jackknife(lambda g, _: float(g.rows.mean()), features(np.repeat(x, 8, axis=0), 8), features(x))
    assert repeated.stderr == pytest.approx(x.std(ddof=1) / np.sqrt(20))


def test_jackknife_of_two_items_is_absent() -> None:
    spread = jackknife(distance, features(np.eye(4), 2), features(np.eye(4)))
    assert (spread.stderr, spread.low, spread.high) == (None, None, None)


class TestSimulation:
    """Promises, checked on many data sets with a fixed seed."""

    def test_t_intervals_cover(self) -> None:
        rng = np.random.default_rng(0)
        normal = [t_interval(x) for x in rng.normal(0, 1, (4000, 64))]
        skewed = [t_interval(x) for x in rng.lognormal(0, 0.5, (4000, 64))]
        assert np.mean([low <= 0 <= high for _, low, high in normal]) == pytest.approx(0.95, abs=0.01)
        assert np.mean([low <= np.exp(0.125) <= high for _, low, high in skewed]) >= 0.92

    def test_sign_flip_rejects_a_true_hypothesis_as_often_as_it_says(self) -> None:
        rng = np.random.default_rng(0)
        p = np.array([sign_flip(rng.standard_t(4, size=12)) for _ in range(600)])
        assert (p <= 0.05).mean() == pytest.approx(0.05, abs=0.025)
        assert (p <= 0.5).mean() == pytest.approx(0.5, abs=0.06)

    def test_jackknife_error_of_a_frechet_distance_is_its_spread(self) -> None:
        rng = np.random.default_rng(0)
        reference = features(rng.normal(size=(256, 8)))

        def draw() -> Features:
            items = rng.normal(0.4, 1, size=(64, 8))
            windows = np.repeat(items, 2, axis=0) + 0.3 * rng.normal(size=(128, 8))
            return features(windows, 2)

        sets = [draw() for _ in range(60)]
        truth = np.std([distance(s, reference) for s in sets], ddof=1)
        errors = [jackknife(distance, s, reference).stderr for s in sets[:20]]
        assert np.mean([e for e in errors if e is not None]) == pytest.approx(truth, rel=0.3)
