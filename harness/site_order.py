"""The orders that a board can stand in: by any column, cost columns among them, each a page of its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.model import Direction
from harness.site_board import Board, BoardRow
from harness.site_text import stem
from harness.submission import PublishedMetric


@dataclass(frozen=True)
class Cost:
    """A column that says what a variant costs; ``key`` names it in addresses."""

    key: str
    title: str
    unit: str
    about: str

    def value(self, row: BoardRow) -> float | None:
        """The cost of one row, None where it is not known."""
        values = {"seconds": row.seconds, "memory": row.memory, "parameters": row.variant.trainable_parameters}
        return values[self.key]


COSTS = (
    Cost("seconds", "time", "median seconds a video", "median time to make one video, on the machine of each run"),
    Cost("memory", "memory", "bytes a video", "most GPU memory that was allocated at once while a video was made"),
    Cost("parameters", "trainable", "parameters", "how many parameters post-tuning could change"),
)


@dataclass(frozen=True)
class Order:
    """A board sorted by one column, best first; rows without a value last, controls apart."""

    key: str
    title: str
    better: Direction
    rows: tuple[BoardRow, ...]
    controls: tuple[BoardRow, ...]

    @property
    def way(self) -> str:
        """What ``aria-sort`` says of the column."""
        return "descending" if self.better == "higher" else "ascending"


def costs(board: Board) -> tuple[Cost, ...]:
    """The cost columns that any row has a value for."""
    return tuple(cost for cost in COSTS if any(cost.value(row) is not None for row in board.rows))


def orders(board: Board) -> Iterable[Order]:
    """Every order of a board, by column from left to right."""
    for metric in board.metrics:
        rows, controls = ([*_by_metric(part, metric)] for part in (board.ranked, board.controls))
        yield Order(stem(metric.label), metric.label, metric.better, tuple(rows), tuple(controls))
    for cost in costs(board):
        rows, controls = ([*_by_cost(part, cost)] for part in (board.ranked, board.controls))
        yield Order(cost.key, f"{cost.title}, {cost.unit}", "lower", tuple(rows), tuple(controls))


def order_path(board: Board, key: str) -> str:
    """Where the page of an order lies; the empty key is the board's own."""
    return f"suites/{stem(board.suite.label)}{'.by-' + key if key else ''}.html"


def _by_metric(rows: Iterable[BoardRow], metric: PublishedMetric) -> list[BoardRow]:
    sign = -1.0 if metric.better == "higher" else 1.0

    def place(row: BoardRow) -> tuple[bool, float]:
        cell = row.cell(metric)  # a set value over another number of items does not compare: it stands with the absent
        return _place(None if cell.odd else cell.value, sign)

    return sorted(rows, key=place)


def _by_cost(rows: Iterable[BoardRow], cost: Cost) -> list[BoardRow]:
    return sorted(rows, key=lambda row: _place(cost.value(row), 1.0))


def _place(value: float | None, sign: float) -> tuple[bool, float]:
    return value is None, 0.0 if value is None else sign * value
