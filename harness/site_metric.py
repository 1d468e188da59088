"""What a metric's page is given: its rows on one scale, what it gives for videos with a known fault, what it sees."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from harness import figures
from harness.calibration import (
    MIN_EFFECT,
    MIN_RELATIVE,
    MIN_RHO,
    Calibration,
    MetricResponses,
    Response,
    Step,
)
from harness.site_board import Board, BoardRow, Cell
from harness.site_marks import column_scale, place
from harness.site_text import number
from harness.sitemodel import MetricPage, SiteModel, VideoView

PLOT_WIDTH = 320.0
VERDICTS = {
    **{"sees": "sees it", "ignores": "ignores it", "reversed": "rewards it"},
    **{"uneven": "answers unevenly", "undefined": "has no value"},
}

BLIND = ("reversed", "ignores")
RULE = {"rho": MIN_RHO, "effect": MIN_EFFECT, "relative": MIN_RELATIVE}


@dataclass(frozen=True)
class Answer:
    """What a metric does under one fault: the response, the fault's rows, its figure, and both in words."""

    response: Response
    rows: tuple[Step, ...]
    curve: figures.Curve
    verdict: str
    means: tuple[str, ...]

    @property
    def about(self) -> str:
        """What the fault is, without its strength."""
        return self.rows[0].summary.partition(":")[0]


@dataclass(frozen=True)
class Card:
    """What a metric sees on one suite of clips with graded faults."""

    calibration: Calibration
    answers: tuple[Answer, ...]

    @property
    def blind(self) -> list[str]:
        """The faults that the metric is seen to reward or not to see here, by name."""
        return [f"{a.response.kind} ({a.verdict})" for a in self.answers if a.response.verdict in BLIND]

    @property
    def reach(self) -> tuple[float, float] | None:
        """The values at the foot and at the head of every plot, which all share one scale."""
        points = (point for answer in self.answers for point in answer.response.points)
        return figures.span([(p.mean, p.low, p.high) for p in points if p.mean is not None])


@dataclass(frozen=True)
class Golden:
    """What a metric gives for a control, whose videos anybody can predict; ``example`` is one to look at."""

    board: Board
    row: BoardRow
    cell: Cell
    example: VideoView | None


def metric_context(model: SiteModel, page: MetricPage) -> dict[str, Any]:
    """What the template of a metric's page is given."""
    tables = []
    for board, rows in page.tables:
        scale = column_scale(board, page.metric, PLOT_WIDTH)
        drawn = [(row, cell, place(cell, scale)) for row, cell in rows]
        tables.append((board, drawn, figures.ticks(scale) if scale else ()))
    return {
        "page": page,
        "tables": tables,
        "plot_width": PLOT_WIDTH,
        "cards": [Card(calibration, _answers(calibration, found)) for calibration, found in page.calibrations],
        "golden": list(_golden(model, page)),
        "rule": RULE,
        "title": page.metric.label,
    }


def _golden(model: SiteModel, page: MetricPage) -> Iterator[Golden]:
    for board, rows in page.tables:
        pages = [item for item in model.items if item.board == board]
        for row, cell in rows:
            if row.variant.role == "control":
                videos = (v for p in pages for v in p.videos if v.variant.label == row.variant.label)
                yield Golden(board, row, cell, next(videos, None))


def _answers(calibration: Calibration, metric: MetricResponses) -> tuple[Answer, ...]:
    series = [
        [None if p.mean is None else (p.mean, p.low, p.high) for p in response.points] for response in metric.responses
    ]
    return tuple(
        Answer(response, calibration.faults[response.kind], curve, VERDICTS[response.verdict], _steps(response))
        for response, curve in zip(metric.responses, figures.curves(series), strict=True)
    )


def _steps(response: Response) -> tuple[str, ...]:
    """The means as text, to four digits."""
    return tuple("none" if p.mean is None else number(p.mean) for p in response.points)
