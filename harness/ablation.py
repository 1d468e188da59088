"""What each part of a method buys: effects and contrasts between variants that differ in declared factors.

Which variants form the experiment is said by their ``factors`` (see `harness.registry.variant`). With the method's
row as the base, each analysis is a weighted sum of the rows' values on one item:

* where two levels of two factors are all there, the 2x2 factorial: both main effects (on minus off, averaged over the
  other factor) and their interaction (how much the first effect changes when the second part is there);
* contrasts: every two levels of one factor at the base's level of the others.

An item's contrast is averaged over the seeds that all its rows have; then items are the sample: t intervals, sign
flips, Holm's correction over all effects of one metric. Set metrics have a jackknife that deletes an item from all
rows at once, and p from its t. Over time: the same for each eighth of the clip, Holm over all effects and eighths.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product

import numpy as np

from harness.compare import check_comparable
from harness.compare_pairs import paired_cells
from harness.errors import Refused
from harness.stats_intervals import POWER, t_quantile
from harness.stats_sets import MAX_GROUPS, Contrast, jackknife_p
from harness.stats_tests import holm, of_differences
from harness.submission import PublishedMetric, Submission
from harness.windows_time import WINDOWS

Level = str | int | bool
Weights = Mapping[str, float]
MIN_ITEMS = 3
ALPHA = 0.05


@dataclass(frozen=True)
class Effect:
    """One question: a weighted sum over variants, by label. ``kind`` is main, interaction or contrast."""

    kind: str
    name: str
    weights: Weights

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from the other effects of its family."""
        return self.kind, self.name


@dataclass(frozen=True)
class Answer:
    """The value of an effect on ``n`` items; None where it cannot be told. ``p_adjusted`` is Holm's.

    ``size`` is the value in standard deviations of the items' contrasts (Cohen's d for pairs).
    """

    n: int
    value: float
    low: float | None
    high: float | None
    p: float | None
    p_adjusted: float | None
    detectable: float | None
    size: float | None = None


@dataclass(frozen=True)
class Finding:
    """An effect on one metric: over the whole clip, and in each eighth where the metric has a time profile."""

    effect: Effect
    metric: PublishedMetric
    answer: Answer
    windows: tuple[Answer | None, ...]
    verdict: str


@dataclass(frozen=True)
class Ablation:
    """The analysis of one family. ``rows`` has the levels of every variant; ``absent`` names those without results."""

    suite: str
    family: str
    alpha: float
    adjusted: bool
    rows: Mapping[str, Mapping[str, Level]]
    absent: tuple[str, ...]
    effects: tuple[Effect, ...]
    findings: tuple[Finding, ...]

    def metrics(self) -> list[PublishedMetric]:
        """The metrics with findings, in their order."""
        return list({finding.metric.label: finding.metric for finding in self.findings}.values())

    def of(self, metric: PublishedMetric) -> list[Finding]:
        """The findings on one metric."""
        return [finding for finding in self.findings if finding.metric.label == metric.label]


def analyse(
    submissions: Sequence[Submission],
    *,
    alpha: float = ALPHA,
    adjust: bool = True,
    sets: Callable[[Weights], Mapping[str, Contrast]] = lambda weights: {},
    absent: Mapping[str, str] | None = None,
) -> list[Ablation]:
    """Analyse every family that has at least two comparable variants with factors.

    Args:
        submissions: results on one suite; those without factors are left aside.
        alpha: level of tests; intervals are at 1 - alpha.
        adjust: whether p values are Holm-adjusted.
        sets: set metrics' contrasts for given weights, by metric label.
        absent: variants that belong to an experiment and have no results, by label, with their family.

    Raises:
        Refused: E-COMPARE, no family has two such variants, or their results do not go together.
    """
    families: dict[str, list[Submission]] = {}
    for submission in submissions:
        if submission.variant.factors:
            families.setdefault(submission.variant.family, []).append(submission)
    missing = absent or {}
    made = [
        _family(rows, alpha, adjust, sets, tuple(label for label, of in missing.items() if of == family))
        for family, rows in families.items()
    ]
    found = [ablation for ablation in made if ablation.findings]
    if not found:
        raise Refused(
            "E-COMPARE",
            "There is no ablation to analyse: it needs two variants of one family with results and with factors "
            "that differ.",
            where=f"without results: {', '.join(missing)}" if missing else "",
            why="variants say which part they have with factors={...} where they are registered",
            fix="harness run --variants all, then harness compare --ablation",
        )
    return found


