"""Set metrics: fast selections equal the plain function, contrasts and swaps mean what they say."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from harness.frechet import frechet_distance, grouped_kernel_distance, kernel_distance
from harness.model import Features
from harness.set_distances import AnyPool, FrechetPool, KernelPool, chosen, pool_for
from harness.stats import compare_sets, contrast, jackknife

Rows = NDArray[np.float64]


def features(rows: Rows, per_item: int = 1) -> Features:
    return Features(rows, np.array([f"item-{i // per_item:03d}" for i in range(len(rows))]))


def normal(count: int, dim: int, seed: int, shift: float = 0.0) -> Rows:
    return np.random.default_rng(seed).normal(shift, 1, (count, dim))


def frechet(generated: Features, reference: Features) -> float:
    return frechet_distance(generated.rows, reference.rows)


def kernel(generated: Features, reference: Features) -> float:
    return kernel_distance(generated.rows, reference.rows)


def grouped(generated: Features, reference: Features) -> float:
    return grouped_kernel_distance(generated, reference)


def halved(generated: Features, reference: Features) -> float:
    return frechet_distance(generated.rows, reference.rows) / 2


@pytest.mark.parametrize(("count", "other", "dim"), [(40, 60, 8), (40, 60, 200), (120, 12, 30), (12, 200, 30)])
@pytest.mark.parametrize(("function", "kind"), [(frechet, FrechetPool), (kernel, KernelPool), (halved, AnyPool)])
def test_a_selection_has_the_functions_own_value(
    function: object, kind: type, count: int, other: int, dim: int
) -> None:
    assert callable(function)
    rows, reference = features(normal(count, dim, 0, 5.0)), features(normal(other, dim, 1, 5.5))
    keep = np.random.default_rng(2).permutation(count) < count // 2
    pool = pool_for(function, rows, reference, [np.ones(count, np.bool_)])
    assert isinstance(pool, kind)
    mine, others = function(chosen(rows, keep), reference), function(chosen(rows, ~keep), reference)
    assert pool.distance(keep) == pytest.approx(mine, rel=1e-9, abs=1e-9)
    assert pool.gap(keep) == pytest.approx(mine - others, rel=1e-6, abs=1e-6)


def test_rows_of_one_item_are_no_pair_where_the_metric_says_so() -> None:
    rows, reference = features(normal(40, 5, 0), 4), features(normal(30, 5, 1), 3)
    pool = pool_for(grouped, rows, reference, [np.ones(40, np.bool_)])
    assert isinstance(pool, KernelPool)
    keep = np.arange(40) % 20 < 12
    assert pool.distance(keep) == pytest.approx(grouped(chosen(rows, keep), reference), rel=1e-9)
    assert pool.distance(keep) != pytest.approx(kernel(chosen(rows, keep), reference), rel=1e-6)


def test_features_that_a_fast_form_cannot_take_are_left_to_the_function() -> None:
    rows, other = features(normal(6, 3, 0)), features(normal(6, 4, 1))
    pool = pool_for(lambda g, r: float(g.rows.mean()), rows, other, [np.ones(6, np.bool_)])
    assert isinstance(pool, AnyPool)
    assert pool.distance(np.arange(6) < 2) == pytest.approx(rows.rows[:2].mean())


def test_a_contrast_is_the_weighted_sum_and_cancels_what_sets_share() -> None:
    shared = normal(64, 6, 0)
    first, second = features(shared + 0.2 * normal(64, 6, 1)), features(shared + 0.2 * normal(64, 6, 2) + 0.3)
    reference = features(normal(64, 6, 3))
    found = contrast(frechet, [first, second], [1, -1], reference)
    assert found.value == pytest.approx(frechet(first, reference) - frechet(second, reference))
    assert found.n == 64
    one, two = (jackknife(frechet, s, reference).stderr or 0.0 for s in (first, second))
    assert found.spread.stderr is not None
    assert found.spread.stderr < np.hypot(one, two)
    itself = contrast(frechet, [first, first], [1, -1], reference)
    assert (itself.value, itself.spread.stderr) == (0, 0)


def test_many_small_matrices_are_done_by_one_thread() -> None:
    blas = ThreadpoolController().select(user_api="blas")
    before = [library["num_threads"] for library in blas.info()]
    assert before, "numpy brings a BLAS"
    seen: list[int] = []

    def spy(generated: Features, reference: Features) -> float:
        seen.extend(library["num_threads"] for library in blas.info())
        return float(generated.rows.mean())

    rows = features(normal(8, 3, 0))
    compare_sets(spy, rows, features(normal(8, 3, 1)), rows, swaps=3)
    assert set(seen) == {1}
    assert [library["num_threads"] for library in blas.info()] == before, "and afterwards as before"


def test_sets_of_other_items_are_not_compared() -> None:
    first, second = features(normal(8, 3, 0)), features(normal(6, 3, 1))
    with pytest.raises(ValueError, match="same items"):
        compare_sets(frechet, first, second, first)
    with pytest.raises(ValueError, match="two items"):
        compare_sets(frechet, features(normal(4, 3, 0), 4), features(normal(4, 3, 1), 4), first)


def test_few_items_are_exchanged_in_every_way() -> None:
    first, second, reference = (features(normal(5, 2, seed, seed)) for seed in range(3))
    found = compare_sets(kernel, first, second, reference)
    gaps = []
    for code in range(32):
        swap = np.array([code >> i & 1 for i in range(5)], dtype=bool)[:, None]
        one, two = np.where(swap, second.rows, first.rows), np.where(swap, first.rows, second.rows)
        gaps.append(kernel_distance(one, reference.rows) - kernel_distance(two, reference.rows))
    assert found.spreads == (jackknife(kernel, first, reference), jackknife(kernel, second, reference))
    assert found.p == pytest.approx(np.mean([abs(g) >= abs(gaps[0]) - 1e-9 for g in gaps]))
    assert found.difference == pytest.approx(gaps[0])


def test_rows_of_an_item_are_exchanged_together() -> None:
    # Four rows an item that are all equal: as if there were one.
    first, second = normal(8, 3, 0), normal(8, 3, 1, 1.0)
    reference = features(normal(20, 3, 2))
    plain = compare_sets(frechet, features(first), features(second), reference)
    repeated = [features(np.repeat(rows, 4, axis=0), 4) for rows in (first, second)]
    assert compare_sets(frechet, repeated[0], repeated[1], reference).p == pytest.approx(plain.p, abs=0.05)


def test_a_shift_is_found_repeatably_and_its_sign_is_first_minus_second() -> None:
    first, second, reference = features(normal(40, 5, 0)), features(normal(40, 5, 1, 1.0)), features(normal(60, 5, 2))
    found = compare_sets(frechet, first, second, reference, swaps=199)
    assert found.p == 1 / 200
    assert found.difference < 0
    assert found.spread.high is not None
    assert found.spread.high < 0
    assert compare_sets(frechet, first, second, reference, swaps=199) == found
    turned = compare_sets(frechet, second, first, reference, swaps=199)
    assert (turned.difference, turned.p) == pytest.approx((-found.difference, found.p))
