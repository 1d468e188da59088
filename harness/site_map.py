"""Items x variants as a map: where on the suite a variant differs from the reference, item by item."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean
from typing import Any

from harness.model import Item
from harness.site_board import Board, has_column, item_scores
from harness.site_compare import reference_of
from harness.site_text import stem
from harness.submission import PublishedMetric, PublishedVariant, Submission

CLIP = 3.0  # standard deviations
STEPS = 6  # shades to either side


@dataclass(frozen=True)
class Square:
    """One item of one variant: the difference to the reference in SDs, and its shade from -6 (worse) to 6 (better).

    None where one of both has no value.
    """

    sds: float | None
    shade: int


@dataclass(frozen=True)
class MapRow:
    """One item across all variants."""

    item: Item
    squares: tuple[Square, ...]

    @property
    def tag(self) -> str:
        """The item's first tag, by which rows are ordered; empty where it has none."""
        return next(iter(self.item.tags), "")


@dataclass(frozen=True)
class Map:
    """One metric of one board. ``sd`` is the root mean square of all differences on the map."""

    board: Board
    metric: PublishedMetric
    reference: PublishedVariant
    variants: tuple[PublishedVariant, ...]
    rows: tuple[MapRow, ...]
    sd: float

    @property
    def tagged(self) -> bool:
        """Whether any item has a tag to stand beside it."""
        return any(row.tag for row in self.rows)

    @property
    def path(self) -> str:
        """Where the page lies."""
        return map_path(self.board, self.metric)

    @property
    def context(self) -> dict[str, Any]:
        """What the template is given."""
        return {"map": self, "board": self.board, "title": f"{self.metric.name} item by item"}


def map_path(board: Board, metric: PublishedMetric) -> str:
    """Where the map of a metric lies."""
    return f"maps/{stem(board.suite.label)}/{stem(metric.label)}.html"


def maps(board: Board, submissions: Sequence[Submission]) -> Iterator[Map]:
    """The maps of all metrics of single videos that have a direction and any difference."""
    reference = reference_of(board)
    if reference is None:
        return
    mine = {s.variant.label: s for s in submissions if s.suite.label == board.suite.label}
    others = [row.variant for row in board.ranked if row.variant != reference]
    for metric in board.metrics:
        if metric.scope == "set" or metric.better == "none" or not has_column(mine[reference.label], metric):
            continue
        base = item_scores(mine[reference.label], metric)
        values = {v.label: item_scores(mine[v.label], metric) for v in others if has_column(mine[v.label], metric)}
        shown = [v for v in others if v.label in values]
        found = {label: {i: row[i] - base[i] for i in row if i in base} for label, row in values.items()}
        squared = [d * d for row in found.values() for d in row.values()]
        if squared and any(squared):
            sd = sqrt(fmean(squared))
            rows = _rows(board, metric, [found[v.label] for v in shown], sd)
            yield Map(board, metric, reference, tuple(shown), rows, sd)


def _rows(
    board: Board, metric: PublishedMetric, columns: Sequence[Mapping[str, float]], sd: float
) -> tuple[MapRow, ...]:
    """Rows by tag, then by how much the variants differ on the item."""
    sign = 1.0 if metric.better == "higher" else -1.0

    def square(column: Mapping[str, float], slug: str) -> Square:
        if slug not in column:
            return Square(None, 0)
        sds = column[slug] / sd
        return Square(sds, round(max(-1.0, min(1.0, sign * sds / CLIP)) * STEPS))

    rows = [
        MapRow(item, tuple(square(column, item.slug) for column in columns))
        for item in board.suite.items
        if any(item.slug in column for column in columns)
    ]
    return tuple(sorted(rows, key=lambda row: (row.tag, -_spread(row), row.item.slug)))


def _spread(row: MapRow) -> float:
    known = [abs(square.sds) for square in row.squares if square.sds is not None]
    return max(known)
