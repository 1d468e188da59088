"""Ranks that say no more than the data: variants that a paired test cannot separate share one.

All pairs are tested by sign flips on the items that every ranked variant has, with Holm's correction over the pairs,
so that with probability 0.95 no pair of equal variants is called different on a board.

* ``place``: variants are ordered by their mean, and the order is cut only where everybody above is separated from
  everybody below. Comparing with the best of a group alone would also cut between two equal variants of which one
  happens to be separable from the best and the other not.
* ``low`` to ``high``: which ranks are possible at all, from how many others are shown to be better and how many worse
  (Mogstad et al. 2024, for simultaneous pairwise tests).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from harness.model import Direction
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
        return str(self.place) if self.place == self.last else f"{self.place}–{self.last}"


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


def beats(costs: NDArray[np.float64], alpha: float = 0.05) -> NDArray[np.bool_]:
    """Which row of ``costs`` [variants, items] is shown to be lower than which: [i, j] for i below j.

    All pairs, Holm-adjusted, two-sided at ``alpha``.
    """
    count = len(costs)
    first, second = np.triu_indices(count, 1)
    differences = (costs[first] - costs[second]).T
    adjusted = np.array(holm(sign_flips(differences)))
    won = np.zeros((count, count), np.bool_)
    for i, j, p, mean in zip(first, second, adjusted, differences.mean(0), strict=True):
        if p <= alpha:
            won[(i, j) if mean < 0 else (j, i)] = True
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
