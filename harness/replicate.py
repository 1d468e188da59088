"""`harness run --replicate N`: make rows of published results again on this machine, and say whether they are the same.

Nothing enters the index: what is made here is compared and dropped, and a record of the comparison is written
(`harness.replication`). Rows are drawn at random, so that whoever publishes cannot know which will be checked.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.calls import call
from harness.clip import Clip
from harness.environment import describe, env_key
from harness.errors import CannotStart, HarnessError, Refused
from harness.generating import GenerateStage
from harness.machine import look
from harness.model import generation_key
from harness.paths import published, video_relpath
from harness.reference_folder import with_reference
from harness.registry import MetricSpec, Registry, VariantSpec, load_plugins
from harness.replication import Again, Compared, Replication, choose, dump, limits, relative_path
from harness.scoring import checked_score
from harness.spool import write_atomic
from harness.status import now
from harness.submission import PublishedRow, Submission, read
from harness.submission import relative_path as result_path
from harness.suite import LoadedSuite, load_suite
from harness.tasks import GenerateTask
from harness.video import read_master
from harness.weights import missing
from harness.wishes import RunOptions, chosen_variants, real_lengths, why_skip
from harness.workbench import Workbench

Say = Callable[[str], None]


@dataclass(frozen=True)
class Check:
    """One published result and the variant of this installation that is held against it."""

    path: Path
    result: Submission
    spec: VariantSpec


def replicate(options: RunOptions, count: int, say: Say) -> list[tuple[Path, Replication]]:
    """Check ``count`` rows of every selected variant's published file; gives the records and where they were written.

    Raises:
        UsageError: E-UNKNOWN, E-PLUGIN.
        Refused: E-RESULT, no file to check; E-COMPARE, the variant or suite here is another than the published one.
        CannotStart: E-NEEDS, a variant that was selected cannot run here.
    """
    registry, suite = load_plugins(options.plugins), with_reference(load_suite(options.suite))
    chosen = chosen_variants(registry, options.variants, suite)
    checks = list(_checks(chosen, suite, options.results, named=options.variants is not None))
    if not checks:
        where = published(options.results) / result_path(suite.suite.name, suite.suite.version, "x", 1).parent
        fix = "take the published files: git pull, or --results FOLDER"
        raise Refused("E-RESULT", "There is no published result to check.", where=str(where), fix=fix)
    written = []
    for check in checks:
        record = _replicate(check, suite, registry, count, options.threads, say)
        path = options.results / "replications" / relative_path(record)
        write_atomic(path, dump(record))
        written.append((path, record))
    return written


def _checks(specs: Sequence[VariantSpec], suite: LoadedSuite, results: Path, named: bool) -> Iterator[Check]:
    for spec in specs:
        path = published(results) / result_path(suite.suite.name, suite.suite.version, spec.name, spec.revision)
        if not path.is_file():
            continue
        skip = why_skip(spec, look(), suite, real_lengths(suite))
        if skip.reason and named:
            raise CannotStart("E-NEEDS", f"{spec.name} cannot run here.", why=skip.reason, fix=skip.remedy)
        if skip.reason:
            continue
        result = read(path)
        _same(result, spec, suite, path)
        yield Check(path, result, spec)


def _same(result: Submission, spec: VariantSpec, suite: LoadedSuite, path: Path) -> None:
    """Raises Refused E-COMPARE when the published result is about something else."""
    pairs = ((result.suite.key, suite.suite.key, "suite"), (result.variant.key, spec.key, "variant"))
    for theirs, ours, what in pairs:
        if theirs != ours:
            raise Refused(
                "E-COMPARE",
                f"The {what} here is another than the published one.",
                where=str(path),
                why=f"its key is {ours}, the file's {theirs}: settings, weights or items differ",
                fix="install the release that the file names in run/harness_version, with its weights",
            )


def _replicate(check: Check, suite: LoadedSuite, registry: Registry, count: int, threads: int, say: Say) -> Replication:
    drawn = secrets.randbits(32)
    rows, bounds = choose(check.result.rows, count, drawn), limits(check.result)
    metrics = list(_metrics(check.result, registry))
    machine = look()
    device = machine.devices[0] if check.spec.needs.gpu else "cpu"
    with tempfile.TemporaryDirectory() as scratch:
        bench = Workbench(Path(scratch), suite, registry, "replication", "replicate", device, threads or 1)
        stage = GenerateStage(bench)
        again = []
        for row in rows:
            found = _again(row, check.spec, bench, stage, metrics, bounds)
            say(told(check.spec.name, found))
            again.append(found)
    environment = {**describe(with_torch=device != "cpu"), "device": device, "threads": threads or 1}
    label = f"{check.spec.name}@{check.spec.revision}"
    identity = (suite.suite.label, label, check.spec.key, env_key(environment))
    return Replication(*identity, environment, now(), drawn, tuple(again))


def _again(
    row: PublishedRow,
    spec: VariantSpec,
    bench: Workbench,
    stage: GenerateStage,
    metrics: Sequence[MetricSpec],
    bounds: dict[str, float],
) -> Again:
    suite, item = bench.suite.suite, bench.item(row.item)
    key = generation_key(spec.key, item.key, row.seed, suite.protocol.key)
    made = stage.run(GenerateTask(key, spec.name, row.item, row.seed))
    path = bench.results / video_relpath(made["video_sha256"])
    clip = Clip(read_master(path), suite.protocol.fps, bench.suite.image(item))
    bench.settle_libraries()
    scores = {}
    for metric in metrics:
        held = row.scores.get(metric.label)
        if held is not None:
            found = _measured(metric, clip, item)
            scores[metric.label] = Compared(held.value, found, bounds[metric.label])
    path.unlink()
    return Again(row.item, row.seed, row.frames, made["frames_sha256"] == row.frames, scores)


def _measured(metric: MetricSpec, clip: Clip, item: object) -> float | None:
    try:
        return checked_score(call(metric.function, (clip,), {"item": item}), metric).value
    except HarnessError:
        return None  # as a run would: a video that this metric cannot take has no score


def _metrics(result: Submission, registry: Registry) -> Iterator[MetricSpec]:
    """The video metrics of a file that are the same here, and have their weights."""
    keys = {metric.key for metric in result.metrics}
    for spec in registry.metrics.values():
        if spec.scope == "video" and str(registry.metric_key(spec)) in keys and not missing(spec.weights):
            yield spec


def told(variant: str, row: Again) -> str:
    """One row for people."""
    label = f"{variant} {row.item} s{row.seed}"
    if row.bitwise:
        return f"{label}: frames bitwise equal"
    off = [f"{name} {score.published} -> {score.found}" for name, score in row.scores.items() if not score.within]
    if off:
        return f"{label}: differs; {', '.join(off)}"
    return f"{label}: other frames, {len(row.scores)} scores within their limits" if row.scores else f"{label}: differs"
