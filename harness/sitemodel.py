"""Published result files -> SiteModel: everything the pages say, as frozen records. No HTML, no media, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

from harness import calibration_data
from harness.calibration import Calibration, Experiment, MetricResponses, analyse
from harness.errors import Refused
from harness.model import Item, Score, Suite
from harness.replication import LEVELS, level_of
from harness.set_detail import SetDetail
from harness.site_board import Board, BoardRow, Cell, build_board, has_column
from harness.site_docs import MetricDoc, metric_docs
from harness.site_text import instant
from harness.submission import PublishedMetric, PublishedRow, PublishedVariant, Submission
from harness.validate import Report
from harness.validate_together import validate_all


@dataclass(frozen=True)
class Refusal:
    """A file that is not on the site, and why."""

    file: str
    why: str


@dataclass(frozen=True)
class Source:
    """A published file that is shown, with what validation remarks about it, and its level (`harness.replication`)."""

    submission: Submission
    warnings: tuple[str, ...] = ()
    level: str = LEVELS[0]


@dataclass(frozen=True)
class ScoreView:
    """A video's score under one column; ``score`` is None when the submission does not have that column."""

    metric: PublishedMetric
    score: Score | None


@dataclass(frozen=True)
class VideoView:
    """One video as a card: whose, of what, and its scores in column order."""

    suite: Suite
    variant: PublishedVariant
    item: Item
    row: PublishedRow
    scores: tuple[ScoreView, ...]

    @property
    def anchor(self) -> str:
        """The fragment that names this video on its variant's page."""
        return f"{self.item.slug}-s{self.row.seed}"


@dataclass(frozen=True)
class Profile:
    """A metric per temporal part of the clip: the mean over the videos that have it, or the distance of those parts."""

    metric: PublishedMetric
    values: tuple[float | None, ...]


@dataclass(frozen=True)
class Entry:
    """One variant on one suite. ``videos`` are worst first on ``sorted_by``."""

    board: Board
    row: BoardRow
    submission: Submission
    warnings: tuple[str, ...]
    videos: tuple[VideoView, ...]
    sorted_by: PublishedMetric | None
    profiles: tuple[Profile, ...]


@dataclass(frozen=True)
class VariantPage:
    """One variant, on every suite where it has results."""

    variant: PublishedVariant
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class ItemPage:
    """All videos of one item in board order. ``absent`` names the variants that have none."""

    board: Board
    item: Item
    videos: tuple[VideoView, ...]
    absent: tuple[PublishedVariant, ...]
    previous: Item | None
    following: Item | None


@dataclass(frozen=True)
class MetricPage:
    """``doc`` is None when the installed metrics do not define this version.

    ``calibrations`` are the suites on which it was put to graded faults, and its responses there.
    """

    metric: PublishedMetric
    doc: MetricDoc | None
    tables: tuple[tuple[Board, tuple[tuple[BoardRow, Cell], ...]], ...]
    calibrations: tuple[tuple[Calibration, MetricResponses], ...] = ()


@dataclass(frozen=True)
class SiteModel:
    """``boards[0]`` is the default suite's. ``updated`` is the newest submission's time, as the file gives it."""

    boards: tuple[Board, ...]
    variants: tuple[VariantPage, ...]
    items: tuple[ItemPage, ...]
    metrics: tuple[MetricPage, ...]
    updated: str
    submissions: tuple[Submission, ...]

    def board(self, suite: str) -> Board:
        """The board of the suite with this label."""
        return next(board for board in self.boards if board.suite.label == suite)


