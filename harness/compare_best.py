"""The row to beat: ``harness compare A --against best``."""

from __future__ import annotations

from collections.abc import Sequence

from harness.errors import Refused
from harness.site_board import build_board
from harness.submission import Submission


def best_but(mine: Submission, others: Sequence[Submission]) -> str:
    """The label of the competing row with the best mean in the column that orders the board, ``mine`` left out.

    Of several suites of one name, the rows on ``mine``'s count; a control does not compete.

    Raises:
        Refused: E-COMPARE, nothing competes, or there are too few items for an order to mean anything.
    """
    rivals = [s for s in others if s.suite.key == mine.suite.key and s.variant.label != mine.variant.label]
    rivals = [s for s in rivals if s.variant.role != "control"]
    if not rivals:
        raise _refuse(mine, "no other row that competes has results")
    board = build_board(mine.suite, rivals)
    order = board.ordered_by
    if order is None:
        raise _refuse(mine, f"with {board.shared_items} items an order of the rows means nothing")
    sign = -1 if order.better == "higher" else 1
    cells = [(row.variant.label, row.cell(order)) for row in board.ranked]
    found = [(sign * cell.value, label) for label, cell in cells if cell.value is not None and not cell.odd]
    if not found:
        raise _refuse(mine, f"no other row has a value of {order.label}, which orders the board")
    return min(found)[1]


def _refuse(mine: Submission, why: str) -> Refused:
    return Refused(
        "E-COMPARE",
        f"There is no best row to compare {mine.variant.label} with.",
        where=mine.suite.label,
        why=why,
        fix="name the other variant: harness compare A B",
    )
