"""Distances of many selections of the same feature rows to one reference, as resampling needs them.

What does not change between selections is computed once: the reference's factor, the rows' image under it, kernel
values. A set metric is a plain function; `pool_for` finds out by value whether one of the fast forms computes it, and
otherwise calls the function itself for every selection.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from harness.errors import ItemError
from harness.frechet import Moments
from harness.model import Features

Float = NDArray[np.float64]
Mask = NDArray[np.bool_]
SetMetric = Callable[[Features, Features], float]


class Pool(Protocol):
    """Feature rows of which some are chosen and put at a distance to a fixed reference."""

    def distance(self, keep: Mask) -> float:
        """The set metric of the rows where ``keep`` [P] is true, to full precision."""
        ...

    def gap(self, keep: Mask) -> float:
        """The metric of the kept rows minus that of the others, to the precision that a permutation test needs."""
        ...


class FrechetPool:
    """The Frechet distance (see `harness.frechet`): the trace term is a nuclear norm in the reference's factor."""

    def __init__(self, rows: Float, reference: Float) -> None:
        moments = Moments.of(reference)
        centre = rows.mean(0)
        self.rows, self.target, self.trace = rows - centre, moments.mean - centre, moments.trace
        self.square = np.square(self.rows).sum(1)
        self.image = self.rows @ moments.factor.T

    def distance(self, keep: Mask) -> float:
        """By singular values."""
        image = self.image[keep]
        cross = np.linalg.svd(image - image.mean(0), compute_uv=False).sum() / np.sqrt(len(image) - 1)
        return self._without_cross(keep) - 2 * float(cross)

    def gap(self, keep: Mask) -> float:
        """By eigenvalues of Gram matrices, three times faster; near 0 they have half the digits."""
        return self._quick(keep) - self._quick(~keep)

    def _quick(self, keep: Mask) -> float:
        count = int(keep.sum())
        if count <= self.image.shape[1]:
            where = np.flatnonzero(keep)
            gram = self._products.take(where, 0).take(where, 1)  # half the time of `np.ix_`
            mean = gram.mean(0)
            gram -= mean - mean.mean()
            gram -= mean[:, None]
        else:
            image = self.image[keep]
            image -= image.mean(0)
            gram = image.T @ image
        cross = np.sqrt(np.clip(_eigenvalues(gram), 0, None)).sum() / np.sqrt(count - 1)
        return self._without_cross(keep) - 2 * float(cross)

    def _without_cross(self, keep: Mask) -> float:
        count = int(keep.sum())
        mean = keep @ self.rows / count
        shift = mean - self.target
        trace = (self.square[keep].sum() - count * (mean @ mean)) / (count - 1)
        return float(shift @ shift + trace + self.trace)

    @cached_property
    def _products(self) -> Float:
        products: Float = self.image @ self.image.T
        return products


class KernelPool:
    """The kernel distance (unbiased MMD^2, see `harness.frechet`): sums over a matrix of kernel values.

    ``grouped``: pairs of rows of one item do not count, as in `harness.frechet.grouped_kernel_distance`.
    """

    def __init__(self, features: Features, reference: Features, grouped: bool) -> None:
        self.apart, self.inner = _pairs(features, grouped)
        apart, own = _pairs(reference, grouped)
        self.own = float(own.sum() / apart.sum())
        self.cross = _kernel(features.rows, reference.rows).mean(1)

    def distance(self, keep: Mask) -> float:
        """Means of kernel values."""
        weight = keep.astype(np.float64)
        inner = (weight @ self.inner @ weight) / (weight @ self.apart @ weight)
        return float(inner + self.own - 2 * (self.cross @ weight) / weight.sum())

    def gap(self, keep: Mask) -> float:
        """The same, twice."""
        return self.distance(keep) - self.distance(~keep)


class AnyPool:
    """Any set metric: calls it."""

    def __init__(self, function: SetMetric, features: Features, reference: Features) -> None:
        self.function, self.features, self.reference = function, features, reference

    def distance(self, keep: Mask) -> float:
        """The function's own value."""
        return float(self.function(chosen(self.features, keep), self.reference))

    def gap(self, keep: Mask) -> float:
        """The same, twice."""
        return self.distance(keep) - self.distance(~keep)


def pool_for(function: SetMetric, features: Features, reference: Features, checks: Sequence[Mask]) -> Pool:
    """The fastest pool that computes ``function``.

    A fast form is used when it gives the function's own value, to 1e-7, for every selection in ``checks``: a metric
    with another divisor, kernel or clipping keeps its own arithmetic.
    """
    own = AnyPool(function, features, reference)
    values = [own.distance(keep) for keep in checks]
    for make in _FAST:
        try:
            pool = make(features, reference)
            if np.allclose([pool.distance(keep) for keep in checks], values, rtol=1e-7, atol=1e-9):
                return pool
        except (ItemError, ValueError, ZeroDivisionError, np.linalg.LinAlgError):
            continue  # this form cannot take such features; the function could
    return own


def chosen(features: Features, keep: Mask) -> Features:
    """Some of the rows, with their items."""
    return Features(features.rows[keep], features.groups[keep])


_FAST: tuple[Callable[[Features, Features], Pool], ...] = (
    lambda features, reference: FrechetPool(features.rows, reference.rows),
    lambda features, reference: KernelPool(features, reference, grouped=False),
    lambda features, reference: KernelPool(features, reference, grouped=True),
)


def _eigenvalues(symmetric: Float) -> Float:
    """Of a symmetric matrix, which is overwritten: `numpy.linalg.eigvalsh` by its two steps, without its copies."""
    from scipy.linalg import lapack  # a third of a second that a command without a set metric need not wait

    work = int(lapack.dsytrd_lwork(len(symmetric), lower=1)[0])
    _, diagonal, beside, _, _ = lapack.dsytrd(symmetric.T, lower=1, lwork=work, overwrite_a=1)
    values: Float
    values, failed = lapack.dsterf(diagonal, beside, overwrite_d=1, overwrite_e=1)
    if failed:
        raise np.linalg.LinAlgError("the eigenvalues of a Gram matrix did not converge")
    return values


def _pairs(features: Features, grouped: bool) -> tuple[Float, Float]:
    """Which pairs of rows count (1 or 0), and the kernel values of those that do."""
    groups = features.groups if grouped else np.arange(len(features.groups))
    apart = (groups[:, None] != groups[None, :]).astype(np.float64)
    if not apart.any():
        raise ItemError("E-FEATURES", "A kernel distance needs rows of at least 2 items.", fix="score more items")
    return apart, apart * _kernel(features.rows, features.rows)


def _kernel(x: Float, y: Float) -> Float:
    product: Float = (x @ y.T / x.shape[1] + 1) ** 3
    return product