def load_site(paths: Iterable[Path]) -> tuple[SiteModel, tuple[Refusal, ...]]:
    """Read published files and build the site; a file that is refused is reported and left out.

    Raises:
        Refused: E-PUBLISH, no file is left.
    """
    kept: dict[tuple[str, str], Source] = {}
    refused: list[Refusal] = []
    calibrations: list[Experiment] = []
    for report in validate_all(sorted(paths)):
        path, submission = report.path, report.submission
        if not report.accepted:
            refused.append(Refusal(path.name, _why(report)))
        elif submission is None:
            calibrations.append(calibration_data.read(path).experiment)
        else:
            warnings = tuple(f"{p.pointer} {p.message}".strip() for p in report.problems)
            place = submission.suite.label, submission.variant.label
            kept[place] = Source(submission, warnings, level_of(path, submission))
    if not kept:
        why = "\n".join(f"{r.file}: {r.why}" for r in refused)
        fix = "harness export writes published files, harness validate checks them"
        raise Refused("E-PUBLISH", "There is nothing to publish.", why=why or "no published file was given", fix=fix)
    # Where a file lies must not show in the site.
    return build_site([kept[place] for place in sorted(kept)], metric_docs(), calibrations), tuple(refused)


def build_site(
    sources: Sequence[Source], docs: Mapping[str, MetricDoc], calibrations: Iterable[Experiment] = ()
) -> SiteModel:
    """The model of the whole site. ``sources``: at least one, no two of one variant on one suite."""
    found = tuple(c for experiment in calibrations if (c := analyse(experiment)) is not None)
    sources = [replace(s, submission=_with_profiles(s.submission, docs)) for s in sources]
    suites: dict[str, list[Source]] = {}
    for source in sources:
        suites.setdefault(source.submission.suite.label, []).append(source)
    boards = _retire([_board(group) for group in suites.values()])
    entries = [_entry(board, row, suites[board.suite.label]) for board in boards for row in board.rows]
    return SiteModel(
        boards,
        _variant_pages(entries),
        tuple(page for board in boards for page in _item_pages(board, entries)),
        _metric_pages(boards, docs, found),
        max((board.updated for board in boards), key=instant),
        tuple(source.submission for source in sources),
    )


def _with_profiles(submission: Submission, docs: Mapping[str, MetricDoc]) -> Submission:
    """The submission with what profiles are: files that were exported before metrics said so have it from these."""
    nothing = MetricDoc((), ())

    def told(metric: PublishedMetric) -> PublishedMetric:
        doc = docs.get(metric.label, nothing)
        return metric if metric.profile else replace(metric, profile=doc.profile, profile_unit=doc.profile_unit)

    return replace(submission, metrics=tuple(map(told, submission.metrics)))


def _board(sources: Sequence[Source]) -> Board:
    """The board of one suite's results."""
    from harness.site_ranks import board_ranks  # numpy, which a reader of one file does not need

    submissions = [source.submission for source in sources]
    board = build_board(submissions[0].suite, submissions)
    levels = {source.submission.variant.label: source.level for source in sources}
    return replace(board, ranks=board_ranks(board, submissions), levels=levels)


def headline(board: Board) -> PublishedMetric | None:
    """The column that orders videos worst first: the first per-video metric with a direction."""
    return next((m for m in board.metrics if m.scope == "video" and m.better != "none"), None)


def _why(report: Report) -> str:
    """Why a file cannot be shown."""
    return "; ".join(f"{p.pointer} {p.message}".strip() for p in report.problems if p.severity == "error")


def _retire(boards: Iterable[Board]) -> tuple[Board, ...]:
    """Newest versions first, then by how many rows compete; an older version names the one that replaced it."""
    newest: dict[str, Suite] = {}
    for board in boards:
        held = newest.get(board.suite.name)
        newest[board.suite.name] = max(held or board.suite, board.suite, key=lambda s: s.version)
    marked = [
        replace(board, retired_by="" if newest[board.suite.name] == board.suite else newest[board.suite.name].label)
        for board in boards
    ]
    return tuple(sorted(marked, key=lambda b: (b.retired_by != "", -len(b.ranked), b.suite.name, -b.suite.version)))


def _entry(board: Board, row: BoardRow, sources: Iterable[Source]) -> Entry:
    source = next(s for s in sources if s.submission.variant.label == row.variant.label)
    submission = source.submission
    items = {item.slug: item for item in board.suite.items}
    videos = [_video_view(board, submission, items[r.item], r) for r in submission.rows]
    metric = headline(board)
    if metric is not None:
        videos.sort(key=lambda v: _badness(v, metric))
    profiles = tuple(p for m in board.metrics if (p := _profile(submission, m)) is not None)
    return Entry(board, row, submission, source.warnings, tuple(videos), metric, profiles)


