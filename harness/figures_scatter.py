"""Quality against cost as a scatter plot with its Pareto front. Geometry only, like `harness.figures`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.figures import Estimate, Scale, Tick, spread_labels, ticks


@dataclass(frozen=True)
class Dot:
    """What is plotted: who, what role, the cost (positive), and the estimate of the quality."""

    label: str
    role: str
    cost: float
    quality: Estimate


@dataclass(frozen=True)
class Point:
    """A labelled point; the label's baseline is at ``label_y``. ``behind``: another is as cheap and as good, or better.

    ``low`` and ``high`` are the ends of its interval, None where it has none.
    """

    x: float
    y: float
    low: float | None
    high: float | None
    label: str
    label_y: float
    role: str
    behind: bool = False


@dataclass(frozen=True)
class Scatter:
    """A scatter plot: its frame, its points with their labels, its ticks, the steps of its front."""

    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float
    points: tuple[Point, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    front: tuple[tuple[float, float], ...]
    front_names: tuple[str, ...]


def scatter(dots: Sequence[Dot], better: str, width: float = 560, height: float = 280) -> Scatter:
    """A plot with logarithmic cost to the right and quality upwards, whatever its direction.

    Raises:
        ValueError: no dots, or a cost that is not positive.
    """
    if not dots or min(dot.cost for dot in dots) <= 0:
        raise ValueError("a scatter plot needs points, and a logarithmic axis needs positive costs")
    left, right, top, bottom = 64.0, width - 140, 12.0, height - 34
    costs = [dot.cost for dot in dots]
    x_scale = Scale(min(costs) / 1.3, max(costs) * 1.3, left, right, log=True)
    values = [v for dot in dots for v in dot.quality if v is not None]
    limits = min(values), max(values)
    margin = (limits[1] - limits[0]) * 0.06 or abs(limits[0]) * 0.1 or 1.0
    y_scale = Scale(limits[0] - margin, limits[1] + margin, bottom, top)
    best = front(dots, better)
    points = [_point(dot, x_scale, y_scale, behind=dot not in best) for dot in dots]
    steps = _steps([(x_scale(d.cost), y_scale(d.quality[0])) for d in best], right)
    names = tuple(dot.label for dot in best)
    spread = spread_labels(points, top, bottom)
    return Scatter(width, height, left, right, top, bottom, spread, ticks(x_scale), ticks(y_scale), steps, names)


def front(dots: Sequence[Dot], better: str) -> list[Dot]:
    """The dots that no other dominates, cheapest first: nobody is as cheap and as good, and better in one of both."""
    sign = -1.0 if better == "higher" else 1.0
    found: list[Dot] = []
    for dot in sorted(dots, key=lambda d: (d.cost, sign * d.quality[0], d.label)):
        if not found or sign * dot.quality[0] < sign * found[-1].quality[0]:
            found.append(dot)
    return found


def _steps(corners: Sequence[tuple[float, float]], right: float) -> tuple[tuple[float, float], ...]:
    """From dot to dot along the axes: what can be had at a cost is what the last cheaper dot has."""
    steps: list[tuple[float, float]] = []
    for x, y in corners:
        if steps:
            steps.append((x, steps[-1][1]))
        steps.append((x, y))
    return (*steps, (right, steps[-1][1])) if steps else ()


def _point(dot: Dot, x_scale: Scale, y_scale: Scale, *, behind: bool) -> Point:
    value, low, high = dot.quality
    y = y_scale(value)
    ends = [None if v is None else y_scale(v) for v in (low, high)]
    return Point(x_scale(dot.cost), y, ends[0], ends[1], dot.label, y + 4, dot.role, behind)
