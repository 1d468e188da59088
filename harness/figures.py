"""Figures as geometry: where marks, ticks and labels lie inside an inline SVG. Templates draw them; no markup here.

Coordinates are SVG user units, x to the right, y down. Every number a figure shows also stands as text on its page.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol, TypeVar

from harness.site_text import number

WHISKER_WIDTH, WHISKER_HEIGHT, PAD = 72.0, 10.0, 4.0
LABEL_GAP = 13.0
FEWEST_TICKS = 3  # of a logarithmic axis: fewer leave a reader to guess its scale


@dataclass(frozen=True)
class Scale:
    """A linear or logarithmic map from [low, high] to [start, end]."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """The position of ``value``, to a hundredth of a unit."""
        low, high, at = self.low, self.high, value
        if self.log:
            low, high, at = math.log(low), math.log(high), math.log(at)
        share = 0.5 if high == low else (at - low) / (high - low)
        return round(self.start + share * (self.end - self.start), 2)

    def clamp(self, value: float) -> float:
        """``value``, or the end of the scale that it lies beyond."""
        return min(max(value, self.low), self.high)


@dataclass(frozen=True)
class Mark:
    """An estimate with its interval on a horizontal scale.

    ``low`` and ``high`` are None without an interval. ``off`` is ``left`` or ``right`` when the estimate itself lies
    beyond the scale, which is drawn as an arrow at the edge.
    """

    middle: float
    low: float | None
    high: float | None
    off: str = ""


@dataclass(frozen=True)
class Tick:
    """A labelled place on an axis."""

    position: float
    text: str


@dataclass(frozen=True)
class Curve:
    """A line over equally spaced steps with intervals; ``points`` are (x, y, low, high), gaps left out.

    ``origin`` is the height of the first point, None where that has no value.
    """

    width: float
    height: float
    points: tuple[tuple[float, float, float | None, float | None], ...]
    origin: float | None


Estimate = tuple[float, float | None, float | None]  # value, low, high


def span(estimates: Sequence[Estimate]) -> tuple[float, float] | None:
    """The range that shows every estimate with its interval; None when there is nothing to show."""
    numbers = [v for estimate in estimates for v in estimate if v is not None]
    return (min(numbers), max(numbers)) if numbers else None


def whisker_scale(limits: tuple[float, float], width: float = WHISKER_WIDTH) -> Scale:
    """The scale that all whiskers of one column share."""
    return Scale(limits[0], limits[1], PAD, width - PAD)


def mark(estimate: Estimate, scale: Scale) -> Mark:
    """Place an estimate on a scale; what lies beyond it is clipped at the edge."""
    value, low, high = estimate
    off = "left" if value < scale.low else "right" if value > scale.high else ""
    ends = [None if v is None else scale(scale.clamp(v)) for v in (low, high)]
    return Mark(scale(scale.clamp(value)), ends[0], ends[1], off)


def ticks(scale: Scale, count: int = 5) -> tuple[Tick, ...]:
    """Round numbers inside the scale, about ``count`` of them."""
    values = _log_ticks(scale.low, scale.high) if scale.log else _linear_ticks(scale.low, scale.high, count)
    step = min((b - a for a, b in pairwise(values)), default=0.0)
    return tuple(Tick(scale(v), _tick_text(v, step, scale.log)) for v in values)


def line(
    values: Sequence[float | None], width: float = WHISKER_WIDTH, height: float = 28
) -> tuple[tuple[float, float], ...]:
    """Vertices of a small line over equally spaced values; gaps are left out."""
    known = [v for v in values if v is not None]
    if not known:
        return ()
    x = Scale(0, max(len(values) - 1, 1), PAD, width - PAD)
    y = Scale(min(known), max(known), height - PAD, PAD)
    return tuple((x(i), y(v)) for i, v in enumerate(values) if v is not None)


def curves(series: Sequence[Sequence[Estimate | None]], width: float = 132, height: float = 64) -> tuple[Curve, ...]:
    """Small multiples: every series from its first step to its last, all on one vertical scale."""
    limits = span([estimate for steps in series for estimate in steps if estimate is not None])
    if limits is None:
        return tuple(Curve(width, height, (), None) for _ in series)
    y = Scale(limits[0], limits[1], height - PAD, PAD)
    drawn = []
    for steps in series:
        x = Scale(0, max(len(steps) - 1, 1), PAD, width - PAD)
        known = [(i, estimate) for i, estimate in enumerate(steps) if estimate is not None]
        ends = [[None if v is None else y(v) for v in estimate[1:]] for _, estimate in known]
        points = tuple((x(i), y(e[0]), low, high) for (i, e), (low, high) in zip(known, ends, strict=True))
        drawn.append(Curve(width, height, points, points[0][1] if known and known[0][0] == 0 else None))
    return tuple(drawn)


def _linear_ticks(low: float, high: float, count: int) -> list[float]:
    if high <= low:
        return [low]
    raw = (high - low) / count
    magnitude = 10.0 ** math.floor(math.log10(raw))
    step = next(m * magnitude for m in (1, 2, 5, 10) if m * magnitude >= raw)
    values = [i * step for i in range(math.ceil(low / step), math.floor(high / step) + 1)]
    return values if len(values) > 1 else _linear_ticks(low, high, 2 * count)


def _log_ticks(low: float, high: float) -> list[float]:
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in ((1, 2, 5), range(1, 10)):
        values = [m * 10.0**d for d in decades for m in steps if low <= m * 10.0**d <= high]
        if len(values) >= FEWEST_TICKS:
            return values
    return _linear_ticks(low, high, FEWEST_TICKS)  # over less than a factor of three, both are nearly the same


def _tick_text(value: float, step: float, log: bool) -> str:
    if value == 0:
        return "0"
    return f"{value:g}" if log else number(value, step * 10.01 if step else None)


class Labelled(Protocol):
    """A mark with a name that stands at a height of its own."""

    @property
    def label(self) -> str:
        """The name."""

    @property
    def label_y(self) -> float:
        """The height of the label's baseline."""


M = TypeVar("M", bound=Labelled)


def spread_labels(marks: Iterable[M], top: float, bottom: float, gap: float = LABEL_GAP) -> tuple[M, ...]:
    """Marks in the order of their labels' heights, labels moved apart to at least ``gap`` within [top, bottom].

    Labels move down until none lies on another, then up again if the last left the plot. Marks are dataclasses.
    """
    moved: list[M] = []
    for mark in sorted(marks, key=lambda m: (m.label_y, m.label)):
        floor = moved[-1].label_y + gap if moved else top
        moved.append(_labelled_at(mark, max(mark.label_y, floor)))
    ceiling = bottom
    for index in range(len(moved) - 1, -1, -1):
        moved[index] = _labelled_at(moved[index], min(moved[index].label_y, ceiling))
        ceiling = moved[index].label_y - gap
    return tuple(moved)


def _labelled_at(mark: M, y: float) -> M:
    result: M = dataclasses.replace(mark, label_y=round(y, 2))  # type: ignore[type-var]
    return result
