"""The board of one suite: variants by role, metrics by column, each cell a mean over items with its interval.

The item is the unit: seeds of one item are averaged first, then items. A score that is undefined or excluded leaves
the mean and stays in the count, so a variant cannot gain by failing where it is hard.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import fmean
from typing import TYPE_CHECKING

from harness.columns import ordered
from harness.model import Score, Suite
from harness.set_detail import NOTHING, SetDetail
from harness.site_text import instant
from harness.submission import PublishedMetric, PublishedRun, PublishedSetScore, PublishedVariant, Submission

if TYPE_CHECKING:
    from harness.ranks import Rank

RANK_MINIMUM = 30  # items that all rows share; below this a board is a smoke test
ROUNDING = 1e-12  # of a value: a narrower interval is what arithmetic makes of equal numbers
WEAK_SHARE = 0.9  # of the videos; a mean over fewer is marked
GROUPS = (("method", "Method"), ("ablation", "Ablations"), ("baseline", "Baselines"))


@dataclass(frozen=True)
class Cell:
    """One number of the board.

    ``low`` and ``high`` bound a 95 % interval where there is one. ``n`` of ``total`` items have a value or are in the
    set. ``absent`` says in words why there is no value; ``odd`` marks a set metric over another number of items than
    the column's other rows, which its bias keeps from comparing. ``told`` is what a set score tells beside its value.
    """

    metric: PublishedMetric
    value: float | None
    low: float | None
    high: float | None
    stderr: float | None
    n: int
    total: int
    undefined: int = 0
    excluded: int = 0
    absent: str = ""
    odd: bool = False
    told: SetDetail = NOTHING

    @property
    def above(self) -> float | None:
        """The value of a set minus its noise floor, where both are of equal n."""
        return self.told.above(self.value, self.n)

    @property
    def weak(self) -> bool:
        """Whether too many units are missing for the mean to stand unmarked."""
        return self.value is not None and self.n < WEAK_SHARE * self.total

    @property
    def room(self) -> float | None:
        """The scale of the cell's uncertainty, to which its numbers are rounded; None when there is none."""
        if self.low is None or self.high is None:
            return self.stderr
        return 0.0 if self.half == 0 else (self.high - self.low) / 2

    @property
    def half(self) -> float | None:
        """Half-width of an interval that is symmetric about the value, None otherwise."""
        if self.value is None or self.low is None or self.high is None:
            return None
        below, above = self.value - self.low, self.high - self.value
        if max(below, above) <= ROUNDING * abs(self.value):
            return 0.0
        return above if abs(above - below) <= 1e-6 * (above + below) else None


@dataclass(frozen=True)
class BoardRow:
    """One variant, and the last run that contributed to it.

    ``seconds`` is the median time to make one video, ``memory`` the most bytes that one took on a GPU.
    Both are None where nothing is known of it.
    """

    variant: PublishedVariant
    cells: tuple[Cell, ...]
    items: int
    videos: int
    seconds: float | None
    run: PublishedRun
    memory: int | None = None

    @property
    def dirty(self) -> bool:
        """Whether the row was made from a working tree with changes that are in no commit."""
        return self.run.git_dirty is True

    def cell(self, metric: PublishedMetric) -> Cell:
        """The cell of one of the board's columns."""
        return self._by_label[metric.label]

    @cached_property
    def _by_label(self) -> Mapping[str, Cell]:
        return {cell.metric.label: cell for cell in self.cells}


@dataclass(frozen=True)
class Group:
    """Rows of one role, in the board's order."""

    role: str
    title: str
    rows: tuple[BoardRow, ...]


