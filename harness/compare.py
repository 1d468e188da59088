"""Two variants on the same suite: what may be compared, and what the comparison says. Pure; `harness.compare_load`
finds the data, `harness.compare_text` shows the result.

Everything is B minus A over the items and seeds for which both have a value. Video metrics: seeds are averaged within
an item, p comes from sign flips of the items' differences, the interval is a t interval. Set metrics: the paired swap
where feature rows are at hand; otherwise p and interval of the paired jackknife that both results record; without that,
the interval of two independent jackknives and no test. Holm's correction runs over all tests of the comparison.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from harness.compare_pairs import LeftOut, absent_seeds, left_out, paired_cells
from harness.errors import Refused
from harness.power import Need, Variance, needs, variance_of
from harness.published_sets import difference_of
from harness.set_detail import SetDetail
from harness.stats_intervals import POWER, detectable, difference_interval, mean_interval, padded, t_quantile
from harness.stats_sets import MAX_GROUPS, SetDifference, Spread, jackknife_p, recombined
from harness.stats_tests import holm, sign_flip
from harness.submission import PublishedMetric, PublishedSetScore, Submission

MAX_GAPS = 5
SAME, NOT_SEEN, TOO_FEW = "the same on every item", "no difference seen", "too few items to tell"
NO_FEATURES = "not tested: usable feature rows are not at hand"
FROM_FILES = "from files: p is the t of the paired jackknife; with feature rows at hand videos are swapped instead"
FROM_ROWS = "from feature rows: p is of exchanged videos, the interval of the paired jackknife; files alone give its t"


@dataclass(frozen=True)
class Estimate:
    """One side's value on what both sides have, with its interval where there is one."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Gap:
    """One item and what the sides got on it."""

    item: str
    a: float
    b: float


@dataclass(frozen=True)
class Difference:
    """B minus A, at the level of the comparison. ``p_adjusted`` is Holm's.

    ``detectable`` is the smallest true difference that would have been found with probability 0.8, as the strictest
    test of its family.
    """

    difference: float
    low: float | None
    high: float | None
    p: float | None
    p_adjusted: float | None
    detectable: float | None


@dataclass(frozen=True)
class Column:
    """One metric of a comparison over ``n`` items.

    ``seeds`` are the fewest and the most that an item's mean is over, None for a metric of a set. ``left_out`` says
    what is not compared, by reason. ``needed`` answers how many items and seeds find a given difference; empty where it
    was not asked or cannot be told. ``effect`` is the difference in units of the standard deviation of the items'
    differences (Cohen's d for pairs), None where those do not vary or are not known. ``note`` says how the numbers came
    about, ``doubt`` where test and interval disagree.
    """

    metric: PublishedMetric
    n: int
    a: Estimate
    b: Estimate
    test: Difference
    verdict: str
    seeds: tuple[int, int] | None = None
    left_out: LeftOut = field(default_factory=LeftOut)
    effect: float | None = None
    gaps: tuple[Gap, ...] = ()
    variance: Variance | None = None
    needed: tuple[Need, ...] = ()
    note: str = ""
    doubt: str = ""


@dataclass(frozen=True)
class Comparison:
    """A against B. ``omitted`` names the metrics that could not be compared, and why; ``where`` says which items were
    asked for, empty for all; ``absent`` are the suite's seeds of which a side has no video, by who lacks them."""

    suite: str
    items: int
    seeds: int
    a: str
    b: str
    seconds: tuple[float | None, float | None]
    alpha: float
    family: int  # tests that Holm's correction runs over; 0 where it was switched off
    columns: tuple[Column, ...]
    omitted: Mapping[str, str]
    power_percent: float | None = None
    where: str = ""
    absent: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


