"""Which pages there are, and what each template is given. Everything is computed here; templates only format."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from harness import figures
from harness.calibration import Calibration, MetricResponses, Response, Step
from harness.media import Preview
from harness.model import Suite
from harness.site_ablation import ablation_path, ablation_views
from harness.site_ablation import context as context_of
from harness.site_board import RANK_MINIMUM, Board, BoardRow, Cell
from harness.site_text import facts, number, stem
from harness.sitemodel import Entry, ItemPage, MetricPage, Profile, SiteModel, VideoView
from harness.submission import PublishedMetric

PLOT_WIDTH = 320.0
EXAMPLE_ROLES = ("method", "ablation", "baseline")
VERDICTS = {
    **{"sees": "sees it", "ignores": "ignores it", "reversed": "rewards it"},
    **{"uneven": "answers unevenly", "undefined": "has no value"},
}
ARROWS = {"higher": "↑", "lower": "↓", "none": ""}
DIRECTIONS = {"higher": "higher is better", "lower": "lower is better", "none": "descriptive, no better direction"}


@dataclass(frozen=True)
class Page:
    """A page to be written at ``path`` (relative to the site) from ``template``."""

    path: str
    template: str
    context: Mapping[str, Any]

    @property
    def root(self) -> str:
        """The way from the page up to the site's top folder."""
        return "../" * self.path.count("/")


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


@dataclass(frozen=True)
class SiteMedia:
    """The media of a site: previews by sha256 of the master, conditioning images by suite and item.

    ``wanted`` is False for a site that is published without media. ``credited`` names author and licence of the images
    whose licence asks for it.
    """

    wanted: bool
    previews: Mapping[str, Preview]
    pictures: Mapping[tuple[str, str], str]
    credited: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def preview(self, view: VideoView) -> Preview | None:
        """The media of a video, None when there are none."""
        return self.previews.get(view.row.video)

    def picture(self, suite: Suite, slug: str) -> str | None:
        """The path of an item's conditioning image, None when it is not at hand."""
        return self.pictures.get((suite.label, slug))

    def credit(self, suite: Suite, slug: str) -> str:
        """Author and licence of an item's conditioning image, empty where none need be named."""
        return self.credited.get((suite.label, slug), "")


def pages(model: SiteModel, media: SiteMedia) -> Iterable[Page]:
    """Every page of the site, in the order they are written."""
    views = {board.suite.label: found for board in model.boards if (found := ablation_views(board, model.submissions))}
    ablations = {label: ablation_path(model.board(label)) for label in views}
    shared = {"model": model, "media": media, "rank_minimum": RANK_MINIMUM, "ablations": ablations}
    for board in model.boards:
        context = {**shared, **_board_context(model, board, media), "title": board.suite.label}
        yield Page(f"suites/{stem(board.suite.label)}.html", "board.html", context)
        yield Page(
            f"items/{stem(board.suite.label)}/index.html", "items.html", {**shared, **_items_context(model, board)}
        )
    default = model.boards[0]
    context = {**shared, **_board_context(model, default, media), "title": ""}
    yield Page("index.html", "board.html", context)
    for variant in model.variants:
        entries = [_entry_context(entry, media) for entry in variant.entries]
        context = {**shared, "page": variant, "entries": entries, "title": variant.variant.label}
        yield Page(f"variants/{stem(variant.variant.label)}.html", "variant.html", context)
    for item in model.items:
        context = {**shared, **_item_context(item), "title": f"{item.item.slug} on {item.board.suite.label}"}
        yield Page(f"items/{stem(item.board.suite.label)}/{item.item.slug}.html", "item.html", context)
    for metric in model.metrics:
        context = {**shared, **_metric_context(metric), "title": metric.metric.label}
        yield Page(f"metrics/{stem(metric.metric.label)}.html", "metric.html", context)
    for label, found in views.items():
        yield Page(ablations[label], "ablation.html", {**shared, **context_of(model.board(label), found)})
    yield Page("method.html", "method.html", {**shared, "title": "Method", "board": default})


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


