"""Uncertainty: what an interval, a comparison and a set distance's error mean here.

The item is the unit of every statistic: seeds of one item are averaged before anything in this module sees them. A
video metric's mean has a t interval; two variants are compared by sign flips of their paired differences,
Holm-corrected over the comparisons of one metric; a set metric has a delete-a-group jackknife. The naive bootstrap is
not offered for set distances: drawing with replacement lowers the rank of the covariance, and its interval can miss
its own estimate.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.model import Features

Float = NDArray[np.float64]

EXACT_ITEMS = 20  # up to here all 2^n sign patterns are enumerated
DRAWS = 20_000
MAX_GROUPS = 20
LEVEL = 0.95


class Interval(NamedTuple):
    """A mean and its confidence interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Spread:
    """Standard error and interval of a set metric; all None below three items."""

    stderr: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Paired:
    """A minus B over their common items.

    ``low`` and ``high`` bound the mean difference (t interval); ``p`` is two-sided, from sign flips; ``detectable`` is
    the smallest true difference that this many items with this spread would find with probability 0.8.
    """

    n: int
    difference: float
    low: float
    high: float
    p: float
    detectable: float


def t_quantile(probability: float, freedom: int) -> float:
    """Quantile of Student's t distribution. Without `scipy.stats`, whose import alone takes a second."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, probability))


def t_interval(values: Sequence[float] | Float, level: float = LEVEL) -> Interval:
    """Mean and t interval of one value per item.

    Raises:
        ValueError: fewer than two values, or one that is not finite.
    """
    x = _finite(values, 2)
    mean, error = float(x.mean()), _standard_error(x)
    half = t_quantile((1 + level) / 2, len(x) - 1) * error
    return Interval(mean, mean - half, mean + half)


def compare(first: Sequence[float] | Float, second: Sequence[float] | Float, level: float = LEVEL) -> Paired:
    """Compare two variants on the items that they share, in the same order.

    Raises:
        ValueError: other lengths, fewer than two items, or a value that is not finite.
    """
    a, b = _finite(first, 2), _finite(second, 2)
    if len(a) != len(b):
        raise ValueError(f"a paired comparison needs equal lengths, got {len(a)} and {len(b)}")
    difference = a - b
    mean, low, high = t_interval(difference, level)
    return Paired(len(a), mean, low, high, sign_flip(difference), _detectable(difference, 1 - level))


def sign_flip(differences: Sequence[float] | Float) -> float:
    """Two-sided p of the hypothesis that paired differences are symmetric about 0.

    Exact up to 20 items. Above, 20,000 random sign patterns, seeded by the data, and the observed one counted among
    them, so that p is never 0 and the same data give the same p. Items without a difference carry no sign and are left
    out.

    Raises:
        ValueError: no value, or one that is not finite.
    """
    x = _finite(differences, 1)
    x = x[x != 0]
    if not len(x):
        return 1.0
    observed = abs(x.sum())
    if len(x) <= EXACT_ITEMS:
        sums = np.abs(_all_sign_sums(x))
        return float((sums >= observed * (1 - 1e-12)).mean())
    rng = np.random.default_rng(_seed(x))
    hits = 0
    for count in _chunks(DRAWS, 2000):
        signs = rng.integers(0, 2, (count, len(x)), dtype=np.int8) * 2 - 1
        hits += int((np.abs(signs @ x) >= observed * (1 - 1e-12)).sum())
    return (hits + 1) / (DRAWS + 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment of the p values of one family, in the given order.

    Raises:
        ValueError: a value outside [0, 1].
    """
    p = np.asarray(p_values, np.float64)
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError("a p value lies in [0, 1]")
    order = np.argsort(p, kind="stable")
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return [float(value) for value in adjusted]


def jackknife(
    function: Callable[[Features, Features], float], generated: Features, reference: Features, level: float = LEVEL
) -> Spread:
    """Delete-a-group jackknife of a set metric over the items of ``generated``; the reference stays whole.

    Items, never rows, are dealt into at most 20 groups of nearly equal size, weighted as by Busing et al. 1999. The
    interval is ``value +- t * stderr``: it speaks of the spread between draws of items, not of the bias at this n.

    Returns all None for fewer than three items.
    """
    items = np.unique(generated.groups)
    groups = min(MAX_GROUPS, len(items))
    if groups < 3:
        return Spread(None, None, None)
    value = float(function(generated, reference))
    dealt = np.arange(len(items)) % groups
    group_of = dealt[np.searchsorted(items, generated.groups)]
    without = np.array([function(_subset(generated, group_of != g), reference) for g in range(groups)])
    stderr = _unequal_groups(value, without, np.bincount(dealt, minlength=groups))
    half = t_quantile((1 + level) / 2, groups - 1) * stderr
    return Spread(stderr, value - half, value + half)


def _unequal_groups(value: float, without: Float, sizes: NDArray[np.int64]) -> float:
    """Standard error from leave-one-group-out values, groups of ``sizes`` items (Busing et al. 1999, eq. 8)."""
    ratio = sizes.sum() / sizes
    centre = len(sizes) * value - ((1 - 1 / ratio) * without).sum()
    pseudo = ratio * value - (ratio - 1) * without
    return float(np.sqrt((np.square(pseudo - centre) / (ratio - 1)).mean()))


def _subset(features: Features, keep: NDArray[np.bool_]) -> Features:
    return Features(features.rows[keep], features.groups[keep])


def _all_sign_sums(x: Float) -> Float:
    """Sums of x under all 2^n sign patterns: each item doubles the list."""
    sums = np.zeros(1)
    for value in x:
        sums = np.concatenate([sums + value, sums - value])
    return sums


def _detectable(differences: Float, alpha: float, power: float = 0.8) -> float:
    freedom = len(differences) - 1
    return (t_quantile(1 - alpha / 2, freedom) + t_quantile(power, freedom)) * _standard_error(differences)


def _standard_error(x: Float) -> float:
    return float(x.std(ddof=1) / np.sqrt(len(x)))


def _finite(values: Sequence[float] | Float, at_least: int) -> Float:
    x = np.asarray(values, np.float64)
    if x.ndim != 1 or len(x) < at_least:
        raise ValueError(f"needs at least {at_least} values, got an array of shape {x.shape}")
    if not np.isfinite(x).all():
        raise ValueError("values must be finite: leave undefined items out")
    return x


def _seed(x: Float) -> int:
    return int.from_bytes(hashlib.sha256(x.tobytes()).digest()[:8], "big")


def _chunks(total: int, size: int) -> list[int]:
    return [size] * (total // size) + ([total % size] if total % size else [])
