"""The page that answers the question of the whole project: what does each part of the method buy?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness import figures
from harness.ablation import ALPHA, Ablation, Answer, Effect, Finding, Level, analyse, item_contrasts
from harness.ablation_words import sentence, signed
from harness.errors import Refused
from harness.published_sets import contrasts
from harness.site_board import Board
from harness.site_compare import Pair, pair_path
from harness.site_text import level, stem
from harness.submission import PublishedMetric, Submission

WIDTH = 260.0
FURTHEST = 2
KINDS = {"main": "main effect", "interaction": "interaction", "contrast": "contrast"}


@dataclass(frozen=True)
class Line:
    """One effect on one metric: its numbers, its place on the metric's scale, its words, its course over the clip.

    ``items`` are those on which it is furthest from nothing, the furthest first.
    """

    finding: Finding
    mark: figures.Mark
    words: str
    course: figures.Curve | None
    zero: float | None
    items: tuple[str, ...] = ()

    @property
    def found(self) -> bool:
        """Whether a test found the effect."""
        return self.finding.verdict not in ("not tested", "no effect seen")

    @property
    def verdict(self) -> str:
        """What a test said, in the words of a cell."""
        return "not additive" if self.found and self.finding.effect.kind == "interaction" else self.finding.verdict

    @property
    def signed(self) -> str:
        """The effect with its sign, to the digits that its interval allows."""
        return signed(self.finding.answer)


@dataclass(frozen=True)
class Row:
    """One effect on every headline metric, None where it is not known."""

    effect: Effect
    cells: tuple[Line | None, ...]


@dataclass(frozen=True)
class Panel:
    """All effects on one metric on one scale; ``zero`` is where no difference lies."""

    metric: PublishedMetric
    lines: tuple[Line, ...]
    zero: float
    ticks: tuple[figures.Tick, ...]

    @property
    def timed(self) -> tuple[Line, ...]:
        """The effects that are known over the clip's length."""
        return tuple(line for line in self.lines if line.course)

    @property
    def reach(self) -> tuple[float, float] | None:
        """The values at the foot and at the head of every curve over the clip, intervals and zero among them."""
        return figures.span([(0.0, None, None), *(_estimate(w) for x in self.lines for w in x.finding.windows if w)])


@dataclass(frozen=True)
class Made:
    """What an effect is made of: rows by label that are added and subtracted; ``about`` says so in a few words.

    ``pair`` is where the comparison of the two rows of a contrast lies, empty where there is none.
    """

    about: str
    plus: tuple[str, ...]
    minus: tuple[str, ...]
    pair: str = ""


@dataclass(frozen=True)
class AblationView:
    """One family's analysis on one suite: headline metrics first, the others apart."""

    board: Board
    found: Ablation
    made: Mapping[tuple[str, str], Made]
    headline: tuple[Panel, ...]
    others: tuple[Panel, ...]

    @property
    def factors(self) -> tuple[str, ...]:
        """The names of the factors, in order of appearance."""
        return tuple(dict.fromkeys(name for levels in self.found.rows.values() for name in levels))

    @property
    def glance(self) -> list[Row]:
        """The answer at a glance: a row per effect, a cell per headline metric."""
        columns = [{line.finding.effect.key: line for line in panel.lines} for panel in self.headline]
        effects = {line.finding.effect.key: line.finding.effect for panel in self.headline for line in panel.lines}
        return [Row(effect, tuple(column.get(key) for column in columns)) for key, effect in effects.items()]

    @property
    def parts(self) -> tuple[Line, ...]:
        """The main effects on headline metrics that a test found."""
        return tuple(line for line in self._seen() if line.finding.effect.kind == "main")

    @property
    def details(self) -> tuple[Line, ...]:
        """The interactions and contrasts on headline metrics that a test found."""
        return tuple(line for line in self._seen() if line.finding.effect.kind != "main")

    def _seen(self) -> Iterator[Line]:
        return (line for panel in self.headline for line in panel.lines if line.found)

    @property
    def items(self) -> int:
        """The largest number of items that an effect rests on."""
        return max((line.finding.answer.n for panel in self.headline for line in panel.lines), default=0)


