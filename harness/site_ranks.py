"""Ranks of a board's rows, column by column, from the same items and by the same tests as the terminal's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from harness.ranks import Rank, rank
from harness.site_board import Board, has_column, item_scores
from harness.submission import PublishedMetric, Submission

Ranks = Mapping[str, Mapping[str, Rank]]  # by metric's label, then by variant's


def board_ranks(board: Board, submissions: Iterable[Submission]) -> Ranks:
    """The ranks of the rows that compete; a column without any is not there.

    Metrics of a set have none, as in the terminal.
    """
    if board.smoke:
        return {}
    competing = [s for s in submissions if s.suite.key == board.suite.key and s.variant.role != "control"]
    total = len({row.item for submission in competing for row in submission.rows})
    found = {metric.label: _ranks(metric, competing, total) for metric in board.metrics if metric.scope == "video"}
    return {label: ranks for label, ranks in found.items() if ranks}


def _ranks(metric: PublishedMetric, competing: Iterable[Submission], total: int) -> dict[str, Rank]:
    values = {s.variant.label: item_scores(s, metric) for s in competing if has_column(s, metric)}
    return rank(values, metric.better, total)
