"""Intervals of rates, seeds within items, and what could have been seen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from harness.stats import (
    detectable,
    difference_interval,
    item_means,
    mean_interval,
    of_differences,
    rate_interval,
    t_interval,
    wilson_interval,
)
from harness.stats_intervals import RATE


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_is_scipys(counts: tuple[int, int]) -> None:
    yes, n = counts
    reference = scipy_stats.binomtest(yes, n).proportion_ci(method="wilson")
    assert wilson_interval(yes, n) == pytest.approx((yes / n, reference.low, reference.high), abs=1e-12)


def test_a_rate_of_none_or_all_still_has_a_width() -> None:
    none, every = wilson_interval(0, 20), wilson_interval(20, 20)
    assert none.low == 0 < none.high < 0.2
    assert 0.8 < every.low < every.high == 1
    with pytest.raises(ValueError, match="0 <= successes"):
        wilson_interval(3, 2)


def test_a_rate_over_items_whose_seeds_disagree_takes_items_as_clusters() -> None:
    shares = [0.0, 0.5, 1.0, 0.5, 0.0, 1.0, 0.5, 0.5]
    assert rate_interval(shares) == pytest.approx(t_interval(shares))
    assert rate_interval([0.0, 1.0, 1.0]) == wilson_interval(2, 3)
    assert rate_interval([0.0, 0.0, 0.5]).low == 0
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        rate_interval([1.5, 0.0])


def test_a_column_is_a_rate_by_its_unit_and_only_with_shares() -> None:
    yes = [1.0, 1.0, *[0.0] * 38]
    assert mean_interval(yes, RATE) == wilson_interval(2, 40)
    assert mean_interval(yes, "dB") == t_interval(yes)
    assert mean_interval([0.0, 2.0], RATE) == t_interval([0.0, 2.0])


def test_a_difference_of_rates_that_nobody_saw_has_a_width() -> None:
    same = [0.0] * 20
    assert difference_interval(same, "dB") == (0, 0, 0)
    mean, low, high = difference_interval(same, RATE)
    assert (mean, low) == (0, -high)
    assert high == pytest.approx(scipy_stats.t.ppf(0.975, 21) * np.sqrt(2 / 21 / 22))
    assert difference_interval(same, RATE, reach=2).high == pytest.approx(2 * high)
    assert difference_interval([0.0, 3.0], RATE) == t_interval([0.0, 3.0])  # no shares, whatever the unit says
    assert of_differences(same, unit=RATE).detectable > 0


def test_seeds_are_averaged_within_items() -> None:
    names, means = item_means([1.0, 3.0, 5.0, 7.0], ["b", "b", "a", "c"])
    assert names.tolist() == ["a", "b", "c"]
    assert means.tolist() == [5, 2, 7]
    with pytest.raises(ValueError, match="its item"):
        item_means([1.0], ["a", "b"])


def test_the_detectable_difference_is_the_textbook_sum_of_quantiles() -> None:
    x = np.random.default_rng(0).normal(size=25)
    quantiles = scipy_stats.t.ppf(0.975, 24) + scipy_stats.t.ppf(0.8, 24)
    assert detectable(x) == pytest.approx(quantiles * x.std(ddof=1) / 5)
    assert detectable(x, alpha=0.01) > detectable(x)