def ablation_path(board: Board) -> str:
    """Where a suite's analysis lies on the site."""
    return f"ablation/{stem(board.suite.label)}.html"


def context(board: Board, views: Sequence[AblationView]) -> dict[str, Any]:
    """What the page's template is given."""
    return {"board": board, "views": views, "width": WIDTH, "title": f"Ablation on {board.suite.label}"}


def ablation_views(board: Board, submissions: Sequence[Submission], pairs: Sequence[Pair] = ()) -> list[AblationView]:
    """The analyses of one suite; none where no two variants differ in declared factors.

    ``pairs`` are the comparisons that have pages, to which contrasts lead.
    """
    mine = [s for s in submissions if s.suite.key == board.suite.key]
    try:
        analyses = analyse(mine, sets=lambda weights: contrasts(mine, weights, ALPHA))
    except Refused:
        return []
    places = {frozenset((p.a.label, p.b.label)): pair_path(board, p.a, p.b) for p in pairs if p.found}
    return [_view(board, found, mine, places) for found in analyses]


def _view(
    board: Board, found: Ablation, mine: Sequence[Submission], places: Mapping[frozenset[str], str]
) -> AblationView:
    panels = {metric.label: _panel(found, metric, mine) for metric in found.metrics()}
    first = [metric.label for metric in board.headline]
    order = [metric.label for metric in board.metrics]
    headline = tuple(panels[label] for label in first if label in panels)
    rest = tuple(panels[label] for label in order if label in panels and label not in first)
    made = {effect.key: _made(effect, found.rows, places) for effect in found.effects}
    return AblationView(board, found, made, headline, rest)


def _made(effect: Effect, rows: Mapping[str, Mapping[str, Level]], places: Mapping[frozenset[str], str]) -> Made:
    plus = tuple(label for label, weight in effect.weights.items() if weight > 0)
    minus = tuple(label for label, weight in effect.weights.items() if weight < 0)
    about = KINDS[effect.kind]
    if effect.kind == "main":
        others = {name: dict.fromkeys(rows[label][name] for label in plus) for name in rows[plus[0]]}
        over = [f"{name} {' and '.join(map(level, values))}" for name, values in others.items() if len(values) > 1]
        about = f"{about}, averaged over {', '.join(over)}"
    return Made(about, plus, minus, places.get(frozenset(effect.weights), ""))


def _furthest(mine: Sequence[Submission], finding: Finding) -> tuple[str, ...]:
    """The items that drive an effect on a metric of single videos, the furthest from nothing first."""
    if finding.metric.scope != "video":
        return ()
    contrasts = item_contrasts(mine, finding.effect, finding.metric.label)
    return tuple(sorted((i for i in contrasts if contrasts[i]), key=lambda i: (-abs(contrasts[i]), i))[:FURTHEST])


def _panel(found: Ablation, metric: PublishedMetric, mine: Sequence[Submission]) -> Panel:
    findings = found.of(metric)
    estimates = [_estimate(finding.answer) for finding in findings]
    limits = figures.span([*estimates, (0.0, None, None)]) or (0.0, 0.0)
    scale = figures.whisker_scale(limits, WIDTH)
    courses = _courses(findings)
    lines = tuple(
        Line(
            *(finding, figures.mark(estimate, scale), sentence(finding, 1 - found.alpha), course, zero),
            _furthest(mine, finding),
        )
        for finding, estimate, (course, zero) in zip(findings, estimates, courses, strict=True)
    )
    return Panel(metric, lines, scale(0.0), figures.ticks(scale))


def _courses(findings: Sequence[Finding]) -> Iterator[tuple[figures.Curve | None, float | None]]:
    """Every effect by eighth of the clip on one vertical scale, and where zero lies on it."""
    series: list[list[figures.Estimate | None]] = [
        [None if window is None else _estimate(window) for window in finding.windows] for finding in findings
    ]
    # A flat line at zero is drawn with them, so that the scale holds it.
    *drawn, zero = figures.curves([*series, [(0.0, None, None)]], 180, 72)
    for curve in drawn:
        yield (curve, zero.points[0][1]) if curve.points else (None, None)


def _estimate(answer: Answer) -> figures.Estimate:
    return answer.value, answer.low, answer.high
