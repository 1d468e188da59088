"""What a metric sees: its response to faults of growing strength in real clips, from the scores of a calibration run.

Rows of the family ``fault`` have the parameters ``kind``, ``step`` and ``strength``; one of them, of step 0, is the
clip without any fault and begins the response to every kind. Pure: records in, records out.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from math import sqrt
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any, Literal

from harness.model import Direction
from harness.stats import mean_interval, t_quantile
from harness.stats_sets import MAX_GROUPS

if TYPE_CHECKING:
    from harness.registry import VariantSpec

FAMILY = "fault"
MIN_RHO = 0.9  # of step and mean: below, a response is not in step with the fault
MIN_EFFECT = 0.5  # item SDs of the clips without fault: a smaller change is none
MIN_RELATIVE = 0.01  # of the mean without fault: nor is a smaller change one, however alike the items are
MIN_POINTS = 4  # steps with a value, step 0 among them
MIN_SHARE = 0.5  # of the items: a mean over fewer is no point of the response

Verdict = Literal["sees", "ignores", "reversed", "uneven", "undefined"]


@dataclass(frozen=True)
class Step:
    """A row of a calibration run: ``strength`` of a ``kind`` of fault; step 0 is the clip without fault."""

    kind: str
    step: int
    strength: float
    summary: str = ""


@dataclass(frozen=True)
class Sample:
    """What a metric gives for one row: a value per item, None where it has none; or the value of the set alone.

    ``stderr`` is the set value's standard error, None where it has none.
    """

    values: tuple[float | None, ...] = ()
    value: float | None = None
    stderr: float | None = None
    n: int = 0


@dataclass(frozen=True)
class Measured:
    """A metric with its samples by (kind, step); the shared step 0 has the kind of its own row."""

    label: str
    key: str
    better: Direction
    scope: str
    samples: Mapping[tuple[str, int], Sample]
    unit: str = ""


@dataclass(frozen=True)
class Experiment:
    """A calibration run: its rows, and what every metric gave for them. ``items`` are those that the rows cover."""

    suite: str
    items: tuple[str, ...]
    steps: tuple[Step, ...]
    metrics: tuple[Measured, ...]


@dataclass(frozen=True)
class Point:
    """One step of a response: mean over the ``n_ok`` items with a value, and its 95 % interval where it has one."""

    step: int
    strength: float
    mean: float | None
    low: float | None
    high: float | None
    n_ok: int
    n_total: int

    @property
    def usable(self) -> bool:
        """Whether enough items have a value for the mean to be a point of the response."""
        return self.mean is not None and self.n_ok >= MIN_SHARE * self.n_total


@dataclass(frozen=True)
class Response:
    """How one metric answers one kind of fault.

    ``rho`` is Spearman's correlation of step and mean over the usable points. ``change`` is the mean at the last of
    them minus that at step 0, ``relative`` the same as a share of the mean at step 0, and ``effect`` in units of the SD
    between items at step 0 (for a set metric, its standard error times the square root of n); None where the unit is 0.
    """

    kind: str
    points: tuple[Point, ...]
    rho: float | None
    monotone: bool
    change: float | None
    relative: float | None
    effect: float | None
    verdict: Verdict


@dataclass(frozen=True)
class MetricResponses:
    """A metric's responses, in the order of the faults."""

    label: str
    key: str
    better: Direction
    scope: str
    responses: tuple[Response, ...]

    def to(self, kind: str) -> Response:
        """The response to one kind of fault."""
        return next(response for response in self.responses if response.kind == kind)


@dataclass(frozen=True)
class Calibration:
    """All responses on one suite. ``faults`` are the rows with a fault by kind, weakest first."""

    suite: str
    n_items: int
    faults: Mapping[str, tuple[Step, ...]]
    metrics: tuple[MetricResponses, ...]


def step_of(family: str, params: Mapping[str, Any], summary: str = "") -> Step | None:
    """The step that a variant is, None for one that is no fault."""
    if family != FAMILY or not {"kind", "step", "strength"} <= params.keys():
        return None
    return Step(str(params["kind"]), int(params["step"]), float(params["strength"]), summary)


def folded_name(spec: VariantSpec) -> str:
    """A variant's name, or the glob of all steps where it is one of a fault."""
    step = step_of(spec.family, spec.params)
    return spec.name if step is None or not step.step else f"{spec.name.rpartition('-')[0]}-*"


def analyse(experiment: Experiment) -> Calibration | None:
    """The responses of every metric to every kind of fault; None without step 0 or without any fault."""
    rows = sorted(experiment.steps, key=lambda row: row.step)  # stable: kinds stay in their order
    origin = next((row for row in rows if row.step == 0), None)
    kinds = dict.fromkeys(row.kind for row in experiment.steps if row.step)
    if origin is None or not kinds:
        return None
    faults = {kind: tuple(row for row in rows if row.kind == kind and row.step) for kind in kinds}
    total = len(experiment.items)
    found = tuple(
        MetricResponses(
            metric.label,
            metric.key,
            metric.better,
            metric.scope,
            tuple(respond(metric, kind, (origin, *row), total) for kind, row in faults.items()),
        )
        for metric in experiment.metrics
    )
    return Calibration(experiment.suite, total, faults, found)


