"""Published results as tidy tables, one observation a line: the same columns for files, notebooks and the site."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.model import Score
from harness.set_detail import SetDetail
from harness.site_board import Board, BoardRow, Cell, build_board
from harness.submission import PublishedMetric, PublishedRow, PublishedRun, Submission

if TYPE_CHECKING:
    import pandas as pd

    from harness.ranks import Rank

Value = str | int | float | None
Line = tuple[Value, ...]
WHO = ("suite", "variant", "revision", "family", "role")
PROTOCOL = ("num_frames", "height", "width", "fps")
RUN = ("run", "finished_at", "harness_version", "git_commit", "git_dirty")
RANKS = ("rank", "rank_last", "rank_low", "rank_high")
BOARD = (
    *(*WHO, "metric", "version", "better", "unit"),
    *("value", "ci_low", "ci_high", "stderr", "n", "total", "undefined", "excluded", "absent", "seconds_per_video"),
    *("peak_vram_bytes", "trainable_parameters"),
    *(*RANKS, *PROTOCOL, *RUN),
)
VIDEOS = (*WHO, "item", "prompt", "seed", "seconds", "video_sha256", "frames_sha256")
SCORES = (*WHO, "item", "prompt", "seed", "metric", "version", "value", "status", "reason", "coverage", "video_sha256")
PROFILES = (*WHO, "item", "seed", "metric", "version", "window", "value")
DETAILS = (*WHO, "item", "seed", "metric", "version", "detail", "value")
SET_SCORES = (*WHO, "metric", "version", "n", "value", "stderr", "ci_low", "ci_high", "floor", "floor_n")

NUMBERS = frozenset(
    (
        *("revision", "version", "seed", "window", "value", "ci_low", "ci_high", "stderr", "coverage", "n", "total"),
        *("undefined", "excluded", "seconds", "seconds_per_video", "peak_vram_bytes", "trainable_parameters"),
        *("floor", "floor_n", "git_dirty", *RANKS, *PROTOCOL),
        *("p", "p_adjusted", "detectable", "size", "difference"),
        *("a_value", "a_low", "a_high", "b_value", "b_low", "b_high"),
    )
)


@dataclass(frozen=True)
class Table:
    """Named columns and lines of as many values."""

    name: str
    columns: tuple[str, ...]
    lines: Sequence[Line]

    def frame(self) -> pd.DataFrame:
        """The table as a pandas frame; a missing number is NaN, missing text is None."""
        import pandas as pd

        made = pd.DataFrame(list(self.lines), columns=list(self.columns))
        # pandas keeps a column with None in it as Python objects, with which nothing can be computed.
        lacking = [name for name in self.columns if name in NUMBERS and made[name].dtype == object]
        return made.astype(dict.fromkeys(lacking, "float64"))


def board(submissions: Iterable[Submission]) -> Table:
    """One line per suite, variant and metric: the mean over items and the rank as the site shows them.

    ``rank`` to ``rank_last`` is shared by rows that cannot be told apart; ``rank_low`` to ``rank_high`` are the ranks
    that are possible for this one. ``num_frames`` to ``fps`` are the suite's protocol; the rest is the last run that
    contributed to the row, whose ``git_dirty`` is 1 for a source with changes that are in no commit.
    """
    return Table("board", BOARD, [line for b in boards(submissions) for line in board_lines(b)])


def videos(submissions: Iterable[Submission]) -> Table:
    """One line per video."""
    return _per_video("videos", VIDEOS, submissions, _video)


def scores(submissions: Iterable[Submission]) -> Table:
    """One line per video and metric: enough to compute the board again."""
    return _per_video("scores", SCORES, submissions, _scores)


def profiles(submissions: Iterable[Submission]) -> Table:
    """One line per video, metric and eighth of the clip, ``window`` 0 to 7; value is missing where nothing is valid."""
    return _per_video("profiles", PROFILES, submissions, _profile)


def details(submissions: Iterable[Submission]) -> Table:
    """One line per video, metric and secondary number."""
    return _per_video("details", DETAILS, submissions, _details)


def set_scores(submissions: Iterable[Submission]) -> Table:
    """One line per variant and set metric, with its noise floor where that is known."""
    lines: list[Line] = []
    for s in submissions:
        for score in s.set_scores:
            name, _, version = score.metric.partition("@")
            interval = (score.n, score.value, score.stderr, score.ci_low, score.ci_high)
            told = SetDetail.read(score.detail)
            floor = (told.floor, told.floor_n or None)
            lines.append((*_who(s), name, int(version), *interval, *floor))
    return Table("set_scores", SET_SCORES, lines)


TABLES: tuple[Callable[[Iterable[Submission]], Table], ...] = (board, scores, set_scores, videos, profiles, details)


def boards(submissions: Iterable[Submission]) -> list[Board]:
    """One board per suite with its ranks, in the order in which the suites first appear."""
    from harness.site_ranks import board_ranks

    groups: dict[str, list[Submission]] = {}
    for s in submissions:
        groups.setdefault(s.suite.key, []).append(s)
    made = [(build_board(group[0].suite, group), group) for group in groups.values()]
    return [replace(board, ranks=board_ranks(board, group)) for board, group in made]


def board_lines(found: Board) -> Iterator[Line]:
    """The lines of one board, rows first."""
    return (_cell(found, row, cell) for row in found.rows for cell in row.cells)


def _per_video(
    name: str,
    columns: tuple[str, ...],
    submissions: Iterable[Submission],
    lines: Callable[[Submission, PublishedRow, str], Iterable[Line]],
) -> Table:
    found: list[Line] = []
    for s in submissions:
        prompts = {item.slug: item.prompt for item in s.suite.items}
        found += [line for row in s.rows for line in lines(s, row, prompts.get(row.item, ""))]
    return Table(name, columns, found)


def _who(s: Submission) -> tuple[str, str, int, str, str]:
    variant = s.variant
    return s.suite.label, variant.name, variant.revision, variant.family, variant.role


def _scored(s: Submission, row: PublishedRow) -> Iterator[tuple[PublishedMetric, Score]]:
    for metric in s.metrics:
        if (score := row.scores.get(metric.label)) is not None:
            yield metric, score


def _video(s: Submission, row: PublishedRow, prompt: str) -> Iterator[Line]:
    yield (*_who(s), row.item, prompt, row.seed, row.seconds, row.video, row.frames)


def _scores(s: Submission, row: PublishedRow, prompt: str) -> Iterator[Line]:
    for metric, score in _scored(s, row):
        outcome = (score.value, score.status, score.reason, score.coverage)
        yield (*_who(s), row.item, prompt, row.seed, metric.name, metric.version, *outcome, row.video)


def _profile(s: Submission, row: PublishedRow, _prompt: str) -> Iterator[Line]:
    for metric, score in _scored(s, row):
        for window, value in enumerate(score.profile):
            yield (*_who(s), row.item, row.seed, metric.name, metric.version, window, value)


def _details(s: Submission, row: PublishedRow, _prompt: str) -> Iterator[Line]:
    for metric, score in _scored(s, row):
        for name, value in score.detail.items():
            yield (*_who(s), row.item, row.seed, metric.name, metric.version, name, value)


def _cell(found: Board, row: BoardRow, cell: Cell) -> Line:
    variant, metric = row.variant, cell.metric
    return (
        *(found.suite.label, variant.name, variant.revision, variant.family, variant.role),
        *(metric.name, metric.version, metric.better, metric.unit),
        *(cell.value, cell.low, cell.high, cell.stderr, cell.n, cell.total),
        *(cell.undefined, cell.excluded, cell.absent, row.seconds, row.memory, variant.trainable_parameters),
        *_rank(found.ranks.get(metric.label, {}).get(variant.label)),
        *(getattr(found.suite.protocol, name) for name in PROTOCOL),
        *_run(row.run),
    )


def _run(run: PublishedRun) -> tuple[Value, ...]:
    dirty = None if run.git_dirty is None else int(run.git_dirty)
    return run.id, run.finished_at or run.started_at, run.harness_version, run.git_commit, dirty


def _rank(rank: Rank | None) -> tuple[int | None, ...]:
    return (None,) * len(RANKS) if rank is None else (rank.place, rank.last, rank.low, rank.high)
