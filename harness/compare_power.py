"""How many items and seeds tell two variants apart at a given difference, from the spread that a comparison found.

Pure. The arithmetic is `harness.power`'s; here is which columns can be asked, and why the others cannot.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from harness.compare import Column, Comparison
from harness.errors import UsageError
from harness.power import SEEDS, Need, needs
from harness.submission import PublishedMetric
from harness.table_text import counted, decimals, number


@dataclass(frozen=True)
class Demand:
    """What it takes to find a ``difference`` of one metric. ``items`` and ``seeds`` are those at hand."""

    metric: PublishedMetric
    difference: float
    items: int
    seeds: tuple[int, int]
    needed: tuple[Need, ...]


@dataclass(frozen=True)
class Plan:
    """The demands of a pair, at level ``alpha`` of one test and with probability ``power``.

    ``untold`` says why there is none for the other columns, by label.
    """

    suite: str
    a: str
    b: str
    alpha: float
    power: float
    percent: float | None
    demands: tuple[Demand, ...]
    untold: Mapping[str, str]


def plan(
    found: Comparison, percent: float | None, differences: Mapping[str, float], power: float, alpha: float = 0.05
) -> Plan:
    """Ask every column of a comparison.

    Args:
        found: A against B.
        percent: the difference to find, as a share of A's mean; None asks only for ``differences``.
        differences: the differences to find by metric's name or label, in the metric's unit.

    Raises:
        UsageError: E-OPTION, a difference of a metric that is not compared.
    """
    wanted = _by_label(found, differences)
    demands: list[Demand] = []
    untold = dict(found.omitted)
    for column in found.columns:
        label = column.metric.label
        if percent is None and label not in wanted:
            continue
        difference = wanted[label] if label in wanted else abs(column.a.value) * (percent or 0) / 100
        made = _demand(column, difference, power, alpha)
        if isinstance(made, Demand):
            demands.append(made)
        else:
            untold[label] = made
    return Plan(found.suite, found.a, found.b, alpha, power, percent, tuple(demands), untold)


def title(plan: Plan) -> str:
    """What is asked."""
    share = "" if plan.percent is None else f" of {plan.percent:g} % of A's mean"
    return (
        f"{plan.suite} · items that find a difference{share} with probability {plan.power:g} at level {plan.alpha:g}, "
        "one test, by seeds averaged"
    )


HEADERS = ("metric", "difference", *(counted(seeds, "seed") for seeds in SEEDS), "at hand")


def rows(plan: Plan) -> list[list[str]]:
    """One row a metric under `HEADERS`."""
    made = []
    for demand in plan.demands:
        items = {need.seeds: count_text(need.items) for need in demand.needed}
        low, high = demand.seeds
        seeds = counted(high, "seed") if low == high else f"{low} to {high} seeds"
        cells = [items.get(count, "?") for count in SEEDS]
        difference = number(demand.difference, decimals((demand.difference,)))
        made.append([demand.metric.label, difference, *cells, f"{counted(demand.items, 'item')} × {seeds}"])
    return made


def notes(plan: Plan) -> Iterator[str]:
    """What has to be known to read the table, and which columns are not in it."""
    if any(len(demand.needed) < len(SEEDS) for demand in plan.demands):
        yield "? one seed an item does not tell how much of the spread is between seeds"
    for why in dict.fromkeys(plan.untold.values()):
        yield f"! cannot tell: {', '.join(label for label, said in plan.untold.items() if said == why)} ({why})"


def as_record(plan: Plan) -> dict[str, Any]:
    """For ``--json``."""
    demands = [{**asdict(demand), "metric": demand.metric.label} for demand in plan.demands]
    return {**asdict(plan), "demands": demands}


def count_text(items: int | None) -> str:
    """A number of items; None is more than are looked at."""
    return "> 1,000,000" if items is None else f"{items:,}"


def _by_label(found: Comparison, differences: Mapping[str, float]) -> dict[str, float]:
    labels = {name: c.metric.label for c in found.columns for name in (c.metric.name, c.metric.label)}
    unknown = [name for name in differences if name not in labels]
    if unknown:
        raise UsageError(
            "E-OPTION",
            f"No metric named {unknown[0]} is compared.",
            why=f"compared are {', '.join(column.metric.label for column in found.columns)}",
            fix="--difference METRIC=NUMBER",
        )
    return {labels[name]: value for name, value in differences.items()}


def _demand(column: Column, difference: float, power: float, alpha: float) -> Demand | str:
    if column.variance is None or column.seeds is None:
        return "a metric of a set has no spread of items: its error at another number of items is not known"
    if not column.variance.between and not column.variance.within:
        return "its difference does not vary between items: there is no spread to plan from"
    if not difference:
        return "A's mean is 0, of which every share is 0: give --difference METRIC=NUMBER"
    found = tuple(needs(column.variance, difference, alpha, power))
    return Demand(column.metric, difference, column.n, column.seeds, found)
