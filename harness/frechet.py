"""Distances between feature sets: the Frechet distance of two Gaussians and the kernel distance (unbiased MMD^2).

The trace term of the Frechet distance uses the nuclear norm: with centred features Xc (N x d) and Yc (M x d),

    tr((S_x S_y)^(1/2)) = || Xc Yc^T ||_* / sqrt((N-1)(M-1)),

because the nonzero eigenvalues of S_x S_y are the squared singular values of Xc Yc^T / sqrt((N-1)(M-1)). No square
root of a near-singular product is taken: d(X, X) is 1e-11 where `scipy.linalg.sqrtm` gives 1e-3, and it is up to
thousands of times faster for N < d. Covariances divide by N - 1. All arithmetic is float64.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.errors import ItemError
from harness.model import Features

Float = NDArray[np.float64]

MIN_ROWS = 2
RESOLUTION = 1e-12  # of the terms; their rounding is 1e-16 for each of some thousand summands
BATCH = 4096  # rows of a large set that are reduced at once


@dataclass(frozen=True)
class Moments:
    """A feature set reduced to what the Frechet distance needs.

    ``mean`` [d]; ``trace`` of the covariance; ``factor`` [k, d] with ``factor.T @ factor`` equal to the covariance,
    k about min(N, d).
    """

    mean: Float
    trace: float
    factor: Float

    @classmethod
    def of(cls, rows: ArrayLike) -> Moments:
        """Reduce rows [N, d].

        Raises:
            ItemError: E-FEATURES, fewer than two rows, or NaN or infinity among them.
        """
        values = checked(rows)
        if len(values) > values.shape[1]:
            return cls.streamed(values[first : first + BATCH] for first in range(0, len(values), BATCH))
        mean = values.mean(0)
        factor = (values - mean) / np.sqrt(len(values) - 1)
        return cls(mean, float(np.square(factor).sum()), factor)

    @classmethod
    def streamed(cls, batches: Iterable[ArrayLike]) -> Moments:
        """Reduce rows that come in batches [n, d] of any sizes, holding one batch and a [d, d] factor at a time.

        Means are merged by the pairwise update of Chan, Golub and LeVeque (1979), which loses no digits to means that
        are large against the spread, and factors by a QR decomposition: no covariance is formed, whose condition would
        be that of the rows squared.

        Raises:
            ItemError: E-FEATURES, fewer than two rows in all, other dimensions, or values that are not finite.
        """
        count, mean, factor = 0, np.zeros(0), np.zeros((0, 0))
        for batch in batches:
            values = _finite(np.atleast_2d(np.asarray(batch, np.float64)))
            if not len(values):
                continue
            if not count:
                mean, factor = np.zeros(values.shape[1]), np.zeros((0, values.shape[1]))
            _same_size(mean, values[0])
            own = values.mean(0)
            shift, total = own - mean, count + len(values)
            between = np.sqrt(count * len(values) / total) * shift
            factor = np.asarray(np.linalg.qr(np.vstack([factor, values - own, between]), mode="r"))
            mean = mean + shift * (len(values) / total)
            count = total
        if count < MIN_ROWS:
            raise _too_few(f"{count} in all")
        factor = factor / np.sqrt(count - 1)
        return cls(mean, float(np.square(factor).sum()), factor)

    def distance(self, other: Moments) -> float:
        """Squared 2-Wasserstein distance of the two Gaussians. Not clipped, but 0 where it is below the resolution of
        the terms that it is the difference of, which are larger by twelve digits then.

        Raises:
            ItemError: E-FEATURES, the dimensions differ.
        """
        _same_size(self.mean, other.mean)
        shift = self.mean - other.mean
        cross = np.linalg.svd(self.factor @ other.factor.T, compute_uv=False).sum()
        terms = float(shift @ shift) + self.trace + other.trace
        distance = terms - 2 * float(cross)
        return distance if abs(distance) > RESOLUTION * terms else 0.0


def frechet_distance(first: ArrayLike, second: ArrayLike) -> float:
    """Frechet distance between feature rows [N, d] and [M, d].

    Raises:
        ItemError: E-FEATURES, fewer than two rows, other dimensions, or values that are not finite.
    """
    return Moments.of(first).distance(Moments.of(second))


def kernel_distance(first: ArrayLike, second: ArrayLike) -> float:
    """Unbiased MMD^2 with the kernel (x.y / d + 1)^3 (Binkowski et al. 2018, "KID"); negative values are legal.

    Unbiased at every sample size, unlike the Frechet distance.

    Raises:
        ItemError: E-FEATURES, as for `frechet_distance`.
    """
    x, y = checked(first), checked(second)
    if x.shape[1] != y.shape[1]:
        raise ItemError("E-FEATURES", f"Feature dimensions differ: {x.shape[1]} and {y.shape[1]}.")
    n, m = len(x), len(y)
    own = _off_diagonal(_kernel(x, x)) / (n * (n - 1)) + _off_diagonal(_kernel(y, y)) / (m * (m - 1))
    return float(own - 2 * _kernel(x, y).mean())


def grouped_kernel_distance(first: Features, second: Features) -> float:
    """`kernel_distance` where several rows come from one video: only pairs of rows of different groups count.

    Rows of one video resemble each other, and with them the plain estimate exceeds zero between equal distributions.
    Equal to `kernel_distance` where every row is a group of its own.

    Raises:
        ItemError: E-FEATURES, as for `frechet_distance`, or rows of fewer than two groups.
    """
    x, y = checked(first.rows), checked(second.rows)
    if x.shape[1] != y.shape[1]:
        raise ItemError("E-FEATURES", f"Feature dimensions differ: {x.shape[1]} and {y.shape[1]}.")
    own = _between_groups(_kernel(x, x), first.groups) + _between_groups(_kernel(y, y), second.groups)
    return float(own - 2 * _kernel(x, y).mean())


def checked(rows: ArrayLike) -> Float:
    """Feature rows as float64 [N, d], N >= 2, all finite.

    Raises:
        ItemError: E-FEATURES.
    """
    values = np.asarray(rows, dtype=np.float64)
    if values.ndim != 2 or len(values) < MIN_ROWS:
        raise _too_few(f"an array of shape {values.shape}")
    return _finite(values)


def _too_few(got: str) -> ItemError:
    return ItemError(
        "E-FEATURES",
        f"A set distance needs at least {MIN_ROWS} feature rows, got {got}.",
        fix="score more videos of this variant",
    )


def _finite(values: Float) -> Float:
    if not np.isfinite(values).all():
        bad = int(np.flatnonzero(~np.isfinite(values).all(1))[0])
        raise ItemError("E-FEATURES", f"Feature row {bad} holds NaN or infinity.")
    return values


def _same_size(first: Float, second: Float) -> None:
    if first.shape != second.shape:
        raise ItemError("E-FEATURES", f"Feature dimensions differ: {first.size} and {second.size}.")


def _kernel(x: Float, y: Float) -> Float:
    product: Float = (x @ y.T / x.shape[1] + 1) ** 3
    return product


def _between_groups(kernel: Float, groups: NDArray[np.str_]) -> float:
    apart = groups[:, None] != groups[None, :]
    if not apart.any():
        raise ItemError("E-FEATURES", "A kernel distance needs rows of at least 2 items.", fix="score more items")
    return float(kernel[apart].mean())


def _off_diagonal(kernel: Float) -> float:
    return float(kernel.sum() - np.trace(kernel))