def compare(
    a: Submission,
    b: Submission,
    *,
    alpha: float = 0.05,
    adjust: bool = True,
    sets: Mapping[str, SetDifference] | None = None,
    power_percent: float | None = None,
    where: str = "",
    unread: Mapping[str, str] | None = None,
) -> Comparison:
    """Compare two results.

    Args:
        a, b: what was measured.
        alpha: level of the tests; intervals are at 1 - alpha.
        adjust: whether p values are Holm-adjusted over the metrics.
        sets: B minus A of set metrics by label, from feature rows.
        power_percent: also answer how many items find a difference of so many percent of A's mean.
        where: how both were restricted to some items (see `harness.compare_where`).
        unread: columns that are on record and not in ``a`` and ``b``, by label, and why.

    Raises:
        Refused: E-COMPARE, suite, protocol or a metric differs, or nothing is common to both.
    """
    check_comparable(a, b)
    columns, omitted = _columns(a, b, sets or {}, alpha)
    judged, family = _judge(columns, alpha, adjust)
    judged = [_with_needs(column, power_percent, alpha) for column in judged]
    return Comparison(
        a.suite.label,
        len(a.suite.items),
        len(a.suite.seeds),
        a.variant.label,
        b.variant.label,
        (a.seconds_per_video, b.seconds_per_video),
        alpha,
        family,
        tuple(judged),
        {**omitted, **(unread or {})},
        power_percent,
        where,
        absent_seeds(a, b),
    )


def check_comparable(a: Submission, b: Submission) -> None:
    """Raises Refused E-COMPARE, naming the first difference of suites, protocols or metrics."""
    if a.suite.label != b.suite.label:
        _raise(a, b, f"the suites differ: {a.suite.label} and {b.suite.label}")
    theirs = vars(b.suite.protocol)
    for name, value in vars(a.suite.protocol).items():
        if value != theirs[name]:
            _raise(a, b, f"the protocols differ in {name}: {value} and {theirs[name]}")
    if a.suite.key != b.suite.key:
        _raise(a, b, f"{a.suite.label} has digest {a.suite.key} for A and {b.suite.key} for B")
    measured = (_measured(a), _measured(b))
    for metric in measured[0].values():
        other = measured[1].get(metric.name)
        if other is None:
            continue
        if other.version != metric.version:
            _raise(a, b, f"the versions of a metric differ: {metric.label} and {other.label}")
        if other.key != metric.key:
            _raise(
                a, b, f"{metric.label} has key {metric.key} for A and {other.key} for B: other parameters or weights"
            )
        for name in ("better", "unit", "scope"):
            mine, theirs_too = getattr(metric, name), getattr(other, name)
            if mine != theirs_too:
                _raise(a, b, f"{metric.label} is declared otherwise: {name} is {mine!r} for A and {theirs_too!r} for B")
    if a.variant.key == b.variant.key:
        raise _refuse(a, b, "they are the same variant", "a variant does not differ from itself")


def _measured(submission: Submission) -> dict[str, PublishedMetric]:
    """The metrics that have a number, by name."""
    scored = {label for row in submission.rows for label in row.scores} | {s.metric for s in submission.set_scores}
    return {metric.name: metric for metric in submission.metrics if metric.label in scored}


def _columns(
    a: Submission, b: Submission, sets: Mapping[str, SetDifference], alpha: float
) -> tuple[list[Column], dict[str, str]]:
    """The metrics that can be compared, not judged yet, and why the others cannot."""
    numbers = {**_measured(a), **_measured(b)}
    labels = [{metric.label for metric in side.metrics} for side in (a, b)]
    common = [m for m in a.metrics if m.label in labels[1] and m.name in numbers]
    columns: list[Column] = []
    omitted = {m.label: "not measured for B" for m in _measured(a).values() if m.label not in labels[1]}
    omitted |= {m.label: "not measured for A" for m in _measured(b).values() if m.label not in labels[0]}
    for metric in common:
        made = _video(a, b, metric, alpha) if metric.scope == "video" else _set(a, b, metric, sets, alpha)
        if isinstance(made, Column):
            columns.append(made)
        else:
            omitted[metric.label] = made
    if not columns:
        why = "\n".join(f"{label}: {reason}" for label, reason in omitted.items())
        raise _refuse(a, b, "there is no metric that both have on two items or more", why)
    return columns, omitted


