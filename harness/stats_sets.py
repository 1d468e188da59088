"""Uncertainty of set metrics: delete-a-group jackknives and the paired-swap permutation.

Items are what is deleted and swapped, with all their rows; the reference stays whole. The naive bootstrap is not
offered: drawing with replacement lowers the rank of the covariance, and its interval can miss its own estimate.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.blas import one_thread
from harness.model import Features
from harness.set_distances import Mask, Pool, SetMetric, pool_for
from harness.stats_intervals import LEVEL, Float, t_quantile
from harness.stats_tests import TOLERANCE, seed_of

MAX_GROUPS = 20
MIN_GROUPS = 3
SWAPS = 1000
EXACT_SWAPS = 10  # up to as many items all patterns of swaps are enumerated


@dataclass(frozen=True)
class Spread:
    """Standard error and interval of a set metric; all None below three items.

    ``without`` has the value with each group of items deleted in turn: enough to put sets of the same items together
    again (`recombined`) where their features are not at hand.
    """

    stderr: float | None
    low: float | None
    high: float | None
    without: tuple[float, ...] = ()


NO_SPREAD = Spread(None, None, None)


@dataclass(frozen=True)
class Contrast:
    """A weighted sum of one set metric over several variants' sets, with its jackknife."""

    n: int
    value: float
    spread: Spread


@dataclass(frozen=True)
class SetDifference:
    """The first set's distance minus the second's, over ``n`` items of both, with the p of the paired swap.

    ``spreads`` are the two sets' own, from the same jackknife as the difference's.
    """

    n: int
    first: float
    second: float
    difference: float
    spread: Spread
    p: float
    spreads: tuple[Spread, Spread] = (NO_SPREAD, NO_SPREAD)


def jackknife(function: SetMetric, generated: Features, reference: Features, level: float = LEVEL) -> Spread:
    """Delete-a-group jackknife of a set metric over the items of ``generated``; the reference stays whole.

    Items, never rows, are dealt into at most 20 groups of nearly equal size, weighted as by Busing et al. 1999. The
    interval is ``value +- t * stderr``: it speaks of the spread between draws of items, not of the bias at this n.

    Returns all None for fewer than three items.
    """
    return contrast(function, [generated], [1.0], reference, level).spread


def contrast(
    function: SetMetric,
    sets: Sequence[Features],
    weights: Sequence[float],
    reference: Features,
    level: float = LEVEL,
) -> Contrast:
    """``sum_i weights[i] * function(sets[i], reference)`` with a jackknife that deletes an item from all sets at once.

    What the sets share through their items, and the bias that they share through their size, cancels in the spread.

    Raises:
        ValueError: sets of other items.
    """
    items = _common_items(sets)
    left = [_left_out(function, s, reference, items) for s in sets]
    return recombined([value for value, _ in left], [without for _, without in left], weights, len(items), level)


def _left_out(
    function: SetMetric, features: Features, reference: Features, items: NDArray[np.str_]
) -> tuple[float, list[float]]:
    """A set's value, and its values without each group of its ``items``; without any for fewer than three items."""
    groups, whole = _groups_of(len(items)), np.ones(len(features.rows), np.bool_)
    if groups < MIN_GROUPS:
        return float(function(features, reference)), []
    with one_thread():
        pool = pool_for(function, features, reference, [whole])
        dealt = (np.arange(len(items)) % groups)[np.searchsorted(items, features.groups)]
        return pool.distance(whole), [pool.distance(dealt != g) for g in range(groups)]


def recombined(
    values: Sequence[float],
    without: Sequence[Sequence[float]],
    weights: Sequence[float],
    n: int,
    level: float = LEVEL,
) -> Contrast:
    """`contrast` from each set's value and its values ``without`` a group, over the same ``n`` items.

    Items are dealt into groups in the order of their names, so sets of the same items have the same groups. A set that
    lacks its values leaves the sum without a spread.
    """
    value = float(np.dot(weights, values))
    groups = _groups_of(n)
    if groups < MIN_GROUPS or any(len(row) != groups for row in without):
        return Contrast(n, value, NO_SPREAD)
    combined = np.asarray(weights, np.float64) @ np.asarray(without, np.float64)
    stderr = _unequal_groups(value, combined, np.bincount(np.arange(n) % groups, minlength=groups))
    half = t_quantile((1 + level) / 2, groups - 1) * stderr
    return Contrast(n, value, Spread(stderr, value - half, value + half, tuple(map(float, combined))))


