"""`harness import`: take videos that something else made into a results folder, so that they are measured like any row.

Each is decoded once, held to the suite's protocol (`harness.import_check`), and kept as a lossless master with exactly
these frames. What is refused is listed with its reason; the others are imported all the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness.disk import is_full
from harness.environment import describe, env_key
from harness.errors import CannotStart, ItemError, UsageError
from harness.generating import generation_record, store_master
from harness.import_check import Checked, Rules, check
from harness.import_sources import Candidate, find_candidates
from harness.imported import Record, check_name, read_record, record_path, register, write_record
from harness.keys import sha256_file
from harness.lock import FolderLock
from harness.model import Item, frames_digest, generation_key
from harness.paths import video_relpath
from harness.queries import Generation, RunRecord
from harness.registry import VariantSpec, load_plugins
from harness.run import new_run_record, variant_record
from harness.status import now
from harness.store import Store
from harness.suite import LoadedSuite, load_suite
from harness.workbench import Workbench


@dataclass(frozen=True)
class ImportOptions:
    """The options of ``harness import``."""

    source: Path
    record: Record
    results: Path
    rules: Rules = field(default_factory=Rules)
    plugins: tuple[Path, ...] = ()
    argv: tuple[str, ...] = ()
    dry_run: bool = False


@dataclass(frozen=True)
class Refusal:
    """A video that was not imported, and why."""

    name: str
    why: str


@dataclass
class Report:
    """What an import did: names of the videos taken, of those that were there already, and what was refused."""

    label: str
    taken: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)


def import_videos(options: ImportOptions) -> Report:
    """Import what can be imported.

    Raises:
        UsageError: E-IMPORT, there is nothing to import; E-IMPORTED, the row cannot be called so; E-UNKNOWN.
        CannotStart: E-LOCK, E-RESULTS, E-DISK.
    """
    options = replace(options, results=options.results.absolute(), source=options.source.absolute())
    load_plugins(options.plugins)
    suite = load_suite(options.record.suite)
    record = replace(options.record, suite=suite.suite.name)
    check_name(record)
    candidates = find_candidates(options.source, suite.suite)
    if options.dry_run:
        return _dry(candidates, suite, record, options.rules)
    with FolderLock(options.results):
        register(options.results)
        _check_revision(options.results, record)
        return _locked(options, suite, record, candidates)


def _locked(options: ImportOptions, suite: LoadedSuite, record: Record, candidates: Sequence[Candidate]) -> Report:
    results, spec = options.results, record.spec()
    run = _begin(options, suite, spec)
    bench = Workbench(results, suite, register(results), run.run_id, "import")
    described = {**describe(with_torch=False), "device": "none", "threads": 1}
    bench.env_key = env_key(described)
    bench.envelope("environment", {"kind": "environment", "spec": described})
    report = Report(f"{spec.name}@{spec.revision}")
    state = "interrupted"
    try:
        held = _held(results, suite, spec)
        for candidate in candidates:
            _one(bench, spec, candidate, options.rules, held, report)
        state = "partial" if report.refused else "complete"
    finally:
        with Store(results) as store:
            store.ingest_spool()
            store.record_run(replace(run, status=state, finished_at=now()))
        if report.taken or report.known:
            write_record(results, record)
    register(results)
    return report


def _one(
    bench: Workbench,
    spec: VariantSpec,
    candidate: Candidate,
    rules: Rules,
    held: Mapping[str, Generation],
    report: Report,
) -> None:
    try:
        checked = check(candidate, bench.suite.suite.protocol, rules)
        key = _key(bench, spec, candidate)
        if key not in held:
            _take(bench, spec, candidate, checked)
            report.taken.append(candidate.name)
        elif held[key].frames_sha256 == frames_digest(checked.frames):
            report.known.append(candidate.name)
        else:
            why = f"{report.label} has another video there; --revision {spec.revision + 1} is a row of its own"
            raise ItemError("E-IMPORT", f"{candidate.name} was not imported.", why=why)
    except ItemError as error:
        report.refused.append(Refusal(candidate.name, error.why))
    except OSError as error:
        if is_full(error):
            raise _disk_full(bench.results, report) from error
        raise


def _take(bench: Workbench, spec: VariantSpec, candidate: Candidate, checked: Checked) -> None:
    """Store a video's master and commit it."""
    suite, item = bench.suite.suite, bench.item(candidate.item)
    sha256, frames_sha256, size = store_master(bench, checked.frames, suite.protocol.fps)
    key = _key(bench, spec, candidate)
    bench.envelope(
        f"generation-{key}",
        {
            **generation_record(key, spec, item, candidate.seed, suite.protocol),
            "video_sha256": sha256,
            "frames_sha256": frames_sha256,
            "relpath": video_relpath(sha256),
            "video_bytes": size,
            "seconds": candidate.seconds,
            "attempts": 1,
            "imported": _origin(candidate, checked),
        },
    )


def _origin(candidate: Candidate, checked: Checked) -> dict[str, Any]:
    """Where a video came from, kept with it: the file's name and digest, and what it had and declared."""
    path = candidate.path
    sha256 = None if path.is_dir() else sha256_file(path)
    told = {"decoded": checked.decoded, "declared": checked.declared, "fps": checked.fps}
    return {"name": candidate.name, "sha256": sha256, **told}


def _key(bench: Workbench, spec: VariantSpec, candidate: Candidate) -> str:
    item: Item = bench.item(candidate.item)
    return generation_key(spec.key, item.key, candidate.seed, bench.suite.suite.protocol.key)


def _held(results: Path, suite: LoadedSuite, spec: VariantSpec) -> dict[str, Generation]:
    """The row's videos that are imported already and whose files are there, by key."""
    keys = [
        generation_key(spec.key, item.key, seed, suite.suite.protocol.key)
        for item in suite.suite.items
        for seed in suite.suite.seeds
    ]
    with Store(results) as store:
        return dict(store.have_generations(keys))


def _begin(options: ImportOptions, suite: LoadedSuite, spec: VariantSpec) -> RunRecord:
    run = new_run_record(options.argv)
    with Store(options.results) as store:
        store.record_suite(suite.suite, suite.reference_key)
        store.record_variant(spec.key, variant_record(spec), "")
        store.record_run(run)
    return run


def _dry(candidates: Sequence[Candidate], suite: LoadedSuite, record: Record, rules: Rules) -> Report:
    report = Report(f"{record.name}@{record.revision}")
    for candidate in candidates:
        try:
            check(candidate, suite.suite.protocol, rules)
            report.taken.append(candidate.name)
        except ItemError as error:
            report.refused.append(Refusal(candidate.name, error.why))
    return report


def _check_revision(results: Path, record: Record) -> None:
    path = record_path(results, record.name)
    if path.is_file() and (held := read_record(path)).revision > record.revision:
        raise UsageError(
            "E-IMPORTED",
            f"{record.name} is at revision {held.revision} already.",
            where=str(path),
            fix=f"--revision {held.revision} adds to it, --revision {held.revision + 1} begins a new one",
        )


def _disk_full(results: Path, report: Report) -> CannotStart:
    return CannotStart(
        "E-DISK",
        f"The import stopped after {len(report.taken)} videos because the disk is full. They are safe.",
        where=str(results),
        fix="free some space and give the same command again: it goes on where it stopped",
    )