def effects_of(rows: Mapping[str, Mapping[str, Level]], base: str) -> list[Effect]:
    """The effects that these variants (label to levels) can answer, seen from ``base``.

    Variants with other factors than the base's are left aside; of several with the same levels the first counts.
    """
    place: dict[tuple[Level, ...], str] = {}
    names = tuple(rows[base])
    for label in (base, *rows):
        if set(rows[label]) == set(names):
            place.setdefault(tuple(rows[label][name] for name in names), label)
    return [*_factorials(place, names, rows[base]), *_contrasts(place, names, rows[base])]


def _factorials(
    place: Mapping[tuple[Level, ...], str], names: Sequence[str], base: Mapping[str, Level]
) -> Iterator[Effect]:
    """Main effects and interaction of every complete 2x2 crossing of two factors that holds the base."""
    levels = _levels(place, names)
    for first, second in combinations(names, 2):
        others = product(levels[first], levels[second])
        for off1, off2 in ((a, b) for a, b in others if a != base[first] and b != base[second]):
            cells = [
                place.get(_at(names, base, **{first: a, second: b}))
                for a, b in product((base[first], off1), (base[second], off2))
            ]
            both, only_first, only_second, neither = cells
            if both and only_first and only_second and neither:
                one, two = (_reading(n, base[n], off) for n, off in ((first, off1), (second, off2)))
                half = {both: 0.5, only_first: 0.5, only_second: -0.5, neither: -0.5}
                yield Effect("main", one, half)
                half = {both: 0.5, only_first: -0.5, only_second: 0.5, neither: -0.5}
                yield Effect("main", two, half)
                crossed = {both: 1.0, only_first: -1.0, only_second: -1.0, neither: 1.0}
                yield Effect("interaction", f"{first} × {second}", crossed)


def _contrasts(
    place: Mapping[tuple[Level, ...], str], names: Sequence[str], base: Mapping[str, Level]
) -> Iterator[Effect]:
    """Every two levels of a factor, the others as in the base."""
    levels = _levels(place, names)
    for name in names:
        there = [(level, place.get(_at(names, base, **{name: level}))) for level in levels[name]]
        for (level, label), (other, against) in combinations([t for t in there if t[1]], 2):
            if label and against:
                yield Effect("contrast", _reading(name, level, other), {label: 1.0, against: -1.0})


def _levels(place: Mapping[tuple[Level, ...], str], names: Sequence[str]) -> dict[str, list[Level]]:
    """The levels of each factor, in order of appearance: the base's first."""
    return {name: list(dict.fromkeys(levels[i] for levels in place)) for i, name in enumerate(names)}


def _at(names: Sequence[str], base: Mapping[str, Level], **changed: Level) -> tuple[Level, ...]:
    return tuple({**base, **changed}[name] for name in names)


def _reading(name: str, on: Level, off: Level) -> str:
    """What is subtracted from what: ``conv``, ``positions: learned − static``."""
    if isinstance(on, bool):
        return f"with {name} − without" if on else f"without {name} − with"
    return f"{name}: {on} − {off}"


def _family(
    submissions: Sequence[Submission],
    alpha: float,
    adjust: bool,
    sets: Callable[[Weights], Mapping[str, Contrast]],
    absent: tuple[str, ...],
) -> Ablation:
    base = next((s for s in submissions if s.variant.role == "method"), submissions[0])
    for other in submissions:
        if other is not base:
            check_comparable(base, other)
    rows = {s.variant.label: s.variant.factors for s in submissions}
    effects = effects_of(rows, base.variant.label)
    from_sets = {effect.name + effect.kind: sets(effect.weights) for effect in effects}
    findings: list[Finding] = []
    for metric in base.metrics:
        made = []
        for effect in effects:
            if metric.scope == "video":
                answer, windows = _video(submissions, metric, effect, alpha)
            else:
                answer, windows = _set(from_sets[effect.name + effect.kind].get(metric.label), alpha), ()
            if answer is not None:
                made.append(Finding(effect, metric, answer, windows, ""))
        findings += _judge(_over_time(made, adjust), alpha, adjust)
    return Ablation(base.suite.label, base.variant.family, alpha, adjust, rows, absent, tuple(effects), tuple(findings))


