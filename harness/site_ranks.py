"""Ranks of a board's rows, column by column, from the same items and by the same tests as the terminal's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from harness.published_sets import difference_of
from harness.ranks import Rank, SetResult, rank, rank_sets
from harness.set_detail import SetDetail
from harness.site_board import Board, has_column, item_scores
from harness.submission import PublishedMetric, Submission

Ranks = Mapping[str, Mapping[str, Rank]]  # by metric's label, then by variant's


def board_ranks(board: Board, submissions: Iterable[Submission]) -> Ranks:
    """The ranks of the rows that compete; a column without any is not there."""
    if board.smoke:
        return {}
    competing = [s for s in submissions if s.suite.key == board.suite.key and s.variant.role != "control"]
    total = len({row.item for submission in competing for row in submission.rows})
    kinds = {"video": _ranks, "set": _set_ranks}
    found = {metric.label: kinds[metric.scope](metric, competing, total) for metric in board.metrics}
    return {label: ranks for label, ranks in found.items() if ranks}


def _ranks(metric: PublishedMetric, competing: Sequence[Submission], total: int) -> dict[str, Rank]:
    values = {s.variant.label: item_scores(s, metric) for s in competing if has_column(s, metric)}
    return rank(values, metric.better, total)


def _set_ranks(metric: PublishedMetric, competing: Sequence[Submission], total: int) -> dict[str, Rank]:
    scores = {
        s.variant.label: score
        for s in competing
        if has_column(s, metric)
        for score in s.set_scores
        if score.metric == metric.label
    }
    if difference_of([score for score in scores.values() if score.n == total]):
        return {}  # measured against different reference sets
    results = {
        label: SetResult(score.value, SetDetail.read(score.detail).jackknife, score.n)
        for label, score in scores.items()
    }
    return rank_sets(results, metric.better, total)
