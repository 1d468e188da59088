"""The data files beside a board: what its table shows, and every score it is made from."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence

from harness.model import Score
from harness.site_board import Board, BoardRow, Cell
from harness.site_text import csv_text
from harness.submission import PublishedMetric, Submission

Value = str | int | float | None
BOARD_COLUMNS = (
    *("suite", "variant", "revision", "family", "role", "metric", "version", "better", "unit"),
    *("value", "ci_low", "ci_high", "stderr", "n", "total", "undefined", "excluded", "absent", "seconds_per_video"),
)
SCORE_COLUMNS = (
    *("suite", "variant", "revision", "item", "prompt", "seed", "metric", "version"),
    *("value", "status", "reason", "coverage", "video_sha256"),
)


def board_csv(board: Board) -> str:
    """One line per variant and metric."""
    return _csv(BOARD_COLUMNS, (_board_line(board, row, cell) for row in board.rows for cell in row.cells))


def scores_csv(board: Board, submissions: Iterable[Submission]) -> str:
    """One line per video and metric: enough to compute the board again."""
    return _csv(SCORE_COLUMNS, (line for s in submissions for line in _score_lines(board, s)))


def board_json(board: Board, submissions: Iterable[Submission]) -> str:
    """The board and the scores as JSON, the same fields as the CSV files."""
    payload = {
        "suite": board.suite.label,
        "key": board.suite.key,
        "updated": board.updated,
        "smoke_test": board.smoke,
        "board": [
            dict(zip(BOARD_COLUMNS, _board_line(board, row, cell), strict=True))
            for row in board.rows
            for cell in row.cells
        ],
        "scores": [dict(zip(SCORE_COLUMNS, line, strict=True)) for s in submissions for line in _score_lines(board, s)],
    }
    return json.dumps(payload, allow_nan=False, indent=0) + "\n"


def _board_line(board: Board, row: BoardRow, cell: Cell) -> tuple[Value, ...]:
    variant, metric = row.variant, cell.metric
    return (
        *(board.suite.label, variant.name, variant.revision, variant.family, variant.role),
        *(metric.name, metric.version, metric.better, metric.unit),
        *(cell.value, cell.low, cell.high, cell.stderr, cell.n, cell.total),
        *(cell.undefined, cell.excluded, cell.absent, row.seconds),
    )


def _score_lines(board: Board, submission: Submission) -> Iterable[tuple[Value, ...]]:
    prompts = {item.slug: item.prompt for item in board.suite.items}
    metrics: Sequence[PublishedMetric] = [m for m in submission.metrics if m.scope == "video"]
    for row in submission.rows:
        for metric in metrics:
            score = row.scores.get(metric.label)
            if score is not None:
                variant = submission.variant
                yield (
                    *(board.suite.label, variant.name, variant.revision, row.item, prompts[row.item], row.seed),
                    *(metric.name, metric.version, *_score_fields(score), row.video),
                )


def _score_fields(score: Score) -> tuple[Value, ...]:
    return score.value, score.status, score.reason, score.coverage


def _csv(columns: Sequence[str], lines: Iterable[Sequence[Value]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([csv_text(v) if isinstance(v, str) else v for v in line] for line in lines)
    return buffer.getvalue()