def _video(a: Submission, b: Submission, metric: PublishedMetric, alpha: float) -> Column | str:
    cells = paired_cells((a, b), metric.label)
    if len(cells) < 2:
        return "one item has a value on both sides" if cells else "no item has a value on both sides"
    means = _over_seeds(list(cells.values()))
    differences = means[:, 1] - means[:, 0]
    level = 1 - alpha
    mean, low, high = difference_interval(differences, metric.unit, level)
    # Where nothing differs there is nothing to test, and the family of the correction is one smaller.
    p = sign_flip(differences) if differences.any() else None
    test = Difference(mean, low, high, p, None, detectable(padded(differences, metric.unit), alpha))
    variance = variance_of({item: [y - x for x, y in seeds] for item, seeds in cells.items()})
    order = np.argsort(-np.abs(differences), kind="stable")[:MAX_GAPS]
    slugs = list(cells)
    gaps = tuple(Gap(slugs[i], float(means[i, 0]), float(means[i, 1])) for i in order if differences[i])
    first, second = (Estimate(*mean_interval(means[:, side], metric.unit, level)) for side in (0, 1))
    counts = [len(seeds) for seeds in cells.values()]
    spread = float(differences.std(ddof=1))
    return Column(
        metric,
        len(cells),
        first,
        second,
        test,
        "",
        (min(counts), max(counts)),
        left_out(a, b, metric.label),
        mean / spread if spread else None,
        gaps,
        variance,
        doubt=_disagreement(test, alpha),
    )


def _over_seeds(cells: Sequence[Sequence[tuple[float, ...]]]) -> NDArray[np.float64]:
    """Means [items, sides] of the pairs of every item; in one step where all items have as many."""
    if len({len(seeds) for seeds in cells}) == 1:
        return np.array(cells).mean(axis=1)  # type: ignore[no-any-return]
    return np.array([np.mean(seeds, axis=0) for seeds in cells])


def _set(
    a: Submission, b: Submission, metric: PublishedMetric, sets: Mapping[str, SetDifference], alpha: float
) -> Column | str:
    found = sets.get(metric.label)
    if found is not None:
        spread = found.spread
        test = Difference(found.difference, spread.low, spread.high, found.p, None, _seen(spread, found.n, alpha))
        # B stands first in the difference.
        second, first = (
            Estimate(value, own.low, own.high)
            for value, own in zip((found.first, found.second), found.spreads, strict=True)
        )
        return Column(metric, found.n, first, second, test, "", note=FROM_ROWS, doubt=_disagreement(test, alpha))
    scores = [next((s for s in side.set_scores if s.metric == metric.label), None) for side in (a, b)]
    mine, theirs = scores
    if mine is None or theirs is None:
        return "not computed for " + " and ".join(n for n, s in zip("AB", scores, strict=True) if s is None)
    if why := difference_of([mine, theirs]):
        return why
    test, note = _from_files(mine, theirs, alpha)
    doubt = _disagreement(test, alpha)
    return Column(metric, mine.n, _estimate(mine), _estimate(theirs), test, "", note=note, doubt=doubt)


def _disagreement(test: Difference, alpha: float) -> str:
    """Said where the test and the interval of one difference, which are two methods, do not say the same."""
    if test.p is None or test.low is None or test.high is None:
        return ""
    outside = test.low > 0 or test.high < 0
    if outside == (test.p <= alpha):
        return ""
    side = "leaves 0 out" if outside else "holds 0"
    return f"the interval {side}, the test alone has p = {test.p:.2g}: of these two methods the verdict is the test's"


