"""Several curves over the length of a clip in one plot, labelled at their ends. Geometry only: `harness.figures`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.figures import LABEL_GAP, Scale, Tick, spread_labels, ticks


@dataclass(frozen=True)
class Course:
    """One curve: (x, y) of the parts that have a value; ``label_y`` is its label's baseline, ``slot`` its colour."""

    label: str
    slot: int
    points: tuple[tuple[float, float], ...]
    label_y: float


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


def courses(
    series: Mapping[str, Sequence[float | None]], slots: Mapping[str, int], width: float = 560
) -> Courses | None:
    """Draw ``series`` (equally spaced parts of a clip, by label) on one scale; None where there is no value.

    A value stands at the middle of its part. The scale spans the series with a colour, so that no control (slot 0)
    squeezes them together; what lies beyond it runs along the edge. The plot grows with the number of labels.
    """
    everything = [v for values in series.values() for v in values if v is not None]
    known = [v for label, values in series.items() if slots[label] for v in values if v is not None] or everything
    if not known:
        return None
    height = max(170.0, LABEL_GAP * len(series) + 34)
    left, right, top, bottom = 64.0, width - 150, 10.0, height - 18
    parts = max(len(values) for values in series.values())
    x = Scale(0, parts, left, right)
    margin = (max(known) - min(known)) * 0.06 or abs(known[0]) * 0.1 or 1.0
    y = Scale(min(known) - margin, max(known) + margin, bottom, top)
    lines = []
    for label, values in series.items():
        points = tuple((x(i + 0.5), y(y.clamp(v))) for i, v in enumerate(values) if v is not None)
        if points:
            lines.append(Course(label, slots[label], points, points[-1][1] + 4))
    return Courses(width, height, left, right, top, bottom, spread_labels(lines, top + 6, bottom), ticks(y, 4), parts)