def jackknife_p(found: Contrast) -> float | None:
    """Two-sided p of the hypothesis that a contrast is 0, from its jackknife's t; None without a spread."""
    from scipy.special import stdtr

    if not found.spread.stderr:
        return None
    return float(2 * stdtr(_groups_of(found.n) - 1, -abs(found.value) / found.spread.stderr))


def compare_sets(
    function: SetMetric,
    first: Features,
    second: Features,
    reference: Features,
    level: float = LEVEL,
    swaps: int = SWAPS,
) -> SetDifference:
    """Compare two variants by a set metric on the same items.

    Under the hypothesis that both make videos alike, which of an item's two videos belongs to whom does not matter:
    p is the share of random exchanges, item by item, that set the two distances at least as far apart. Exact up to 10
    items; above, ``swaps`` draws seeded by the data, the observed one counted among them.

    Raises:
        ValueError: sets of other items, or of fewer than two.
    """
    items = _common_items([first, second])
    if len(items) < 2:
        raise ValueError(f"sets are compared on two items or more, got {len(items)}")
    n = len(items)
    both = Features(np.concatenate([first.rows, second.rows]), np.concatenate([first.groups, second.groups]))
    mine = np.arange(len(both.rows)) < len(first.rows)
    left = [_left_out(function, s, reference, items) for s in (first, second)]
    values, without = [value for value, _ in left], [values for _, values in left]
    observed = recombined(values, without, [1.0, -1.0], n, level)
    one, two = (recombined([value], [rest], [1.0], n, level).spread for value, rest in left)
    with one_thread():
        pool = pool_for(function, both, reference, [mine, ~mine])
        p = _swap_p(pool, mine, np.searchsorted(items, both.groups), n, swaps, seed_of(both.rows))
    return SetDifference(n, values[0], values[1], observed.value, observed.spread, p, (one, two))


def _swap_p(pool: Pool, mine: Mask, item: NDArray[np.int64], items: int, swaps: int, seed: int) -> float:
    observed = abs(pool.gap(mine)) * TOLERANCE
    exact = items <= EXACT_SWAPS
    patterns = _all_swaps(items) if exact else _random_swaps(items, swaps, seed)
    hits = [abs(pool.gap(mine ^ pattern[item])) >= observed for pattern in patterns]
    return float(np.mean(hits)) if exact else (sum(hits) + 1) / (swaps + 1)


def _all_swaps(items: int) -> Iterator[Mask]:
    """Every pattern that leaves the first item: exchanging all of a pattern only changes the sign of the gap."""
    for code in range(2 ** (items - 1)):
        yield (code << 1 >> np.arange(items) & 1).astype(np.bool_)


def _random_swaps(items: int, swaps: int, seed: int) -> Iterator[Mask]:
    rng = np.random.default_rng(seed)
    for _ in range(swaps):
        yield rng.integers(0, 2, items, dtype=np.int8).astype(np.bool_)


def _groups_of(items: int) -> int:
    return min(MAX_GROUPS, items)


def _common_items(sets: Sequence[Features]) -> NDArray[np.str_]:
    items = np.unique(sets[0].groups)
    if any(not np.array_equal(items, np.unique(s.groups)) for s in sets[1:]):
        raise ValueError("sets are compared on the same items")
    return items


def _unequal_groups(value: float, without: Float, sizes: NDArray[np.int64]) -> float:
    """Standard error from leave-one-group-out values, groups of ``sizes`` items (Busing et al. 1999, eq. 8)."""
    ratio = sizes.sum() / sizes
    centre = len(sizes) * value - ((1 - 1 / ratio) * without).sum()
    pseudo = ratio * value - (ratio - 1) * without
    return float(np.sqrt((np.square(pseudo - centre) / (ratio - 1)).mean()))
