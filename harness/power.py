"""How many items and seeds it takes to tell two variants apart, from the spread that is at hand.

The paired difference of an item varies between items and, within an item, between seeds: with S seeds averaged its
variance is ``between + within / S``. More seeds shrink the second part only; more items shrink both.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.stats_intervals import POWER, t_quantile

MAX_ITEMS = 1_000_000
SEEDS = (1, 2, 4, 8)


@dataclass(frozen=True)
class Variance:
    """Variance of paired differences: ``between`` items, and ``within`` an item between seeds, None where unknown."""

    between: float
    within: float | None


@dataclass(frozen=True)
class Need:
    """``items`` that find a difference with the wanted power when ``seeds`` are averaged; None above a million."""

    seeds: int
    items: int | None


def variance_of(differences: Mapping[str, Sequence[float]]) -> Variance:
    """Components of variance of the differences of every item over its seeds (one-way analysis of variance).

    ``within`` is None where no item has two seeds; then ``between`` is the variance of single-seed differences, and
    says nothing about other numbers of seeds. A negative estimate of ``between`` counts as 0.

    Raises:
        ValueError: fewer than two items.
    """
    given = [row for row in differences.values() if len(row)]
    if len(given) < 2:
        raise ValueError(f"a variance between items needs two items, got {len(given)}")
    freedom = sum(len(row) - 1 for row in given)
    if not freedom:
        return Variance(float(np.array(given, np.float64).var(ddof=1)), None)
    rows = [np.asarray(row, np.float64) for row in given]
    means = np.array([row.mean() for row in rows])
    total = float(means.var(ddof=1))
    within = float(sum(np.square(row - row.mean()).sum() for row in rows) / freedom)
    per_mean = within * float(np.mean([1 / len(row) for row in rows]))
    return Variance(max(0.0, total - per_mean), within)


def needs(variance: Variance, difference: float, alpha: float = 0.05, power: float = POWER) -> list[Need]:
    """The items it takes for 1, 2, 4 and 8 seeds; for one seed alone where the seeds' part is unknown.

    Never fewer than a sign flip can reject with: n items have 2^n patterns, of which the observed one and its opposite
    always count.

    Raises:
        ValueError: a difference of 0, which no number of items finds.
    """
    between, within, fewest = variance.between, variance.within, 1 + math.ceil(-math.log2(alpha))
    spreads = [(1, between)] if within is None else [(s, between + within / s) for s in SEEDS]
    found = [(s, items_needed(math.sqrt(spread), difference, alpha, power)) for s, spread in spreads]
    return [Need(s, None if items is None else max(items, fewest)) for s, items in found]


def items_needed(spread: float, difference: float, alpha: float = 0.05, power: float = POWER) -> int | None:
    """The fewest items whose paired t test finds a mean ``difference`` at standard deviation ``spread``.

    Returns None above a million.

    Raises:
        ValueError: a difference of 0, or a negative spread.
    """
    if not difference or spread < 0:
        raise ValueError(f"needs a difference that is not 0 and a spread of at least 0, got {difference}, {spread}")
    if t_test_power(MAX_ITEMS, spread, difference, alpha) < power:
        return None
    low, high = 1, 2
    while t_test_power(high, spread, difference, alpha) < power:
        low, high = high, min(2 * high, MAX_ITEMS)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if t_test_power(middle, spread, difference, alpha) >= power else (middle, high)
    return high


def t_test_power(items: int, spread: float, difference: float, alpha: float = 0.05) -> float:
    """The probability that a two-sided one-sample t test finds a mean ``difference`` (noncentral t distribution)."""
    from scipy.special import nctdtr

    if spread == 0:
        return 1.0
    freedom, shift = items - 1, abs(difference) / spread * math.sqrt(items)
    bound = t_quantile(1 - alpha / 2, freedom)
    if shift > bound + 30:  # the noncentral t is not computed so far out, and the answer is 1 to every digit
        return 1.0
    return float(1 - nctdtr(freedom, shift, bound) + nctdtr(freedom, shift, -bound))
