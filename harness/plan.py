"""What a run will do: wanted minus have. Pure functions over plain records; nothing here touches disk or database."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from harness.errors import CannotStart
from harness.keys import GenKey, ItemKey
from harness.machine import TORCH_FOR_CUDA, Machine
from harness.model import Item, Needs, Protocol, Suite, Weight, generation_keys, set_key
from harness.registry import MetricSpec, VariantSpec
from harness.tasks import AggregateTask, GenerateTask, Member, ReferenceTask, ScoreTask

MIN_SET_ITEMS = 2
SPARE_BYTES = 64 * 1024 * 1024  # logs, envelopes, features and the index


@dataclass(frozen=True)
class Made:
    """A recorded video. ``present`` tells whether its master is still on disk."""

    video: str
    frames: str
    present: bool = True


@dataclass(frozen=True)
class Have:
    """What the results folder holds. Keys are as in the store; costs are means of recorded runs."""

    videos: Mapping[str, Made] = field(default_factory=dict)  # gen_key
    scores: frozenset[tuple[str, str]] = frozenset()  # (gen_key, metric_key)
    features: Mapping[tuple[str, str], str] = field(default_factory=dict)  # (gen_key, extractor_key) -> file sha256
    set_scores: frozenset[tuple[str, str]] = frozenset()  # (set_key, metric_key)
    seconds: Mapping[str, float] = field(default_factory=dict)  # variant_key -> seconds a video
    score_seconds: float | None = None  # seconds of measuring one video
    video_bytes: float | None = None  # bytes of one master


class Skip(NamedTuple):
    """Why something cannot be done here, and what to do about it. Both empty when it can."""

    reason: str = ""
    remedy: str = ""


RUNS = Skip()


@dataclass(frozen=True)
class Column:
    """One metric of the run; ``skip`` is why it cannot be computed here."""

    spec: MetricSpec
    key: str
    extractor_key: str = ""
    skip: Skip = RUNS


@dataclass(frozen=True)
class Unit:
    """One video that is wanted."""

    gen_key: GenKey
    item: str
    seed: int


@dataclass(frozen=True)
class Row:
    """One variant of the run: everything wanted, and what of it is still to do."""

    spec: VariantSpec
    skip: Skip = RUNS
    units: tuple[Unit, ...] = ()
    make: tuple[GenerateTask, ...] = ()
    redo: tuple[GenerateTask, ...] = ()  # videos that exist and are made a second time
    score: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = field(default_factory=dict)  # gen_key -> names
    set_key: str = ""
    sets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # extractor -> set metrics to compute
    seconds: float | None = None  # what one video took so far, None when it was never made here
    absent: int = 0  # videos that are not there and that nothing here can make

    @property
    def reused(self) -> int:
        """Videos that are there already."""
        return len(self.units) - len(self.make) - self.absent

    @property
    def scores_to_do(self) -> int:
        """Scores to compute, set metrics included."""
        return sum(len(metrics) for metrics, _ in self.score.values()) + sum(map(len, self.sets.values()))

    @property
    def to_do(self) -> bool:
        """Whether anything is missing."""
        return bool(self.make or self.redo or self.score or self.sets)


@dataclass(frozen=True)
class Estimate:
    """``seconds`` of work is None when nothing is known; ``unknown`` names variants that were never timed here."""

    seconds: float | None
    unknown: tuple[str, ...]
    disk_bytes: int


@dataclass(frozen=True)
class Plan:
    """The whole plan of one run."""

    suite: Suite
    items: tuple[Item, ...]
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    estimate: Estimate

    @property
    def runnable(self) -> tuple[Row, ...]:
        """The rows that are not skipped."""
        return tuple(row for row in self.rows if not row.skip.reason)

    @property
    def remedies(self) -> tuple[str, ...]:
        """What would let the skipped rows and columns run, each once."""
        skips = [row.skip for row in self.rows] + [column.skip for column in self.columns]
        return tuple(dict.fromkeys(line for skip in skips for line in skip.remedy.splitlines()))

    @property
    def videos_to_do(self) -> int:
        """Videos to make, for the first time or again."""
        return sum(len(row.make) + len(row.redo) for row in self.rows)

    @property
    def videos_reused(self) -> int:
        """Videos that are there already."""
        return sum(row.reused for row in self.rows)

    @property
    def scores_to_do(self) -> int:
        """Scores to compute, set metrics included."""
        return sum(row.scores_to_do for row in self.rows)

    @property
    def to_do(self) -> bool:
        """Whether anything is missing."""
        return any(row.to_do for row in self.rows)


def make_plan(
    suite: Suite,
    limit: int | None,
    variants: Sequence[tuple[VariantSpec, Skip]],
    columns: Sequence[Column],
    reference_key: str,
    have: Have,
    redo: Mapping[str, Collection[str]] | None = None,
) -> Plan:
    """Compare what is wanted with what there is.

    Args:
        redo: the items whose videos are made again beside those that exist, by variant.
        limit: the first N items of the suite; None for all.
        variants: each with why it must be skipped.
        columns: the metrics of the run.
        reference_key: identity of the suite's reference set, part of every set's key.
    """
    items = suite.items[:limit]
    places = [(item.key, item.slug, seed) for item in items for seed in suite.seeds]
    rows = tuple(
        Row(spec, skip)
        if skip.reason
        else _row(suite, places, spec, columns, reference_key, have, (redo or {}).get(spec.name, ()))
        for spec, skip in variants
    )
    return Plan(suite, items, tuple(columns), rows, _estimate(suite, rows, have))


def skip_of(
    needs: Needs, machine: Machine, missing: Sequence[Weight], *, has_real: bool, has_longer: bool = True
) -> Skip:
    """Why a variant cannot run on ``machine`` with these weights missing; without a GPU, weights would not help."""
    if needs.gpu and (lacking := _gpu_skip(needs, machine)).reason:
        return lacking
    if missing:
        return missing_weights(missing)
    if needs.real and not has_real:
        return Skip("the suite has no real clips")
    if needs.real_times > 1 and not has_longer:
        return Skip(f"the suite has no real clips of {needs.real_times} times a video's length")
    return Skip()


def protocol_skip(needs: Needs, protocol: Protocol) -> Skip:
    """Why a variant cannot make videos of a suite's size and length, whatever the machine has."""
    size = f"{protocol.width}x{protocol.height}"
    if min(protocol.width, protocol.height) < needs.min_size:
        return Skip(f"makes videos of {needs.min_size} pixels and more, this suite's have {size}")
    if needs.max_frames and protocol.num_frames > needs.max_frames:
        return Skip(f"makes up to {needs.max_frames} frames, this suite's videos have {protocol.num_frames}")
    return Skip()


