"""Where numbers of a board lie on scales: one scale a column, spanned by the rows that compete."""

from __future__ import annotations

from collections.abc import Callable

from harness import figures
from harness.site_board import Board, Cell
from harness.submission import PublishedMetric


def estimate(cell: Cell) -> figures.Estimate | None:
    """A cell as a figure shows it: the value, and the ends of its interval or of one standard error."""
    if cell.value is None:
        return None
    if cell.low is None and cell.stderr is not None:
        return cell.value, cell.value - cell.stderr, cell.value + cell.stderr
    return cell.value, cell.low, cell.high


def column_scale(board: Board, metric: PublishedMetric, width: float = figures.WHISKER_WIDTH) -> figures.Scale | None:
    """The scale of a column: it spans the competing rows, so that no control squeezes them together."""
    rows = board.ranked or board.controls
    found = [e for row in rows if (e := estimate(row.cell(metric))) is not None]
    limits = figures.span(found)
    return figures.whisker_scale(limits, width) if limits else None


def place(cell: Cell, scale: figures.Scale | None) -> figures.Mark | None:
    """The mark of a cell on its column's scale."""
    found = estimate(cell)
    return figures.mark(found, scale) if scale and found else None


def markers(board: Board) -> Callable[[Cell], figures.Mark | None]:
    """What gives the mark of any cell of the board."""
    scales = {metric.label: column_scale(board, metric) for metric in board.metrics}
    return lambda cell: place(cell, scales[cell.metric.label])
