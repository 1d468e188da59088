"""Several curves over the length of a clip in one plot, labelled at their ends. Geometry only: `harness.figures`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from harness.figures import LABEL_GAP, Scale, Tick, spread_labels, ticks

Place = tuple[float, float]


@dataclass(frozen=True)
class Course:
    """One curve. ``runs`` are its pieces inside the plot, each as (x, y); a piece ends where the curve leaves the plot.

    ``off``: where parts lie beyond the scale, at its edge. ``end`` is the last part's place, which the label, whose
    baseline is ``label_y``, points at; ``slot`` its colour.
    """

    label: str
    slot: int
    runs: tuple[tuple[Place, ...], ...]
    off: tuple[Place, ...]
    end: Place
    label_y: float

    @property
    def points(self) -> tuple[str, ...]:
        """The pieces of more than one place, each as the ``points`` of a polyline (SVG 2, 10.6)."""
        return tuple(" ".join(f"{x},{y}" for x, y in run) for run in self.runs if len(run) > 1)

    @property
    def dots(self) -> tuple[Place, ...]:
        """The pieces of one place, which no line shows."""
        return tuple(run[0] for run in self.runs if len(run) == 1)


@dataclass(frozen=True)
class Courses:
    """The plot: a moment t of a clip of length 1 is at ``left + t * (right - left)``."""

    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float
    lines: tuple[Course, ...]
    y_ticks: tuple[Tick, ...]
    parts: int

    @property
    def leaving(self) -> bool:
        """Whether a curve leaves the plot."""
        return any(line.off for line in self.lines)


def constant(series: Mapping[str, Sequence[float | None]]) -> float | None:
    """The one value that every part of every series has; None where there are two, or none."""
    found = {v for values in series.values() for v in values if v is not None}
    return found.pop() if len(found) == 1 else None


def courses(
    series: Mapping[str, Sequence[float | None]], slots: Mapping[str, int], width: float = 560
) -> Courses | None:
    """Draw ``series`` (equally spaced parts of a clip, by label) on one scale; None where there is no value.

    A value stands at the middle of its part. The scale spans the series with a colour, so that no control (slot 0)
    squeezes them together, unless these are all one value; what lies beyond it leaves the plot. Where nothing is
    negative, neither is the scale. The plot grows with the number of labels.
    """
    everything = [v for values in series.values() for v in values if v is not None]
    if not everything:
        return None
    height = max(170.0, LABEL_GAP * len(series) + 34)
    left, right, top, bottom = 64.0, width - 150, 10.0, height - 18
    parts = max(len(values) for values in series.values())
    x = Scale(0, parts, left, right)
    coloured = [v for label, values in series.items() if slots[label] for v in values if v is not None]
    y = Scale(*_limits(coloured if len(set(coloured)) > 1 else everything), bottom, top)
    lines = []
    for label, values in series.items():
        known = [(x(i + 0.5), v) for i, v in enumerate(values) if v is not None]
        if known:
            end = known[-1][0], y(y.clamp(known[-1][1]))
            off = tuple((at, y(y.clamp(v))) for at, v in known if v != y.clamp(v))
            lines.append(Course(label, slots[label], tuple(_runs(known, y)), off, end, end[1] + 4))
    return Courses(width, height, left, right, top, bottom, spread_labels(lines, top + 6, bottom), ticks(y, 4), parts)


def _limits(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    margin = (high - low) * 0.06 or abs(low) * 0.1 or 1.0
    return (low - margin if low < 0 else max(low - margin, 0.0)), high + margin


def _runs(known: Sequence[tuple[float, float]], y: Scale) -> Iterator[tuple[Place, ...]]:
    """The pieces of a curve through (x, value) that lie inside the scale."""
    if all(y.low <= v <= y.high for _, v in known):
        yield tuple((at, y(v)) for at, v in known)
        return
    run: list[Place] = [(at, y(v)) for at, v in known[:1] if v == y.clamp(v)]
    for first, second in pairwise(known):
        limits = y.clamp(first[1]), y.clamp(second[1])
        if limits[0] != limits[1] or limits == (first[1], second[1]):  # else the piece lies beyond an edge or on it
            enters = first if first[1] == limits[0] else _crossing(first, second, limits[0])
            leaves = second if second[1] == limits[1] else _crossing(first, second, limits[1])
            run = run or [(enters[0], y(enters[1]))]
            run.append((leaves[0], y(leaves[1])))
        if second[1] != limits[1] and run:
            yield tuple(run)
            run = []
    if run:
        yield tuple(run)


def _crossing(first: Place, second: Place, value: float) -> Place:
    """Where a straight line from ``first`` to ``second`` has ``value``, which lies between theirs."""
    share = (value - first[1]) / (second[1] - first[1])
    return (round(first[0] + share * (second[0] - first[0]), 2), value)
