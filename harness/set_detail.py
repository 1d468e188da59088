"""What is told beside a set metric's number: its curve over the length of the videos, and its value at infinite n.

Both are more numbers of the same metric, so a metric is never told from another by name here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import NoSetScore
from harness.model import Features

SetMetric = Callable[[Features, Features], float]
ROOM = 2.5  # items for each feature, below which a value does not yet follow a + b / n
SIZES = 5  # sample sizes from half of the items to all
DRAWS = 4  # samples of each size
LARGEST = 1e300  # of a number that is read from a file
MOST_WINDOWS = 1000


@dataclass(frozen=True)
class Curve:
    """A set metric's value for the k-th rows of all videos, k = 0, 1, ...; ``n`` rows each.

    None where the metric refuses so few rows.
    """

    values: tuple[float | None, ...]
    n: int


def window_curve(
    function: SetMetric, generated: Features, places: NDArray[np.int64], reference: Features
) -> Curve | None:
    """Put the k-th windows of all generated videos at a distance to all windows of the reference.

    Real clips are as real at their end as at their start, so all of them are one reference; that keeps the curve's
    level the same for every k, and only its shape is meant to be read. A biased metric is larger here than for the
    whole set, because each value is of fewer rows.

    Args:
        places: [N], which window of its video each generated row is.

    Returns:
        None where videos have one row each, or unequal numbers of rows.
    """
    counts = np.bincount(places)
    if len(counts) < 2 or len(set(counts.tolist())) > 1:
        return None
    values: list[float | None] = []
    for place in range(len(counts)):
        kept = places == place
        try:
            value = float(function(Features(generated.rows[kept], generated.groups[kept]), reference))
        except NoSetScore:
            values.append(None)
            continue
        values.append(value if np.isfinite(value) else None)
    return Curve(tuple(values), int(counts[0]))


def at_infinity(function: SetMetric, generated: Features, reference: Features, seed: int = 0) -> float:
    """A biased set metric without its bias: the constant of a least-squares fit of a + b / n (Chong and Forsyth 2020).

    Equal numbers n of items of both sets are drawn without replacement, from half of them to all. Below 2.5 items for
    each feature values do not follow 1 / n, and the constant is far from the truth. Measured with 40 Gaussian features
    and a true Frechet distance of 0.75: 100 items give 9.9, and 0.68 here; 40 items give 23.7, and would give 7.4 here.

    Raises:
        NoSetScore: E-FEATURES, there are fewer than 2.5 items for each feature.
    """
    mine, theirs = (np.unique(f.groups) for f in (generated, reference))
    most, dim = min(len(mine), len(theirs)), generated.rows.shape[1]
    if most < ROOM * dim:
        raise NoSetScore("E-FEATURES", f"{most} items for {dim} features, {int(np.ceil(ROOM * dim))} are needed")
    rng = np.random.default_rng(seed)
    inverse = np.linspace(1 / most, 2 / most, SIZES)
    sizes = [round(1 / share) for share in inverse]
    values = [
        np.mean(
            [
                function(_drawn(generated, mine, n, rng), _drawn(reference, theirs, n, rng))
                for _ in range(DRAWS if n < most else 1)
            ]
        )
        for n in sizes
    ]
    return float(np.polyfit(1 / np.array(sizes), np.array(values), 1)[1])


@dataclass(frozen=True)
class SetDetail:
    """What a stored or published set score tells beside its value.

    ``floor``: the metric between two disjoint parts of the reference, of ``floor_n`` clips each. ``small_n``: it
    compares at equal n only. ``windows``: the curve over the length of the videos. ``jackknife``: the value without
    each group of items (see `harness.stats_sets.recombined`). ``reference``: the key of the reference set.
    """

    floor: float | None = None
    floor_n: int = 0
    small_n: bool = False
    windows: tuple[float | None, ...] = ()
    jackknife: tuple[float, ...] = ()
    reference: str = ""

    @classmethod
    def read(cls, detail: Mapping[str, Any]) -> SetDetail:
        """What of it is there and of the right type; a published file may hold anything."""
        floor, count, windows = detail.get("floor"), detail.get("floor_n"), detail.get("windows")
        clips = count if isinstance(count, int) and not isinstance(count, bool) else 0
        without = tuple(v for v in _numbers(detail.get("jackknife")) if v is not None)
        reference = detail.get("reference")
        return cls(
            _number(floor),
            clips,
            detail.get("small_n") is True,
            _numbers(windows),
            without,
            reference if isinstance(reference, str) else "",
        )

    def above(self, value: float | None, n: int) -> float | None:
        """How far a value of ``n`` items is above the floor; None where the floor has another n, so another bias."""
        return None if value is None or self.floor is None or self.floor_n != n else value - self.floor


NOTHING = SetDetail()


def _numbers(values: object) -> tuple[float | None, ...]:
    return tuple(map(_number, values)) if isinstance(values, list) and len(values) <= MOST_WINDOWS else ()


def _number(value: object) -> float | None:
    """A finite number as it is; None for anything else, an integer beyond all floats included."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < LARGEST else None


def small_n(items: int, dim: int) -> bool:
    """Whether a biased value is mostly bias, and compares with values of equal n only: fewer items than features."""
    return items < dim


def _drawn(features: Features, items: NDArray[np.str_], count: int, rng: np.random.Generator) -> Features:
    kept = np.isin(features.groups, rng.choice(items, count, replace=False))
    return Features(features.rows[kept], features.groups[kept])
