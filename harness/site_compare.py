"""Pairs of variants on a suite: what `harness compare` says of them, as pages. Pure; the numbers are its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import stdev
from typing import Any

from harness import compare_text, figures
from harness.compare import Column, Comparison, compare
from harness.errors import Refused
from harness.site_board import Board, item_scores
from harness.site_text import stem
from harness.submission import PublishedVariant, Submission

WIDTH = 180.0
MAX_TESTS = 250  # of all pairs together; above, every row is compared with the reference alone
LIMIT = 3.0  # standard deviations, beyond which the profile is clipped


@dataclass(frozen=True)
class Line:
    """One metric of a pair. ``cells`` are its numbers as `harness compare` prints them, by the names of its headers.

    ``sds`` is the difference in standard deviations between A's items, None where those are not known.
    """

    column: Column
    cells: Mapping[str, str]
    sds: float | None
    mark: figures.Mark | None


@dataclass(frozen=True)
class Pair:
    """B against A on one suite. ``refused`` says why two results cannot be compared; then there are no lines."""

    a: PublishedVariant
    b: PublishedVariant
    found: Comparison | None
    lines: tuple[Line, ...]
    refused: str = ""


@dataclass(frozen=True)
class Comparisons:
    """The pairs of a board. ``reference`` is what every row is compared with."""

    board: Board
    reference: PublishedVariant
    pairs: tuple[Pair, ...]

    @property
    def with_reference(self) -> tuple[Pair, ...]:
        """The pairs of which the reference is A."""
        return tuple(pair for pair in self.pairs if pair.a == self.reference)


def pair_path(board: Board, a: PublishedVariant, b: PublishedVariant) -> str:
    """Where the page of a pair lies."""
    return f"compare/{stem(board.suite.label)}/{stem(a.label)}--{stem(b.label)}.html"


def index_path(board: Board) -> str:
    """Where the list of a board's pairs lies."""
    return f"compare/{stem(board.suite.label)}/index.html"


def reference_of(board: Board) -> PublishedVariant | None:
    """What the others are held against: the first method, or the first row that competes; None below two rows."""
    rows = [row.variant for row in board.ranked]
    return next((v for v in rows if v.role == "method"), rows[0]) if len(rows) > 1 else None


def comparisons(board: Board, submissions: Sequence[Submission]) -> Comparisons | None:
    """The comparisons of a board's competing rows: of all pairs where they are few, else with the reference."""
    reference = reference_of(board)
    if reference is None:
        return None
    mine = {s.variant.label: s for s in submissions if s.suite.label == board.suite.label}
    order = [reference.label, *(r.variant.label for r in board.ranked if r.variant.label != reference.label)]
    pairs = list(combinations(order, 2))
    if len(pairs) * sum(1 for m in board.metrics if m.scope == "video") > MAX_TESTS:
        pairs = [(reference.label, label) for label in order[1:]]
    return Comparisons(board, reference, tuple(_pair(mine[a], mine[b]) for a, b in pairs))


def pair_context(comparisons: Comparisons, pair: Pair) -> dict[str, Any]:
    """What the template of a pair's page is given."""
    scale = figures.Scale(-LIMIT, LIMIT, figures.PAD, WIDTH - figures.PAD)
    return {
        "board": comparisons.board,
        "pair": pair,
        "width": WIDTH,
        "zero": scale(0),
        "ticks": figures.ticks(scale, 6),
        "notes": [note.removeprefix("! ") for note in compare_text.notes(pair.found)] if pair.found else [],
        "title": f"{pair.b.name} against {pair.a.name}",
    }


def index_context(comparisons: Comparisons) -> dict[str, Any]:
    """What the template of the list of pairs is given."""
    lines = {pair.b.label: _by_metric(pair) for pair in comparisons.with_reference}
    return {
        "board": comparisons.board,
        "all": comparisons,
        "metrics": comparisons.board.headline,
        "lines": lines,
        "title": f"Comparisons on {comparisons.board.suite.label}",
    }


def _by_metric(pair: Pair) -> Mapping[str, Line]:
    return {line.column.metric.label: line for line in pair.lines}


def _pair(a: Submission, b: Submission) -> Pair:
    try:
        found = compare(a, b)
    except Refused as error:
        return Pair(a.variant, b.variant, None, (), error.what)
    return Pair(a.variant, b.variant, found, tuple(_lines(a, found)))


def _lines(a: Submission, found: Comparison) -> Iterator[Line]:
    scale = figures.Scale(-LIMIT, LIMIT, figures.PAD, WIDTH - figures.PAD)
    for column in found.columns:
        values = list(item_scores(a, column.metric).values()) if column.metric.scope == "video" else []
        spread = stdev(values) if len(values) > 1 else 0.0
        cells = dict(zip(compare_text.HEADERS, compare_text.column_row(column), strict=True))
        if not spread:
            yield Line(column, cells, None, None)
            continue
        test = column.test
        ends = [None if v is None else v / spread for v in (test.low, test.high)]
        estimate = test.difference / spread, ends[0], ends[1]
        yield Line(column, cells, estimate[0], figures.mark(estimate, scale))
