"""What an item's page is given: its videos seed by seed, and their scores over the length of the clip as curves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.figures_lines import Courses, constant, courses
from harness.site_board import Board
from harness.site_media import SiteMedia
from harness.site_words import Key, findings
from harness.sitemodel import ItemPage, SiteModel, VideoView
from harness.submission import PublishedMetric

SLOTS = 16  # of curves: eight colours, then the same with dashes; controls are grey, which is slot 0

Parts = tuple[tuple[VideoView, tuple[float | None, ...]], ...]


@dataclass(frozen=True)
class Curves:
    """One metric over the clip: the plot, and the same numbers for text as (view, values)."""

    metric: PublishedMetric
    plot: Courses
    values: Parts


@dataclass(frozen=True)
class Take:
    """All videos of one item and seed; ``shown`` are those that can be watched.

    ``level`` are the metrics that have one value in every part of every video, with that value, instead of curves.
    """

    seed: int
    videos: tuple[VideoView, ...]
    shown: tuple[VideoView, ...]
    curves: tuple[Curves, ...]
    level: tuple[tuple[PublishedMetric, float], ...]
    slots: dict[str, int]
    said: Mapping[Key, str]


def item_context(page: ItemPage, media: SiteMedia) -> dict[str, Any]:
    """What the template of an item's page is given."""
    seeds = sorted({view.row.seed for view in page.videos})
    return {
        "page": page,
        "takes": [_take([v for v in page.videos if v.row.seed == seed], seed, media) for seed in seeds],
        "title": f"{page.item.slug} on {page.board.suite.label}",
    }


def items_context(model: SiteModel, board: Board) -> dict[str, Any]:
    """What the list of items is given."""
    mine = [page for page in model.items if page.board == board]
    return {"board": board, "pages": mine, "title": f"Items of {board.suite.label}"}


def _take(videos: Sequence[VideoView], seed: int, media: SiteMedia) -> Take:
    slots = _slots(videos)
    shown = tuple(view for view in videos if media.preview(view))
    metrics = [s.metric for s in videos[0].scores]
    parts = {metric: _parts(videos, metric) for metric in metrics}
    level = tuple((m, one) for m, found in parts.items() if (one := constant(_named(found))) is not None)
    flat = {metric for metric, _ in level}
    curves = [c for m, found in parts.items() if m not in flat and (c := _curves(found, m, slots)) is not None]
    said = findings(videos, "of the rows that compete")
    return Take(seed, tuple(videos), shown, tuple(curves), level, slots, said)


def _slots(videos: Iterable[VideoView]) -> dict[str, int]:
    """A colour and dash for every variant that competes, in the order of the board; a seventeenth repeats the first."""
    competing = [view.variant.label for view in videos if view.variant.role != "control"]
    numbered = {label: index % SLOTS + 1 for index, label in enumerate(competing)}
    return {view.variant.label: numbered.get(view.variant.label, 0) for view in videos}


def _parts(videos: Sequence[VideoView], metric: PublishedMetric) -> Parts:
    """The profiles of the videos that have one."""
    found = []
    for view in videos:
        score = next(s.score for s in view.scores if s.metric == metric)
        if score is not None and any(v is not None for v in score.profile):
            found.append((view, score.profile))
    return tuple(found)


def _named(parts: Parts) -> dict[str, tuple[float | None, ...]]:
    return {view.variant.label: values for view, values in parts}


def _curves(parts: Parts, metric: PublishedMetric, slots: dict[str, int]) -> Curves | None:
    plot = courses(_named(parts), slots)
    return None if plot is None else Curves(metric, plot, parts)