def missing_weights(missing: Sequence[Weight]) -> Skip:
    """Names the weights that are not there, and how to get them."""
    hows = dict.fromkeys(weight.how for weight in missing if weight.how)
    return Skip(f"no weights: {', '.join(weight.name for weight in missing)}", "\n".join(hows))


def _gpu_skip(needs: Needs, machine: Machine) -> Skip:
    if not machine.gpus:
        return Skip(f"needs CUDA, {machine.seen}")
    if not machine.cuda:
        why = f"needs CUDA on the GPU, torch {machine.torch or '(none)'} is built without it; {machine.seen}"
        return Skip(why, TORCH_FOR_CUDA)
    most = max(gpu.free_bytes for gpu in machine.gpus)
    if needs.vram_bytes > most:
        why = f"needs {needs.vram_bytes / 1e9:.1f} GB of GPU memory, {most / 1e9:.1f} GB are free"
        return Skip(why, "add --offload: parts of the model wait on the CPU, which takes less GPU memory")
    return Skip()


def check_disk(plan: Plan, free: int, folder: str) -> None:
    """Raises CannotStart E-DISK when the planned videos do not fit."""
    if not plan.videos_to_do or plan.estimate.disk_bytes <= free:
        return
    raise CannotStart(
        "E-DISK",
        f"{plan.videos_to_do} videos need about {plan.estimate.disk_bytes / 1e9:.2f} GB, {free / 1e9:.2f} GB are free.",
        where=folder,
        fix="free some space, take fewer items with --limit N, or use another disk with --results DIR",
    )


def check_complete(plan: Plan) -> None:
    """Raises CannotStart E-SKIPPED when a row or a column that was asked for would be left out."""
    skipped = [(row.spec.name, row.skip.reason) for row in plan.rows]
    skipped += [(column.spec.label, column.skip.reason) for column in plan.columns]
    if lacking := [f"{name}: {reason}" for name, reason in skipped if reason]:
        raise CannotStart(
            "E-SKIPPED",
            f"--strict: {len(lacking)} of what was asked for would be left out.",
            why="\n".join(lacking),
            fix="\n".join(plan.remedies) or "select without them: --variants, --metrics",
        )


def score_task(row: Row, unit: Unit, video: str, frames: str) -> ScoreTask | None:
    """The measurement of one video, None if nothing is missing."""
    names = row.score.get(unit.gen_key)
    if names is None:
        return None
    metrics, extractors = names
    return ScoreTask(unit.gen_key, row.spec.name, unit.item, unit.seed, video, frames, metrics, extractors)


def reference_tasks(plan: Plan) -> list[ReferenceTask]:
    """One task per extractor that some set metric waits for, so that features are ready before the first set is.

    Twice the number of items, as far as the reference reaches: a second part is what the noise floor is measured on.
    """
    names = sorted({extractor for row in plan.rows for extractor in row.sets})
    items = len(plan.items)
    return [ReferenceTask(name, max(items, min(2 * items, plan.suite.reference_size))) for name in names]