def _markers(board: Board, width: float = figures.WHISKER_WIDTH) -> Callable[[Cell], figures.Mark | None]:
    scales = {metric.label: column_scale(board, metric, width) for metric in board.metrics}

    def mark(cell: Cell) -> figures.Mark | None:
        scale, found = scales[cell.metric.label], estimate(cell)
        return figures.mark(found, scale) if scale and found else None

    return mark


def _board_context(model: SiteModel, board: Board, media: SiteMedia) -> dict[str, Any]:
    example = next((page for page in model.items if page.board == board), None)
    strips = [v for v in (example.videos if example else ()) if v.variant.role in EXAMPLE_ROLES]
    return {
        "board": board,
        "mark": _markers(board),
        "cost": _cost_figure(board),
        "example": example if any(media.preview(v) for v in strips) else None,
        "example_videos": [v for v in strips if media.preview(v)],
    }


def _cost_figure(board: Board) -> tuple[PublishedMetric, figures.Scatter] | None:
    """Time against the first column with a direction, for the rows that compete; None below two of them."""
    metric = next((m for m in board.metrics if m.better != "none"), None)
    if metric is None:
        return None
    points = [p for row in board.ranked if (p := _cost_point(row, metric)) is not None]
    return (metric, figures.scatter(points)) if len(points) > 1 else None


def _cost_point(row: BoardRow, metric: PublishedMetric) -> tuple[str, str, float, figures.Estimate] | None:
    found = estimate(row.cell(metric))
    if found is None or not row.seconds:
        return None
    return row.variant.name, row.variant.role, row.seconds, found


def _entry_context(entry: Entry, media: SiteMedia) -> dict[str, Any]:
    shown = [view for view in entry.videos if media.preview(view)]
    return {
        "shown": shown,
        "missing": len(entry.videos) - len(shown),
        "entry": entry,
        "mark": _markers(entry.board),
        "per_video": [m for m in entry.board.metrics if m.scope == "video"],
        "profiles": _by_parts(entry.profiles),
        "run": facts(asdict(entry.submission.run)),
    }


def _by_parts(profiles: Iterable[Profile]) -> list[tuple[int, list[tuple[Profile, tuple[tuple[float, float], ...]]]]]:
    """Profiles with their lines, together with those that cut the clip into as many parts; finest first."""
    tables: dict[int, list[tuple[Profile, tuple[tuple[float, float], ...]]]] = {}
    for profile in profiles:
        tables.setdefault(len(profile.values), []).append((profile, figures.line(profile.values)))
    return sorted(tables.items(), reverse=True)


def _items_context(model: SiteModel, board: Board) -> dict[str, Any]:
    mine = [page for page in model.items if page.board == board]
    return {"board": board, "pages": mine, "title": f"Items of {board.suite.label}"}


def _item_context(page: ItemPage) -> dict[str, Any]:
    seeds = sorted({view.row.seed for view in page.videos})
    return {
        "page": page,
        "seeds": [(seed, [v for v in page.videos if v.row.seed == seed]) for seed in seeds],
        "per_video": [m for m in page.board.metrics if m.scope == "video"],
    }


def _metric_context(page: MetricPage) -> dict[str, Any]:
    tables = []
    for board, rows in page.tables:
        scale = column_scale(board, page.metric, PLOT_WIDTH)
        drawn = [(row, cell, _plot_mark(cell, scale)) for row, cell in rows]
        tables.append((board, drawn, figures.ticks(scale) if scale else ()))
    cards = [Card(calibration, _answers(calibration, found)) for calibration, found in page.calibrations]
    return {"page": page, "tables": tables, "plot_width": PLOT_WIDTH, "cards": cards}


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


def _plot_mark(cell: Cell, scale: figures.Scale | None) -> figures.Mark | None:
    found = estimate(cell)
    return figures.mark(found, scale) if scale and found else None