def respond(metric: Measured, kind: str, steps: Sequence[Step], n_items: int) -> Response:
    """The response of one metric to ``steps``, of which the first is step 0."""
    samples = [metric.samples.get((row.kind, row.step), Sample()) for row in steps]
    points = tuple(point(sample, row, n_items, metric.unit) for sample, row in zip(samples, steps, strict=True))
    usable = [p for p in points if p.usable]
    means = [p.mean for p in usable if p.mean is not None]
    if len(usable) < MIN_POINTS or usable[0].step != 0:
        return Response(kind, points, None, False, None, None, None, "undefined")
    rho = spearman([p.step for p in usable], means)
    changes = [mean - means[0] for mean in means]
    spread = spread_of(samples[0])
    return Response(
        kind,
        points,
        rho,
        monotone(means),
        changes[-1],
        changes[-1] / abs(means[0]) if means[0] else None,
        changes[-1] / spread if spread else None,
        judge(rho, changes, max(MIN_EFFECT * spread, MIN_RELATIVE * abs(means[0])), metric.better),
    )


def point(sample: Sample, row: Step, n_items: int, unit: str = "") -> Point:
    """A sample's mean with its interval."""
    if sample.value is not None:
        freedom = min(MAX_GROUPS, sample.n) - 1
        half = None if sample.stderr is None else t_quantile(0.975, freedom) * sample.stderr
        low, high = (None, None) if half is None else (sample.value - half, sample.value + half)
        return Point(row.step, row.strength, sample.value, low, high, sample.n, n_items)
    known = [value for value in sample.values if value is not None]
    if not known:
        return Point(row.step, row.strength, None, None, None, 0, n_items)
    mean, low, high = mean_interval(known, unit) if len(known) > 1 else (known[0], None, None)
    return Point(row.step, row.strength, mean, low, high, len(known), n_items)


def judge(rho: float | None, changes: Sequence[float], floor: float, better: Direction) -> Verdict:
    """What a metric does with a fault, from its changes against step 0 (the first is 0).

    ``ignores``: no step changes it by ``floor``. Otherwise ``uneven`` unless the means follow the steps
    (|rho| >= `MIN_RHO`) and the last change is large, and then ``sees``, or ``reversed`` where the fault is rewarded.
    """
    large = [abs(change) >= floor and change != 0 for change in changes]
    if not any(large):
        return "ignores"
    if rho is None or abs(rho) < MIN_RHO or not large[-1]:
        return "uneven"
    rewarded = changes[-1] > 0 if better == "higher" else changes[-1] < 0
    return "reversed" if rewarded and better != "none" else "sees"


def spread_of(sample: Sample) -> float:
    """SD between items; of a set value, what its standard error says it is; 0 where there is none."""
    if sample.value is not None:
        return (sample.stderr or 0.0) * sqrt(sample.n)
    known = [value for value in sample.values if value is not None]
    return stdev(known) if len(known) > 1 else 0.0


def spearman(x: Sequence[float], y: Sequence[float]) -> float | None:
    """Spearman's rank correlation with mean ranks for ties; None where one side is constant."""
    a, b = ranks(x), ranks(y)
    mean_a, mean_b = fmean(a), fmean(b)
    covariance = sum((i - mean_a) * (j - mean_b) for i, j in zip(a, b, strict=True))
    scale = (sum((i - mean_a) ** 2 for i in a) * sum((j - mean_b) ** 2 for j in b)) ** 0.5
    return float(covariance / scale) if scale else None


def ranks(values: Sequence[float]) -> list[float]:
    """Ranks from 1, equal values sharing their mean rank. Without `scipy.stats`, whose import takes a second."""
    placed = sorted(values)
    return [(bisect_left(placed, value) + bisect_right(placed, value) + 1) / 2 for value in values]


def monotone(values: Sequence[float]) -> bool:
    """Whether values never fall or never rise; a constant does neither, so it is monotone."""
    pairs = list(pairwise(values))
    return all(a <= b for a, b in pairs) or all(a >= b for a, b in pairs)


def as_records(found: Calibration) -> list[dict[str, Any]]:
    """A record per metric and fault, with the whole response."""
    return [
        {
            **{"suite": found.suite, "n_items": found.n_items, "metric": metric.label, "better": metric.better},
            **{"fault" if name == "kind" else name: value for name, value in asdict(response).items()},
        }
        for metric in found.metrics
        for response in metric.responses
    ]