def aggregate_tasks(plan: Plan, row: Row, features: Mapping[tuple[str, str], str]) -> list[AggregateTask]:
    """The set metrics of a row whose features, (gen_key, extractor name) -> sha256, are all there."""
    tasks = []
    for extractor, metrics in row.sets.items():
        found = [Member(u.gen_key, u.item, features.get((u.gen_key, extractor), "")) for u in row.units]
        if all(member.features for member in found):
            tasks.append(AggregateTask(row.set_key, row.spec.name, extractor, metrics, tuple(found), len(plan.items)))
    return tasks


def _row(
    suite: Suite,
    places: Sequence[tuple[ItemKey, str, int]],
    spec: VariantSpec,
    columns: Sequence[Column],
    reference_key: str,
    have: Have,
    again: Collection[str],
) -> Row:
    variant_key, protocol_key = spec.key, suite.protocol.key
    keys = generation_keys(variant_key, ((item, seed) for item, _, seed in places), protocol_key)
    units = tuple(Unit(key, slug, seed) for key, (_, slug, seed) in zip(keys, places, strict=True))
    key = set_key([unit.gen_key for unit in units], reference_key)
    sets: dict[str, tuple[str, ...]] = {}
    wanted: dict[str, str] = {}  # extractor name -> key, where some set metric is missing
    for column in columns:
        if column.spec.scope == "set" and not column.skip.reason and (key, column.key) not in have.set_scores:
            sets[column.spec.extractor] = (*sets.get(column.spec.extractor, ()), column.spec.name)
            wanted[column.spec.extractor] = column.extractor_key
    there, absent, complete = _at_hand(units, wanted.values(), have) if spec.imported else (units, 0, True)
    if not reference_key or len({slug for _, slug, _ in places}) < MIN_SET_ITEMS or not complete:
        sets, wanted = {}, {}
    measured = [(c.spec.name, c.key) for c in columns if c.spec.scope == "video" and not c.skip.reason]
    everything = (tuple(name for name, _ in measured), tuple(wanted))
    score: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
        unit.gen_key: names
        for unit in there
        if any(names := _unscored(unit.gen_key, measured, wanted, have) if unit.gen_key in have.videos else everything)
    }
    # A video is made when it was never made, or when it still has to be measured and its master is gone.
    make = tuple(
        GenerateTask(unit.gen_key, spec.name, unit.item, unit.seed)
        for unit in (() if spec.imported else units)
        if (made := have.videos.get(unit.gen_key)) is None or (unit.gen_key in score and not made.present)
    )
    twice = [unit for unit in units if unit.item in again and not spec.imported]
    redo = _again(spec.name, twice, {task.gen_key for task in make}, have)
    return Row(spec, Skip(), units, make, redo, score, key, sets, have.seconds.get(variant_key), absent)


def _at_hand(units: Sequence[Unit], extractors: Collection[str], have: Have) -> tuple[Sequence[Unit], int, bool]:
    """Of an imported row: the videos that can be measured, how many were never imported, and whether its set can be
    compared. What is missing cannot be made here, so that a set which is not complete will never be."""
    imported = [unit for unit in units if unit.gen_key in have.videos]
    there = [unit for unit in imported if have.videos[unit.gen_key].present]
    gone = [unit for unit in imported if not have.videos[unit.gen_key].present]
    seen = all((unit.gen_key, key) in have.features for unit in gone for key in extractors)
    return there, len(units) - len(imported), seen and len(imported) == len(units)


def _again(variant: str, units: Sequence[Unit], missing: Collection[str], have: Have) -> tuple[GenerateTask, ...]:
    """The second making of videos; one that is missing is made for the first time instead."""
    there = [(unit, have.videos[unit.gen_key]) for unit in units if unit.gen_key not in missing]
    return tuple(
        GenerateTask(unit.gen_key, variant, unit.item, unit.seed, first=made.frames, first_video=made.video)
        for unit, made in there
    )


def _unscored(
    gen_key: str, metrics: Sequence[tuple[str, str]], extractors: Mapping[str, str], have: Have
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the video metrics, given with their keys, and of the extractors that a video still lacks."""
    scores = tuple([name for name, key in metrics if (gen_key, key) not in have.scores])
    features = tuple([name for name, key in extractors.items() if (gen_key, key) not in have.features])
    return scores, features


def _estimate(suite: Suite, rows: Sequence[Row], have: Have) -> Estimate:
    unknown = tuple(row.spec.name for row in rows if (row.make or row.redo) and row.seconds is None)
    known = sum(row.seconds * (len(row.make) + len(row.redo)) for row in rows if row.seconds is not None)
    measured = sum(len(row.score) for row in rows) * (have.score_seconds or 0.0)
    nothing = bool(unknown) or (have.score_seconds is None and any(row.score for row in rows))
    videos = sum(len(row.make) + len(row.redo) for row in rows)
    protocol = suite.protocol
    # Before the first video is known, the raw size bounds what the lossless codec can need.
    each = have.video_bytes or protocol.num_frames * protocol.height * protocol.width * 3
    return Estimate(None if nothing else known + measured, unknown, int(videos * each) + SPARE_BYTES * bool(videos))