@dataclass(frozen=True)
class Board:
    """``ordered_by`` is None on a smoke test, whose rows stand in the order of their names.

    ``ranks`` has, by metric's and then by variant's label, who can be told apart, and ``levels`` by variant's label how
    a result was checked (`harness.replication.LEVELS`); both are empty until somebody asks for them.
    """

    suite: Suite
    metrics: tuple[PublishedMetric, ...]
    groups: tuple[Group, ...]
    controls: tuple[BoardRow, ...]
    shared_items: int
    smoke: bool
    ordered_by: PublishedMetric | None
    updated: str
    retired_by: str = ""
    ranks: Mapping[str, Mapping[str, Rank]] = field(default_factory=dict)
    levels: Mapping[str, str] = field(default_factory=dict)

    @property
    def headline(self) -> tuple[PublishedMetric, ...]:
        """The columns that are shown first; all of them where none is a headline."""
        return tuple(metric for metric in self.metrics if metric.headline) or self.metrics

    @property
    def others(self) -> tuple[PublishedMetric, ...]:
        """The columns that are not shown first."""
        return tuple(metric for metric in self.metrics if metric not in self.headline)

    @property
    def ranked(self) -> tuple[BoardRow, ...]:
        """Every row that competes: all but the controls."""
        return tuple(row for group in self.groups for row in group.rows)

    @property
    def rows(self) -> tuple[BoardRow, ...]:
        """All rows, controls last."""
        return self.ranked + self.controls

    @property
    def mini(self) -> bool:
        """Whether any row is of the small model, whose numbers say nothing about SVD-XT."""
        return any(row.variant.family == "mini" for row in self.rows)

    @property
    def families(self) -> frozenset[str]:
        """The models that the competing rows are of."""
        return frozenset(row.variant.family for row in self.ranked)

    @property
    def whole(self) -> bool:
        """Whether every row has a video of every item and seed."""
        videos = len(self.suite.items) * len(self.suite.seeds)
        return all((row.items, row.videos) == (len(self.suite.items), videos) for row in self.rows)

    @property
    def uneven(self) -> bool:
        """Whether rows cover different numbers of items, so that their means are over different content."""
        return len({row.items for row in self.ranked}) > 1


def build_board(suite: Suite, submissions: Sequence[Submission]) -> Board:
    """The board of ``suite`` from one submission per variant."""
    metrics = order_columns(submissions)
    competitors = [s for s in submissions if s.variant.role != "control"] or list(submissions)
    sizes = _set_sizes(competitors)
    pairs = [(s, _row(s, metrics, sizes)) for s in submissions]
    shared = len(set.intersection(*({row.item for row in s.rows} for s in competitors)))
    smoke = shared < RANK_MINIMUM
    headline = None if smoke else _headline(metrics)
    groups = tuple(
        Group(role, title, _ordered([row for s, row in pairs if s.variant.role == role], headline))
        for role, title in GROUPS
    )
    return Board(
        suite,
        metrics,
        tuple(group for group in groups if group.rows),
        _ordered([row for s, row in pairs if s.variant.role == "control"], None),
        shared,
        smoke,
        headline,
        max((s.run.finished_at or s.run.started_at for s in submissions), key=instant),
    )


def order_columns(submissions: Iterable[Submission]) -> tuple[PublishedMetric, ...]:
    """The columns of a board, in the order of `harness.columns`.

    One label has one column. Where files disagree about its key, the key that most of them share is the column's.
    """
    return tuple(ordered(_agreed(submissions)))


def item_scores(submission: Submission, metric: PublishedMetric) -> Mapping[str, float]:
    """Mean over seeds for every item with at least one value."""
    values: dict[str, list[float]] = {}
    label = metric.label
    for row in submission.rows:
        score = row.scores.get(label)
        if score is not None and score.value is not None:
            values.setdefault(row.item, []).append(score.value)
    return {item: fmean(v) for item, v in sorted(values.items())}


def has_column(submission: Submission, metric: PublishedMetric) -> bool:
    """Whether the submission measured exactly this metric: the same label and the same key."""
    return (metric.label, metric.key) in submission.columns