def _video(
    submissions: Sequence[Submission], metric: PublishedMetric, effect: Effect, alpha: float
) -> tuple[Answer | None, tuple[Answer | None, ...]]:
    chosen = [s for s in submissions if s.variant.label in effect.weights]
    reach = float(sum(weight for weight in effect.weights.values() if weight > 0))
    whole = _answer(list(item_contrasts(chosen, effect, metric.label).values()), alpha, metric.unit, reach)
    if not any(row.scores[metric.label].profile for s in chosen for row in s.rows if metric.label in row.scores):
        return whole, ()
    windows = (item_contrasts(chosen, effect, metric.label, window) for window in range(WINDOWS))
    parts = [_answer(list(found.values()), alpha) for found in windows]
    return whole, tuple(parts) if any(parts) else ()


def item_contrasts(
    submissions: Sequence[Submission], effect: Effect, metric: str, window: int | None = None
) -> dict[str, float]:
    """An effect on a metric of single videos, item by item, averaged over seeds; items that a row lacks are left out.

    With ``window``, in that eighth of the clip.
    """
    chosen = [s for s in submissions if s.variant.label in effect.weights]
    signs = np.array([effect.weights[s.variant.label] for s in chosen])
    cells = paired_cells(chosen, metric, window)
    return {item: float(np.mean(np.array(seeds) @ signs)) for item, seeds in cells.items()}


def _answer(values: Sequence[float], alpha: float, unit: str = "", reach: float = 1.0) -> Answer | None:
    if len(values) < MIN_ITEMS:  # a profile's unit need not be the column's: windows come without one
        return None
    found = of_differences(values, 1 - alpha, unit, reach)
    spread = float(np.std(values, ddof=1))
    size = found.difference / spread if spread else None
    return Answer(found.n, found.difference, found.low, found.high, found.p, None, found.detectable, size)


def _set(found: Contrast | None, alpha: float) -> Answer | None:
    if found is None:
        return None
    spread, freedom = found.spread, min(MAX_GROUPS, found.n) - 1
    p = jackknife_p(found)
    if not spread.stderr or p is None:
        return Answer(found.n, found.value, spread.low, spread.high, None, None, None)
    seen = (t_quantile(1 - alpha / 2, freedom) + t_quantile(POWER, freedom)) * spread.stderr
    return Answer(found.n, found.value, spread.low, spread.high, p, None, seen)


def _adjusted(answers: Sequence[Answer | None], adjust: bool) -> list[Answer | None]:
    tested = [a.p for a in answers if a is not None and a.p is not None]
    adjusted = iter(holm(tested) if adjust else tested)
    return [a if a is None or a.p is None else replace(a, p_adjusted=next(adjusted)) for a in answers]


def _over_time(findings: Sequence[Finding], adjust: bool) -> list[Finding]:
    """The findings on one metric with the p values of all eighths of all effects adjusted as one family."""
    adjusted = iter(_adjusted([window for finding in findings for window in finding.windows], adjust))
    return [replace(finding, windows=tuple(next(adjusted) for _ in finding.windows)) for finding in findings]


def _judge(findings: Sequence[Finding], alpha: float, adjust: bool) -> list[Finding]:
    answers = _adjusted([finding.answer for finding in findings], adjust)
    return [
        replace(finding, answer=answer, verdict=_verdict(finding, answer, alpha))
        for finding, answer in zip(findings, answers, strict=True)
        if answer is not None
    ]


def _verdict(finding: Finding, answer: Answer, alpha: float) -> str:
    if answer.p_adjusted is None:
        return "not tested"
    if answer.p_adjusted > alpha:
        return "no effect seen"
    if finding.effect.kind == "interaction" or finding.metric.better == "none":
        return "raises it" if answer.value > 0 else "lowers it"
    return "better" if (answer.value > 0) == (finding.metric.better == "higher") else "worse"
