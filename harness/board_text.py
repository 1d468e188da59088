"""A board as Markdown or LaTeX, for a pull request or a paper: the headline columns with their intervals."""

from __future__ import annotations

from collections.abc import Sequence

from harness.site_board import Board, BoardRow, Cell
from harness.site_text import half_width, number
from harness.submission import PublishedMetric
from harness.table_text import latex, markdown, with_arrow


def as_markdown(board: Board, *, every: bool = False) -> str:
    """A pipe table under a line that says what it is; ``every`` adds the columns that are no headline."""
    return f"{title(board)}\n\n{markdown(*_table(board, every))}\n\n{note(board)}\n"


def as_latex(board: Board, *, every: bool = False) -> str:
    """A ``table`` with the rules of ``booktabs``."""
    return latex(*_table(board, every), f"{title(board)} {note(board)}") + "\n"


def title(board: Board) -> str:
    """Suite, protocol and date."""
    shape = board.suite.protocol
    return (
        f"{board.suite.label}: {board.shared_items} items, {len(board.suite.seeds)} seed"
        f"{'s' * (len(board.suite.seeds) != 1)}, {shape.num_frames} frames of {shape.width}×{shape.height}, "
        f"{board.updated[:10]}."
    )


def note(board: Board) -> str:
    """How to read the cells."""
    smoke = " Too few items for an order of the rows to mean anything." if board.smoke else ""
    return f"Mean over items ± half-width of its 95 % interval; controls last.{smoke}"


def _table(board: Board, every: bool) -> tuple[list[str], list[list[str]]]:
    metrics = board.metrics if every else board.headline
    headers = ["variant", *(with_arrow(m.label, m.better) for m in metrics), "s/video", "items"]
    return headers, [_line(row, metrics) for row in board.rows]


def _line(row: BoardRow, metrics: Sequence[PublishedMetric]) -> list[str]:
    cells = [_cell(row.cell(metric), row.items) for metric in metrics]
    seconds = "-" if row.seconds is None else number(row.seconds, row.seconds / 10 or None)
    return [row.variant.label, *cells, seconds, str(row.items)]


def _cell(cell: Cell, items: int) -> str:
    if cell.value is None:
        return cell.absent
    text = number(cell.value, cell.room)
    if cell.half is not None:
        text += f" ± {half_width(cell.half)}"
    elif cell.low is not None and cell.high is not None:
        text += f" [{number(cell.low, cell.room)}, {number(cell.high, cell.room)}]"
    return text if cell.n == items else f"{text} ({cell.n}/{cell.total})"
