"""The final table of a run as numbers: one cell per variant and metric, each with its n and interval."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import median
from typing import Any

from harness.calibration import Calibration, Experiment, Measured, Sample, Step, analyse, as_records, step_of
from harness.plan import Column, Plan, Row
from harness.ranks import MIN_ITEMS_FOR_RANKS, Rank, SetResult, rank, rank_sets
from harness.set_detail import SetDetail
from harness.stats import mean_interval

EVEN = 1e-6  # of an interval's width, by which its halves may differ


@dataclass(frozen=True)
class ScoreValue:
    """A recorded score: ``value`` is None unless ``status`` is ``ok``."""

    value: float | None
    status: str
    reason: str = ""


@dataclass(frozen=True)
class SetValue:
    """A recorded set score with its jackknife; without a value, ``reason`` says why.

    ``floor`` is the metric between two disjoint parts of the reference with ``floor_n`` clips each, None if unknown.
    ``small_n``: the value is mostly bias, see `harness.set_detail`. ``without``: the values of its jackknife.
    """

    value: float | None
    n: int
    stderr: float | None
    ci_low: float | None
    ci_high: float | None
    floor: float | None = None
    floor_n: int = 0
    reason: str = ""
    small_n: bool = False
    without: tuple[float, ...] = ()


@dataclass(frozen=True)
class Recorded:
    """The scores that the table is made of."""

    scores: Mapping[tuple[str, str], ScoreValue]  # (gen_key, metric_key)
    sets: Mapping[tuple[str, str], SetValue]  # (set_key, metric_key)
    seconds: Mapping[str, float | None]  # gen_key -> seconds of making the video, of every video that there is


@dataclass(frozen=True)
class Cell:
    """One number. ``mean`` is None when there is none, and then ``why`` says so.

    ``low`` and ``high`` bound a 95 % interval, of which ``half_width`` is half where it lies evenly about the mean, as
    that of a rate does not. ``n_ok`` of ``n_total`` items have a value. ``floor`` is what real
    clips get against real clips, ``floor_n`` of each, where that was measured; ``small_n`` marks a value that compares
    at equal n only. ``rank`` is among the rows that compete; None in a column without ranks (see `harness.ranks`).
    """

    mean: float | None
    half_width: float | None
    n_ok: int
    n_total: int
    why: str = ""
    floor: float | None = None
    floor_n: int = 0
    small_n: bool = False
    rank: Rank | None = None
    low: float | None = None
    high: float | None = None

    @property
    def above(self) -> float | None:
        """The mean minus the noise floor, where both are of equal n."""
        return SetDetail(self.floor, self.floor_n).above(self.mean, self.n_ok)


@dataclass(frozen=True)
class SummaryRow:
    """One variant: its cells in the order of the columns, and the median seconds of making a video."""

    name: str
    revision: int
    role: str
    family: str
    cells: tuple[Cell, ...]
    seconds: float | None


@dataclass(frozen=True)
class Summary:
    """The table. Controls come last: they calibrate the columns and do not compete.

    Rows with graded faults are not in it: together they are the ``calibration``.
    """

    suite: str
    n_items: int
    columns: tuple[Column, ...]
    rows: tuple[SummaryRow, ...]
    skipped: tuple[tuple[str, str], ...]
    omitted: tuple[tuple[str, str], ...]  # metrics without any number, and why
    calibration: Calibration | None = None

    @property
    def ranked(self) -> bool:
        """Whether there are enough items for an order of the rows to mean something."""
        return self.n_items >= MIN_ITEMS_FOR_RANKS


def summarise(plan: Plan, recorded: Recorded) -> Summary:
    """Average seeds within items, then items, for every row and column of the plan."""
    shown = [column for column in plan.columns if not column.skip.reason or _has_number(plan, column, recorded)]
    ranks = [_ranks(plan, column, recorded) for column in shown]
    rows = [_row(plan, row, shown, ranks, recorded) for row in plan.runnable if _step(row) is None]
    rows.sort(key=lambda row: row.role == "control")
    skipped = tuple((row.spec.name, row.skip.reason) for row in plan.rows if row.skip.reason)
    omitted = tuple((column.spec.label, _why_omitted(column)) for column in plan.columns if column not in shown)
    calibration = analyse(experiment(plan, shown, recorded))
    return Summary(plan.suite.label, len(plan.items), tuple(shown), tuple(rows), skipped, omitted, calibration)


def experiment(plan: Plan, columns: Sequence[Column], recorded: Recorded) -> Experiment:
    """The rows of a plan that are graded faults, as a calibration takes them."""
    rows = [(step, row) for row in plan.runnable if (step := _step(row)) is not None]
    measured = tuple(
        Measured(
            column.spec.label,
            column.key,
            column.spec.better,
            column.spec.scope,
            {(step.kind, step.step): _sample(plan, row, column, recorded) for step, row in rows},
        )
        for column in columns
    )
    return Experiment(plan.suite.label, tuple(i.slug for i in plan.items), tuple(step for step, _ in rows), measured)


def as_record(summary: Summary) -> dict[str, Any]:
    """The table for ``--json``."""
    labels = [column.spec.label for column in summary.columns]
    rows = []
    for row in summary.rows:
        cells = {label: asdict(cell) for label, cell in zip(labels, row.cells, strict=True)}
        who = {"variant": row.name, "revision": row.revision, "role": row.role}
        rows.append({**who, "seconds": row.seconds, "metrics": cells})
    return {
        "suite": summary.suite,
        "n_items": summary.n_items,
        "ranked": summary.ranked,
        "better": {column.spec.label: column.spec.better for column in summary.columns},
        "rows": rows,
        "skipped": dict(summary.skipped),
        "omitted": dict(summary.omitted),
        **({"calibration": as_records(summary.calibration)} if summary.calibration else {}),
    }


def _step(row: Row) -> Step | None:
    return step_of(row.spec.family, row.spec.params, row.spec.summary)


def _sample(plan: Plan, row: Row, column: Column, recorded: Recorded) -> Sample:
    if column.spec.scope == "video":
        means = _item_means(row, column, recorded)
        return Sample(tuple(means.get(item.slug) for item in plan.items))
    found = recorded.sets.get((row.set_key, column.key))
    return Sample() if found is None else Sample((), found.value, found.stderr, found.n)


def _why_omitted(column: Column) -> str:
    """Why a column has no number, and what would give it one."""
    return column.skip.reason + (f", to be had by {column.skip.remedy}" if column.skip.remedy else "")


def _has_number(plan: Plan, column: Column, recorded: Recorded) -> bool:
    """Whether an earlier run left numbers for a metric that cannot be computed now."""
    if column.spec.scope == "set":
        return any((row.set_key, column.key) in recorded.sets for row in plan.rows)
    return any((unit.gen_key, column.key) in recorded.scores for row in plan.rows for unit in row.units)


def _ranks(plan: Plan, column: Column, recorded: Recorded) -> Mapping[str, Rank]:
    """Ranks of the rows that compete, by name."""
    competing = [row for row in plan.runnable if row.spec.role != "control"]
    if column.spec.scope == "set":
        found = {row.spec.name: recorded.sets.get((row.set_key, column.key)) for row in competing}
        results = {
            name: SetResult(score.value, score.without, score.n)
            for name, score in found.items()
            if score is not None and score.value is not None
        }
        return rank_sets(results, column.spec.better, len(plan.items))
    values = {row.spec.name: _item_means(row, column, recorded) for row in competing}
    return rank(values, column.spec.better, len(plan.items))


def _row(
    plan: Plan, row: Row, columns: Sequence[Column], ranks: Sequence[Mapping[str, Rank]], recorded: Recorded
) -> SummaryRow:
    make = {"set": _set_cell, "video": _video_cell}
    cells = tuple(
        replace(make[column.spec.scope](plan, row, column, recorded), rank=ranked.get(row.spec.name))
        for column, ranked in zip(columns, ranks, strict=True)
    )
    known = (recorded.seconds.get(unit.gen_key) for unit in row.units)
    times = [seconds for seconds in known if seconds is not None]
    seconds = median(times) if times else None
    return SummaryRow(row.spec.name, row.spec.revision, row.spec.role, row.spec.family, cells, seconds)


def _video_cell(plan: Plan, row: Row, column: Column, recorded: Recorded) -> Cell:
    reasons: dict[str, int] = defaultdict(int)
    for unit in row.units:
        score = recorded.scores.get((unit.gen_key, column.key))
        if score is None:
            reasons[column.skip.reason or ("not measured" if unit.gen_key in recorded.seconds else "no video")] += 1
        elif score.value is None:
            reasons[score.reason] += 1
    means = list(_item_means(row, column, recorded).values())
    why = max(reasons, key=lambda reason: reasons[reason]) if reasons else ""
    if not means:
        return Cell(None, None, 0, len(plan.items), why)
    mean, low, high = _mean(means, column.spec.unit)
    return Cell(mean, _half(mean, low, high), len(means), len(plan.items), why, low=low, high=high)


def _item_means(row: Row, column: Column, recorded: Recorded) -> dict[str, float]:
    """The mean over seeds of every item that has a value."""
    by_item: dict[str, list[float]] = defaultdict(list)
    for unit in row.units:
        score = recorded.scores.get((unit.gen_key, column.key))
        if score is not None and score.value is not None:
            by_item[unit.item].append(score.value)
    return {item: sum(values) / len(values) for item, values in by_item.items()}


def _set_cell(plan: Plan, row: Row, column: Column, recorded: Recorded) -> Cell:
    found = recorded.sets.get((row.set_key, column.key))
    total = len(plan.items)
    if found is None:
        made = len({unit.item for unit in row.units if unit.gen_key in recorded.seconds})
        why = f"{made} of {total} videos" if made < total else "not computed"
        return Cell(None, None, 0, total, column.skip.reason or why)
    if found.value is None:
        return Cell(None, None, 0, total, found.reason, floor=found.floor, floor_n=found.floor_n)
    low, high = found.ci_low, found.ci_high
    half = _half(found.value, low, high)
    told: dict[str, Any] = {"floor": found.floor, "floor_n": found.floor_n, "small_n": found.small_n}
    return Cell(found.value, half, found.n, total, low=low, high=high, **told)


def _mean(values: list[float], unit: str) -> tuple[float, float | None, float | None]:
    """The mean and its 95 % interval; None for a single value, which has none."""
    return (values[0], None, None) if len(values) < 2 else mean_interval(values, unit)


def _half(value: float, low: float | None, high: float | None) -> float | None:
    """Half of an interval that lies evenly about its value; None for any other, and for none."""
    if low is None or high is None:
        return None
    below, above = value - low, high - value
    return (high - low) / 2 if abs(above - below) <= EVEN * (above + below) else None
