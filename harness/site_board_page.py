"""What the pages of a board are given: the board, its sorted copies, quality against cost, one item to look at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.figures_scatter import Dot, Scatter, scatter
from harness.site_board import Board, BoardRow
from harness.site_marks import estimate, markers
from harness.site_media import SiteMedia
from harness.site_order import Order, costs, orders
from harness.site_words import findings
from harness.sitemodel import SiteModel
from harness.submission import PublishedMetric

EXAMPLE_ROLES = ("method", "ablation", "baseline")


def board_context(model: SiteModel, board: Board, media: SiteMedia) -> dict[str, Any]:
    """What the board's own page is given."""
    example = next((page for page in model.items if page.board == board), None)
    strips = [v for v in (example.videos if example else ()) if v.variant.role in EXAMPLE_ROLES and media.preview(v)]
    return {
        **_table(board),
        "order": None,
        "plots": list(_plots(board)),
        "example": example if strips else None,
        "example_videos": strips,
        "said": findings(strips, "of these"),
        "title": board.suite.label,
    }


def sorted_contexts(board: Board) -> Iterator[tuple[Order, dict[str, Any]]]:
    """What the pages are given that show the board in another order."""
    shared = _table(board)
    for order in orders(board):
        yield order, {**shared, "order": order, "title": f"{board.suite.label} by {order.title}"}


def _table(board: Board) -> dict[str, Any]:
    return {"board": board, "mark": markers(board), "costs": costs(board)}


def _plots(board: Board) -> Iterator[tuple[PublishedMetric, Scatter]]:
    """Time against every headline column with a direction, where two rows or more have both."""
    for metric in board.headline:
        dots = [dot for row in board.ranked if (dot := _dot(row, metric)) is not None]
        if metric.better != "none" and len(dots) > 1:
            yield metric, scatter(dots, metric.better)


def _dot(row: BoardRow, metric: PublishedMetric) -> Dot | None:
    found = estimate(row.cell(metric))
    if found is None or not row.seconds or row.cell(metric).odd:
        return None
    return Dot(row.variant.name, row.variant.role, row.seconds, found)