def _from_files(a: PublishedSetScore, b: PublishedSetScore, alpha: float) -> tuple[Difference, str]:
    """The difference of two published set scores, and what must be known to read it."""
    without = [SetDetail.read(score.detail).jackknife for score in (a, b)]
    found = recombined([a.value, b.value], without, [-1.0, 1.0], a.n, 1 - alpha)
    spread = found.spread
    if spread.stderr is not None:
        test = Difference(found.value, spread.low, spread.high, jackknife_p(found), None, _seen(spread, a.n, alpha))
        return test, FROM_FILES
    if a.stderr is None or b.stderr is None:
        return Difference(found.value, None, None, None, None, None), NO_FEATURES
    half = t_quantile(1 - alpha / 2, min(MAX_GROUPS, a.n) - 1) * float(np.hypot(a.stderr, b.stderr))
    test = Difference(found.value, found.value - half, found.value + half, None, None, None)
    return test, f"{NO_FEATURES}; the interval takes the two jackknives as independent"


def _seen(spread: Spread, n: int, alpha: float) -> float | None:
    """The smallest difference of two sets that would have been found with probability 0.8."""
    freedom = min(MAX_GROUPS, n) - 1
    quantiles = t_quantile(1 - alpha / 2, freedom) + t_quantile(POWER, freedom)
    return None if spread.stderr is None else quantiles * spread.stderr


def _judge(columns: Sequence[Column], alpha: float, adjust: bool) -> tuple[list[Column], int]:
    """Adjusted p values and verdicts."""
    tested = [c.test.p for c in columns if c.test.p is not None]
    adjusted = iter(holm(tested) if adjust else tested)
    judged = []
    for column in columns:
        p = None if column.test.p is None else next(adjusted)
        stricter = _stricter(column, alpha, len(tested) if adjust else 1)
        test = replace(column.test, p_adjusted=p, detectable=stricter)
        judged.append(replace(column, test=test, verdict=_verdict(column, test, alpha, len(tested) if adjust else 1)))
    return judged, len(tested) if adjust else 0


def _stricter(column: Column, alpha: float, tests: int) -> float | None:
    """The detectable difference of a column when its test has to pass at ``alpha / tests``."""
    if column.test.detectable is None or not tests:
        return None
    freedom = column.n - 1 if column.metric.scope == "video" else min(MAX_GROUPS, column.n) - 1
    plain, strict = (t_quantile(1 - a / 2, freedom) + t_quantile(POWER, freedom) for a in (alpha, alpha / tests))
    return column.test.detectable * strict / plain


def _verdict(column: Column, test: Difference, alpha: float, tests: int) -> str:
    if test.p_adjusted is None:
        return SAME if column.metric.scope == "video" else "not tested"
    if test.p_adjusted > alpha:
        # With n items a sign flip or a swap has 2^n patterns, of which the observed one and its opposite always count.
        return TOO_FEW if 2.0 ** (1 - column.n) * tests > alpha else NOT_SEEN
    above = test.difference > 0
    if column.metric.better == "none":
        return "B higher" if above else "A higher"
    return "B better" if above == (column.metric.better == "higher") else "A better"


def _with_needs(column: Column, percent: float | None, alpha: float) -> Column:
    wanted = 0.0 if percent is None else abs(column.a.value) * percent / 100
    if column.variance is None or not wanted:
        return column
    return replace(column, needed=tuple(needs(column.variance, wanted, alpha)))


def _estimate(score: PublishedSetScore) -> Estimate:
    return Estimate(score.value, score.ci_low, score.ci_high)


def _raise(a: Submission, b: Submission, difference: str) -> NoReturn:
    raise _refuse(a, b, difference)


def _refuse(a: Submission, b: Submission, difference: str, why: str = "") -> Refused:
    return Refused(
        "E-COMPARE",
        f"{a.variant.label} and {b.variant.label} cannot be compared: {difference}.",
        where=f"A {a.variant.label} on {a.suite.label}, B {b.variant.label} on {b.suite.label}",
        why=why or "a difference would mix what was measured with how it was measured",
        fix="compare results of one suite version and one release: harness run, or harness export again",
    )
