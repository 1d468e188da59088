"""Ranks that say no more than the data: variants that a paired test cannot separate share one.

All pairs are tested, by sign flips on the items that every ranked variant has or, for a metric of a set, by the paired
jackknife's t. Holm's correction over the pairs keeps the probability that any pair of equal variants is called
different on a board at 0.05.

* ``place``: variants are ordered by their mean, and the order is cut only where everybody above is separated from
  everybody below. Comparing with the best of a group alone would also cut between two equal variants of which one
  happens to be separable from the best and the other not.
* ``low`` to ``high``: which ranks are possible at all, from how many others are shown to be better and how many worse
  (Mogstad et al. 2024, for simultaneous pairwise tests).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

from harness.model import Direction
from harness.stats_sets import jackknife_p, recombined
from harness.stats_tests import holm, sign_flips

MIN_ITEMS_FOR_RANKS = 30
MIN_SHARE = 0.9  # of its items that a variant must have a value for, to be ranked: nobody wins by failing on the hard


@dataclass(frozen=True)
class Rank:
    """One variant's rank in one column. ``place`` to ``last`` is shared by its group; ``low`` to ``high`` is its own
    range of possible ranks. 1 is best."""

    place: int
    last: int
    low: int
    high: int

    @property
    def text(self) -> str:
        """``2``, or ``1–3`` where it is shared."""
        return _range(self.place, self.last)

    @property
    def possible(self) -> str:
        """The range of possible ranks, ``1–2``; empty where that is the range of the group."""
        return "" if (self.low, self.high) == (self.place, self.last) else _range(self.low, self.high)


def _range(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}–{last}"


def rank(
    values: Mapping[str, Mapping[str, float]], better: Direction, total: int, alpha: float = 0.05
) -> dict[str, Rank]:
    """Rank variants on one column, from the mean over seeds of each variant and item.

    Left out is a variant that has a value for fewer than nine in ten of the ``total`` items. Returns nothing for a
    column that only describes, for fewer than two variants, or for fewer than 30 items in common.
    """
    entrants = {name: row for name, row in values.items() if len(row) >= MIN_SHARE * total}
    if better == "none" or len(entrants) < 2:
        return {}
    items = sorted(set.intersection(*(set(row) for row in entrants.values())))
    if len(items) < MIN_ITEMS_FOR_RANKS:
        return {}
    sign = 1.0 if better == "lower" else -1.0
    costs = np.array([[sign * row[item] for item in items] for row in entrants.values()])
    names = np.array(list(entrants))
    order = np.argsort(costs.mean(1), kind="stable")
    ranks = ranks_of(beats(costs[order], alpha))
    return dict(zip((str(name) for name in names[order]), ranks, strict=True))


@dataclass(frozen=True)
class SetResult:
    """A set metric over ``n`` items, and ``without`` each group of them (see `harness.stats_sets.recombined`)."""

    value: float
    without: tuple[float, ...]
    n: int


def rank_sets(results: Mapping[str, SetResult], better: Direction, total: int, alpha: float = 0.05) -> dict[str, Rank]:
    """Rank variants on a set metric, from its jackknives.

    Left out is a variant whose set lacks one of the ``total`` items, since its value has another bias and its groups
    are other items, and one whose values without a group were not recorded. Otherwise as `rank`.
    """
    entrants = {name: result for name, result in results.items() if result.n == total and result.without}
    if better == "none" or len(entrants) < 2 or total < MIN_ITEMS_FOR_RANKS:
        return {}
    sign = 1.0 if better == "lower" else -1.0
    order = sorted(entrants, key=lambda name: sign * entrants[name].value)
    pairs = combinations([entrants[name] for name in order], 2)
    tested = [(sign * (a.value - b.value), _p_of(a, b)) for a, b in pairs]
    return dict(zip(order, ranks_of(_won(len(order), tested, alpha)), strict=True))


def _p_of(a: SetResult, b: SetResult) -> float:
    """p of no difference; 1 where it cannot be tested, or where two sets are the same."""
    p = jackknife_p(recombined([a.value, b.value], [a.without, b.without], [1.0, -1.0], a.n))
    return 1.0 if p is None else p


def beats(costs: NDArray[np.float64], alpha: float = 0.05) -> NDArray[np.bool_]:
    """Which row of ``costs`` [variants, items] is shown to be lower than which: [i, j] for i below j.

    All pairs, Holm-adjusted, two-sided at ``alpha``.
    """
    first, second = np.triu_indices(len(costs), 1)
    differences = (costs[first] - costs[second]).T
    return _won(len(costs), list(zip(differences.mean(0), sign_flips(differences), strict=True)), alpha)


def _won(count: int, tested: Sequence[tuple[float, float]], alpha: float) -> NDArray[np.bool_]:
    """[i, j]: whether i is shown to cost less than j, from the difference and p of every pair i < j in their order."""
    won = np.zeros((count, count), np.bool_)
    adjusted = holm([p for _, p in tested])
    for (i, j), (difference, _), p in zip(combinations(range(count), 2), tested, adjusted, strict=True):
        if p <= alpha:
            won[(i, j) if difference < 0 else (j, i)] = True
    return won


def ranks_of(won: NDArray[np.bool_]) -> list[Rank]:
    """The ranks of variants in the order of their means, best first, from who beats whom."""
    count = len(won)
    cuts = [0, *(k for k in range(1, count) if won[:k, k:].all()), count]
    ranks = []
    for start, end in pairwise(cuts):
        for i in range(start, end):
            low, high = 1 + int(won[:, i].sum()), count - int(won[i].sum())
            ranks.append(Rank(start + 1, end, low, high))
    return ranks