def _video_view(board: Board, submission: Submission, item: Item, row: PublishedRow) -> VideoView:
    scores = tuple(
        ScoreView(metric, row.scores.get(metric.label) if has_column(submission, metric) else None)
        for metric in board.metrics
        if metric.scope == "video"
    )
    return VideoView(board.suite, submission.variant, item, row, scores)


def _badness(view: VideoView, metric: PublishedMetric) -> tuple[bool, float, str, int]:
    """Sort key: worst value first, videos without a value last."""
    score = next(s.score for s in view.scores if s.metric == metric)
    value = score.value if score is not None else None
    signed = 0.0 if value is None else (value if metric.better == "higher" else -value)
    return value is None, signed, view.item.slug, view.row.seed


def _profile(submission: Submission, metric: PublishedMetric) -> Profile | None:
    if not has_column(submission, metric):
        return None
    if metric.scope == "set":
        told = (SetDetail.read(s.detail).windows for s in submission.set_scores if s.metric == metric.label)
        windows = next(told, ())
        return Profile(metric, windows) if any(v is not None for v in windows) else None
    profiles = [row.scores[metric.label].profile for row in submission.rows if metric.label in row.scores]
    length = max((len(p) for p in profiles), default=0)
    eighths = [[p[i] for p in profiles if len(p) == length] for i in range(length)]
    found = [[v for v in values if v is not None] for values in eighths]
    means = tuple(fmean(values) if values else None for values in found)
    return Profile(metric, means) if any(v is not None for v in means) else None


def _variant_pages(entries: Iterable[Entry]) -> tuple[VariantPage, ...]:
    pages: dict[str, list[Entry]] = {}
    for entry in entries:
        pages.setdefault(entry.row.variant.label, []).append(entry)
    return tuple(VariantPage(group[0].row.variant, tuple(group)) for group in pages.values())


def _item_pages(board: Board, entries: Iterable[Entry]) -> Iterable[ItemPage]:
    mine = [entry for entry in entries if entry.board == board]
    by_item: dict[str, list[VideoView]] = {}
    for entry in mine:
        for view in sorted(entry.videos, key=lambda v: v.row.seed):
            by_item.setdefault(view.item.slug, []).append(view)
    items = [item for item in board.suite.items if item.slug in by_item]
    for index, item in enumerate(items):
        present = {view.variant.label for view in by_item[item.slug]}
        yield ItemPage(
            board,
            item,
            tuple(by_item[item.slug]),
            tuple(row.variant for row in board.rows if row.variant.label not in present),
            items[index - 1] if index else None,
            items[index + 1] if index + 1 < len(items) else None,
        )


def _metric_pages(
    boards: Iterable[Board], docs: Mapping[str, MetricDoc], calibrations: Sequence[Calibration]
) -> tuple[MetricPage, ...]:
    tables: dict[str, list[tuple[Board, tuple[tuple[BoardRow, Cell], ...]]]] = {}
    metrics: dict[str, PublishedMetric] = {}
    for board in boards:
        for metric in board.metrics:
            metrics.setdefault(metric.label, metric)
            tables.setdefault(metric.label, []).append((board, tuple((row, row.cell(metric)) for row in board.rows)))
    return tuple(
        MetricPage(m, docs.get(label), tuple(tables[label]), _responses(m, calibrations))
        for label, m in metrics.items()
    )


def _responses(
    metric: PublishedMetric, calibrations: Sequence[Calibration]
) -> tuple[tuple[Calibration, MetricResponses], ...]:
    """Where exactly this metric, the same label and key, was calibrated with a result."""
    return tuple(
        (calibration, responses)
        for calibration in calibrations
        for responses in calibration.metrics
        if (responses.label, responses.key) == (metric.label, metric.key)
        and any(point.mean is not None for response in responses.responses for point in response.points)
    )
