"""Intervals of means and rates over items. Seeds of one item are averaged before: the item is the unit."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float = NDArray[np.float64]

LEVEL = 0.95
POWER = 0.8
RATE = "share of videos"  # the unit of a column that says yes (1) or no (0) of a video


class Interval(NamedTuple):
    """A mean and its confidence interval."""

    mean: float
    low: float
    high: float


@cache
def t_quantile(probability: float, freedom: int) -> float:
    """Quantile of Student's t distribution. Without `scipy.stats`, whose import alone takes a second."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, probability))


def t_interval(values: Sequence[float] | Float, level: float = LEVEL) -> Interval:
    """Mean and t interval of one value per item.

    Raises:
        ValueError: fewer than two values, or one that is not finite.
    """
    x = finite(values, 2)
    mean, error = float(x.mean()), standard_error(x)
    half = t_quantile((1 + level) / 2, len(x) - 1) * error
    return Interval(mean, mean - half, mean + half)


def wilson_interval(successes: int, trials: int, level: float = LEVEL) -> Interval:
    """Rate of yes among items with one yes or no each, and Wilson's score interval (Wilson 1927).

    Stays within [0, 1] and has a width where every answer is the same, which a t interval has not.

    Raises:
        ValueError: no trial, or not 0 <= successes <= trials.
    """
    from scipy.special import ndtri

    if not 0 <= successes <= trials or trials < 1:
        raise ValueError(f"a rate needs 0 <= successes <= trials and a trial, got {successes} of {trials}")
    z2 = float(ndtri((1 + level) / 2)) ** 2
    rate = successes / trials
    centre = (rate + z2 / (2 * trials)) / (1 + z2 / trials)
    half = np.sqrt(z2 * (rate * (1 - rate) / trials + z2 / (4 * trials**2))) / (1 + z2 / trials)
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == trials else centre + half
    return Interval(rate, float(low), float(high))


def rate_interval(values: Sequence[float] | Float, level: float = LEVEL) -> Interval:
    """Interval of a rate from one share in [0, 1] per item (the mean over its seeds of yes = 1 and no = 0).

    Wilson's where every item says yes or no (one seed, or seeds that agree). Otherwise items are clusters: a t
    interval over their shares, cut to [0, 1].

    Raises:
        ValueError: no value, a value outside [0, 1], or only one item whose seeds disagree.
    """
    x = finite(values, 1)
    if ((x < 0) | (x > 1)).any():
        raise ValueError("a share lies in [0, 1]")
    if np.isin(x, (0, 1)).all():
        return wilson_interval(int(x.sum()), len(x), level)
    mean, low, high = t_interval(x, level)
    return Interval(mean, max(low, 0.0), min(high, 1.0))


def mean_interval(values: Sequence[float] | Float, unit: str, level: float = LEVEL) -> Interval:
    """Mean and interval of one value per item of a column with this ``unit``: the one rule of board, table and site.

    A column is a rate where its unit is `RATE`; then `rate_interval`, otherwise `t_interval`. A file may claim that
    unit for numbers that are no shares: those have a t interval like any others.

    Raises:
        ValueError: fewer than two values, or one that is not finite.
    """
    x = finite(values, 2)
    shares = unit == RATE and bool(((x >= 0) & (x <= 1)).all())
    return rate_interval(x, level) if shares else t_interval(x, level)


def difference_interval(
    differences: Sequence[float] | Float, unit: str, level: float = LEVEL, reach: float = 1.0
) -> Interval:
    """Mean and interval of one difference, or one contrast of several variants, per item of a column of this ``unit``.

    A t interval with the standard error of `padded` differences.

    Raises:
        ValueError: fewer than two values, or one that is not finite.
    """
    x = finite(differences, 2)
    y = padded(x, unit, reach)
    mean, half = float(x.mean()), t_quantile((1 + level) / 2, len(y) - 1) * standard_error(y)
    return Interval(mean, mean - half, mean + half)


def padded(differences: Sequence[float] | Float, unit: str, reach: float = 1.0) -> Float:
    """What the spread of differences is taken from: of a rate, they and one more of each sign.

    Twenty videos that nobody calls dynamic on either side do not show that none ever would be, but their differences
    have no spread. Bonett and Price (2012, "Adjusted Wald confidence interval for a difference of binomial proportions
    based on paired data") count one more discordant item on each side; the 95 % interval then holds the truth in 95 %
    of samples from 20 items on where a t interval comes down to 77 %. Columns in other units stay as they are.

    Args:
        reach: the largest difference there can be; 2 for an interaction.
    """
    x = finite(differences, 2)
    if unit != RATE or bool((np.abs(x) > reach).any()):
        return x
    return np.concatenate([x, [reach, -reach]])


def item_means(values: ArrayLike, items: ArrayLike) -> tuple[NDArray[np.str_], Float]:
    """Average seeds within items: the sorted distinct ``items`` and the mean of the ``values`` [N] of each.

    Raises:
        ValueError: lengths that differ, or a value that is not finite.
    """
    x, names = finite(values, 0), np.asarray(items, np.str_)
    if len(x) != len(names):
        raise ValueError(f"every value needs its item, got {len(x)} values and {len(names)} items")
    distinct, index = np.unique(names, return_inverse=True)
    return distinct, np.bincount(index, x, len(distinct)) / np.bincount(index, minlength=len(distinct))


def detectable(differences: Sequence[float] | Float, alpha: float = 1 - LEVEL, power: float = POWER) -> float:
    """The smallest true mean of paired differences that as many items, as spread, would show with ``power``.

    ``(t(1 - alpha/2) + t(power)) * standard error``, both quantiles with n - 1 degrees of freedom.

    Raises:
        ValueError: fewer than two values, or one that is not finite.
    """
    x = finite(differences, 2)
    freedom = len(x) - 1
    return (t_quantile(1 - alpha / 2, freedom) + t_quantile(power, freedom)) * standard_error(x)


def standard_error(x: Float) -> float:
    """Standard error of the mean of ``x`` [n], n >= 2."""
    return float(x.std(ddof=1) / np.sqrt(len(x)))


def finite(values: ArrayLike, at_least: int) -> Float:
    """The values as a float64 vector.

    Raises:
        ValueError: fewer than ``at_least`` values, or one that is not finite.
    """
    x = np.asarray(values, np.float64)
    if x.ndim != 1 or len(x) < at_least:
        raise ValueError(f"needs at least {at_least} values, got an array of shape {x.shape}")
    if not np.isfinite(x).all():
        raise ValueError("values must be finite: leave undefined items out")
    return x