def _agreed(submissions: Iterable[Submission]) -> list[PublishedMetric]:
    votes: dict[str, Counter[PublishedMetric]] = {}
    for submission in submissions:
        for metric in submission.metrics:
            votes.setdefault(metric.label, Counter())[metric] += 1
    return [min(count, key=lambda m: (-count[m], m.key, m.summary)) for count in votes.values()]


def _headline(metrics: Iterable[PublishedMetric]) -> PublishedMetric | None:
    return next((m for m in metrics if m.better != "none"), None)


def _set_sizes(submissions: Iterable[Submission]) -> Mapping[str, int]:
    """The number of items that most rows of each set metric have; the larger one where two are as frequent."""
    sizes: dict[str, Counter[int]] = {}
    for submission in submissions:
        for score in submission.set_scores:
            sizes.setdefault(score.metric, Counter())[score.n] += 1
    return {metric: max((times, n) for n, times in count.items())[1] for metric, count in sizes.items()}


def _row(submission: Submission, metrics: Iterable[PublishedMetric], sizes: Mapping[str, int]) -> BoardRow:
    rows = submission.rows
    return BoardRow(
        submission.variant,
        tuple(_cell(submission, metric, sizes) for metric in metrics),
        len({row.item for row in rows}),
        len(rows),
        submission.seconds_per_video,
        submission.run,
        max((row.peak_vram_bytes for row in rows if row.peak_vram_bytes is not None), default=None),
    )


def _cell(submission: Submission, metric: PublishedMetric, sizes: Mapping[str, int]) -> Cell:
    if not has_column(submission, metric):
        other = any(m.label == metric.label for m in submission.metrics)
        absent = "measured under another key" if other else "not measured"
        return Cell(metric, None, None, None, None, 0, 0, absent=absent)
    if metric.scope == "video":
        return _video_cell(submission, metric)
    total = len({row.item for row in submission.rows})
    score = next((s for s in submission.set_scores if s.metric == metric.label), None)
    if score is None:
        return Cell(metric, None, None, None, None, 0, total, absent="not measured")
    return _set_cell(metric, score, total, sizes.get(metric.label, score.n))


def _set_cell(metric: PublishedMetric, score: PublishedSetScore, total: int, size: int) -> Cell:
    whole = score.ci_low is not None and score.ci_high is not None
    low, high = (score.ci_low, score.ci_high) if whole else (None, None)
    total, told = max(total, score.n), SetDetail.read(score.detail)
    return Cell(metric, score.value, low, high, score.stderr, score.n, total, odd=score.n != size, told=told)


def _video_cell(submission: Submission, metric: PublishedMetric) -> Cell:
    scores = [row.scores.get(metric.label) for row in submission.rows]
    undefined, excluded = _count(scores, "undefined"), _count(scores, "excluded")
    values = list(item_scores(submission, metric).values())
    total = len({row.item for row in submission.rows})
    if not values:
        absent = "undefined for every video" if undefined and not excluded else "no video could be measured"
        return Cell(metric, None, None, None, None, 0, total, undefined, excluded, absent)
    low, high = _interval(values, metric.unit)
    return Cell(metric, fmean(values), low, high, None, len(values), total, undefined, excluded)


def _count(scores: Iterable[Score | None], status: str) -> int:
    return sum(1 for score in scores if score is not None and score.status == status)


def _interval(values: Sequence[float], unit: str) -> tuple[float | None, float | None]:
    if len(values) < 2:
        return None, None
    from harness.stats import mean_interval

    _, low, high = mean_interval(values, unit)
    return low, high


def _ordered(rows: Iterable[BoardRow], metric: PublishedMetric | None) -> tuple[BoardRow, ...]:
    """By name, or best first on ``metric`` with rows that have no comparable value last."""

    def place(row: BoardRow) -> tuple[bool, float, str, int]:
        cell = row.cell(metric) if metric else None
        value = None if cell is None or cell.odd else cell.value
        signed = 0.0 if value is None or metric is None else (-value if metric.better == "higher" else value)
        return value is None, signed, row.variant.name, row.variant.revision

    return tuple(sorted(rows, key=place))
