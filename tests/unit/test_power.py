"""Items and seeds that a difference takes: textbook values, and what simulation finds with them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats as scipy_stats

from harness.power import Need, Variance, items_needed, needs, t_test_power, variance_of
from harness.stats import sign_flips


def test_textbook_sample_sizes() -> None:
    # Paired t test, alpha 0.05, power 0.8: 34 pairs for d = 0.5, 199 for d = 0.2 (Cohen 1988; G*Power).
    assert items_needed(1.0, 0.5) == 34
    assert items_needed(2.0, -1.0) == 34
    assert items_needed(1.0, 0.2) == 199


def test_the_count_is_the_smallest_that_suffices() -> None:
    count = items_needed(1.3, 0.4, alpha=0.01, power=0.9)
    assert count is not None
    assert t_test_power(count, 1.3, 0.4, 0.01) >= 0.9 > t_test_power(count - 1, 1.3, 0.4, 0.01)


def test_power_is_the_noncentral_t() -> None:
    bound = scipy_stats.t.ppf(0.975, 19)
    expected = scipy_stats.nct.sf(bound, 19, 0.5 * 20**0.5) + scipy_stats.nct.cdf(-bound, 19, 0.5 * 20**0.5)
    assert t_test_power(20, 1.0, 0.5) == pytest.approx(expected, abs=1e-6)
    assert t_test_power(20, 1.0, 0.0) == pytest.approx(0.05)
    assert t_test_power(10, 0.0, 0.1) == 1


def test_what_cannot_be_asked_and_what_is_out_of_reach() -> None:
    with pytest.raises(ValueError, match="not 0"):
        items_needed(1.0, 0.0)
    assert items_needed(1.0, 1e-5) is None
    assert items_needed(0.0, 1e-5) == 2


def test_seeds_shrink_only_their_own_part() -> None:
    found = needs(Variance(0.0, 1.0), 0.05)
    assert [n.seeds for n in found] == [1, 2, 4, 8]
    counts = [n.items or 0 for n in found]
    assert counts[0] == pytest.approx(8 * counts[3], rel=0.02)
    assert len({n.items for n in needs(Variance(1.0, 0.0), 0.25)}) == 1
    assert needs(Variance(1.0, None), 0.5) == [Need(1, 34)]


def test_no_fewer_items_than_a_sign_flip_can_reject_with() -> None:
    # Five items have 2^5 patterns, of which two always count: p is never below 0.0625.
    assert {n.items for n in needs(Variance(0.0, 0.0), 1.0)} == {6}
    assert {n.items for n in needs(Variance(0.0, 0.0), 1.0, alpha=0.01)} == {8}


@pytest.mark.slow
@pytest.mark.parametrize(("seeds", "place"), [(1, 0), (2, 1), (4, 2)])
def test_the_items_that_are_asked_for_find_the_difference_four_times_in_five(
    seeds: int, place: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.stats_tests.DRAWS", 999)
    need = needs(Variance(1.0, 2.0), 0.5)[place]
    assert need.seeds == seeds
    assert need.items is not None
    rng = np.random.default_rng(seeds)
    # 1,500 experiments show 0.8 to 0.01.
    own = rng.normal(0, 1, (need.items, 1, 1500)) + rng.normal(0, 2**0.5, (need.items, seeds, 1500))
    found = np.array(sign_flips(0.5 + own.mean(1))) <= 0.05
    assert found.mean() == pytest.approx(0.8, abs=0.04)


def test_components_of_variance_are_recovered() -> None:
    rng = np.random.default_rng(0)
    items = rng.normal(0, 2, 400)
    data = {str(i): (item + rng.normal(0, 3, 4)).tolist() for i, item in enumerate(items)}
    found = variance_of(data)
    assert found.within == pytest.approx(9, rel=0.1)
    assert found.between == pytest.approx(4, rel=0.2)
    assert variance_of({"a": [1.0], "b": [3.0]}) == Variance(2.0, None)
    with pytest.raises(ValueError, match="two items"):
        variance_of({"a": [1.0, 2.0]})
