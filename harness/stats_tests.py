"""Tests of differences between variants on the same items: sign flips, and Holm's correction for many of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.blas import one_thread
from harness.stats_intervals import LEVEL, Float, detectable, difference_interval, finite, padded

EXACT_ITEMS = 20  # up to here all 2^n sign patterns are enumerated
DRAWS = 20_000
LOOKED_UP = 4  # columns up to which sums come from tables
# Sums of the same numbers in another order differ in their last digits; what is equal must count as equal.
TOLERANCE = 1 - 1e-9
ROUNDING = 1e-13  # of the sum of magnitudes: what the order of a sum can change where it is 0 but for rounding


@dataclass(frozen=True)
class Paired:
    """The first minus the second over their common items.

    ``low`` and ``high`` bound the mean difference; ``p`` is two-sided, from sign flips; ``detectable`` is
    the smallest true difference that this many items with this spread would find with probability 0.8.
    """

    n: int
    difference: float
    low: float
    high: float
    p: float
    detectable: float


def paired(first: Sequence[float] | Float, second: Sequence[float] | Float, level: float = LEVEL) -> Paired:
    """Compare two variants on the items that they share, in the same order.

    Raises:
        ValueError: other lengths, fewer than two items, or a value that is not finite.
    """
    a, b = finite(first, 2), finite(second, 2)
    if len(a) != len(b):
        raise ValueError(f"a paired comparison needs equal lengths, got {len(a)} and {len(b)}")
    return of_differences(a - b, level)


def of_differences(
    differences: Sequence[float] | Float, level: float = LEVEL, unit: str = "", reach: float = 1.0
) -> Paired:
    """The same from one difference, or one contrast of several variants, per item.

    Args:
        unit, reach: as in `harness.stats_intervals.padded`.

    Raises:
        ValueError: fewer than two values, or one that is not finite.
    """
    x = finite(differences, 2)
    mean, low, high = difference_interval(x, unit, level, reach)
    return Paired(len(x), mean, low, high, sign_flip(x), detectable(padded(x, unit, reach), 1 - level))


def sign_flip(differences: Sequence[float] | Float) -> float:
    """Two-sided p of the hypothesis that paired differences are symmetric about 0.

    Exact up to 20 items. Above, 20,000 random sign patterns, the same for every comparison of as many items, and the
    observed one counted among them, so that p is never 0 and the same data give the same p. Items without a difference
    carry no sign and are left out.

    Raises:
        ValueError: no value, or one that is not finite.
    """
    x = finite(differences, 1)
    x = x[x != 0]
    return sign_flips(x[:, None])[0] if len(x) else 1.0


def sign_flips(differences: ArrayLike) -> list[float]:
    """`sign_flip` of every column of ``differences`` [n, k], all under the same sign patterns.

    The columns share items, so that one draw serves them all.

    Raises:
        ValueError: not a matrix with at least one row, or a value that is not finite.
    """
    x = np.asarray(differences, np.float64)
    if x.ndim != 2 or not len(x):
        raise ValueError(f"needs differences of shape [items, comparisons], got {x.shape}")
    if not np.isfinite(x).all():
        raise ValueError("values must be finite: leave undefined items out")
    observed = np.abs(x.sum(0)) * TOLERANCE - np.abs(x).sum(0) * ROUNDING
    if len(x) <= EXACT_ITEMS:
        return [float((np.abs(_all_sign_sums(x[:, j])) >= observed[j]).mean()) for j in range(x.shape[1])]
    looked_up = x.shape[1] <= LOOKED_UP
    sums, step = (_by_tables(x), 5000) if looked_up else (_by_products(x), 1000)  # stay in a core's cache
    drawn = _patterns(len(x), DRAWS)
    with nullcontext() if looked_up else one_thread():  # the products are small
        hits = sum((np.abs(sums(drawn[:, i : i + step])) >= observed[:, None]).sum(1) for i in range(0, DRAWS, step))
    return [float((hit + 1) / (DRAWS + 1)) for hit in hits]


@lru_cache(maxsize=4)
def _patterns(n: int, draws: int) -> NDArray[np.uint8]:
    """Sign patterns of ``n`` items [n / 8, draws], eight items a byte: the same for all comparisons of as many."""
    return np.random.default_rng(n).integers(0, 256, (-(-n // 8), draws), dtype=np.uint8)


def _by_tables(x: Float) -> Callable[[NDArray[np.uint8]], Float]:
    """From patterns [n / 8, draws], the sums [k, draws] of ``x`` [n, k] under them, 1 for plus and 0 for minus.

    Every eight rows of a column have a table of their sums under all 256 patterns of a byte.
    """
    groups = -(-len(x) // 8)
    filled = np.zeros((8 * groups, x.shape[1]))
    filled[: len(x)] = x
    signs = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1) * 2.0 - 1
    tables = np.ascontiguousarray((signs @ filled.reshape(groups, 8, -1)).transpose(2, 0, 1))

    def sums(patterns: NDArray[np.uint8]) -> Float:
        total = np.zeros((len(tables), patterns.shape[1]))
        for row, column in enumerate(tables):
            for table, pattern in zip(column, patterns, strict=True):
                total[row] += table.take(pattern)
        return total

    return sums


def _by_products(x: Float) -> Callable[[NDArray[np.uint8]], Float]:
    """The same for many columns, where a product of matrices is faster than tables."""

    def sums(patterns: NDArray[np.uint8]) -> Float:
        signs = np.unpackbits(patterns.reshape(len(patterns), 1, -1), axis=1, count=8).reshape(-1, patterns.shape[1])
        total: Float = x.T @ (signs[: len(x)] * 2.0 - 1)
        return total

    return sums


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


def seed_of(*arrays: NDArray[np.generic]) -> int:
    """A seed that belongs to the data: the same numbers give the same draws on every machine."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return int.from_bytes(digest.digest()[:8], "big")


def _all_sign_sums(x: Float) -> Float:
    """Sums of x under all 2^n sign patterns: each item doubles the list."""
    sums = np.zeros(1)
    for value in x:
        sums = np.concatenate([sums + value, sums - value])
    return sums
