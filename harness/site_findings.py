"""What comparisons and ablations found as tables for download: the numbers of their pages, unrounded. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.ablation import Ablation, Answer, Effect, Finding
from harness.compare import Column
from harness.site_compare import Comparisons, Pair
from harness.submission import PublishedMetric
from harness.tables import Line, Table

METRIC = ("metric", "version", "better", "unit")
TEST = ("ci_low", "ci_high", "p", "p_adjusted", "detectable", "size", "verdict")
EFFECTS = ("suite", "family", *METRIC, "kind", "effect", "rows", "window", "n", "value", *TEST)
SIDES = ("a_value", "a_low", "a_high", "b_value", "b_low", "b_high")
PAIRS = ("suite", "a", "b", "refused", *METRIC, "n", *SIDES, "difference", *TEST)


def effects_table(found: Sequence[Ablation]) -> Table:
    """One line per effect and metric, and one for each eighth of the clip.

    ``window`` counts the eighths from 0, None for the whole clip. ``rows`` has the weight of every row. A metric whose
    profile is another quantity has that one's unit in the lines of eighths, and they have no verdict.
    """
    lines = [line for ablation in found for finding in ablation.findings for line in _effect(ablation, finding)]
    return Table("effects", EFFECTS, lines)


def pairs_table(found: Comparisons) -> Table:
    """One line per pair and metric, B - A; of two results that do not compare, one line that says why."""
    return Table("pairs", PAIRS, [line for pair in found.pairs for line in _pair(found.board.suite.label, pair)])


def _effect(ablation: Ablation, finding: Finding) -> Iterator[Line]:
    metric, effect = finding.metric, finding.effect
    head = (ablation.suite, ablation.family)
    who = (effect.kind, effect.name, _rows(effect))
    yield (*head, *_metric(metric), *who, None, *_answer(finding.answer), finding.verdict)
    for window, answer in enumerate(finding.windows):
        if answer is not None:
            unit = metric.profile_unit if metric.profile else metric.unit
            yield (*head, *_metric(metric)[:-1], unit, *who, window, *_answer(answer), "")


def _rows(effect: Effect) -> str:
    weighted = sorted(effect.weights.items(), key=lambda row: -row[1])
    return "; ".join(f"{weight:g} {label}" for label, weight in weighted)


def _answer(answer: Answer) -> Line:
    test = (answer.low, answer.high, answer.p, answer.p_adjusted, answer.detectable, answer.size)
    return (answer.n, float(answer.value), *test)


def _pair(suite: str, pair: Pair) -> Iterator[Line]:
    head = (suite, pair.a.label, pair.b.label, pair.refused)
    if pair.found is None:
        yield (*head, *[None] * (len(PAIRS) - len(head)))
        return
    yield from ((*head, *_metric(column.metric), *_column(column)) for column in pair.found.columns)


def _column(column: Column) -> Line:
    a, b, test = column.a, column.b, column.test
    sides = (a.value, a.low, a.high, b.value, b.low, b.high)
    told = (test.low, test.high, test.p, test.p_adjusted, test.detectable, column.effect)
    return (column.n, *sides, test.difference, *told, column.verdict)


def _metric(metric: PublishedMetric) -> Line:
    return metric.name, metric.version, metric.better, metric.unit
