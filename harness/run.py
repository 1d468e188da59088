"""`harness run`, step by step: lock, recover, plan, work, summary. The loop itself is in `harness.coordinator`."""

from __future__ import annotations

import dataclasses
import shutil
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import FrameType
from typing import Protocol

import harness
from harness.allowance import parse_allowance
from harness.coordinator import Coordinator, Watcher
from harness.disk import as_disk_allows, disk_stop, is_full, is_shut
from harness.engines.base import Engine
from harness.engines.local import LocalEngine, WorkerSettings
from harness.engines.parcels import bring_leftovers
from harness.environment import git_state, new_run_id
from harness.errors import EXIT_DONE, EXIT_INTERRUPTED, EXIT_PARTIAL
from harness.lock import FolderLock
from harness.machine import free_bytes
from harness.outcome import Outcome
from harness.paths import database, run_folder, scratch, spool
from harness.plan import Have, Made, Plan, check_complete, check_disk, make_plan
from harness.queries import RunRecord
from harness.registry import MetricSpec, VariantSpec, source_digest
from harness.shelf import check_not_away, set_shelf, shelf_of
from harness.sources import accept_sources, changed_sources
from harness.spool import sweep
from harness.status import now, write_status
from harness.store import Store
from harness.summary import Recorded, ScoreValue, SetValue, Summary, summarise
from harness.watchdog import Watchdog
from harness.wishes import RunOptions, Wishes, resolve_wishes, with_absolute_paths

EngineFactory = Callable[[WorkerSettings], Engine]

# Seconds to wait for another process that reads the index: in the loop, which comes back, and everywhere else.
BRIEFLY, PATIENCE = 1.0, 120.0


class Console(Watcher, Protocol):
    """Everything that a run shows or asks."""

    def header(self, wishes: Wishes, results: Path) -> None:
        """Say what is about to run, and where."""
        ...

    def plan(self, plan: Plan, free: int, dry_run: bool) -> None:
        """Show the plan."""
        ...

    def confirm(self, question: str) -> bool:
        """Ask before a long run; without anybody to ask, the answer is yes."""
        ...

    def summary(self, summary: Summary, plan: Plan, outcome: Outcome, run_id: str) -> None:
        """Show the table and what the run did; an empty ``run_id`` means that nothing was to do."""
        ...


def run(options: RunOptions, console: Console, engine: EngineFactory = LocalEngine) -> int:
    """Do what is missing and show the table; returns the exit code.

    Raises:
        UsageError: an unknown name or a broken plugin that was selected.
        CannotStart: E-LOCK, E-DISK, E-WEIGHTS, E-WEIGHTS-DIGEST, E-NO-GPU; E-SKIPPED, with ``strict``.
        ItemError: E-FAILURES, as many failures as ``max_failures``.
        Refused: E-SUITE.
    """
    options = with_absolute_paths(options)
    if options.max_failures:
        parse_allowance(options.max_failures, 1)  # a mistake is told before anything is looked up
    wishes = resolve_wishes(options)
    console.header(wishes, options.results)
    for note in wishes.notes:
        console.note(note)
    if options.dry_run and not options.results.exists():
        plan = _plan(wishes, options, Have())
        console.plan(plan, free_bytes(options.results), dry_run=True)
        if options.strict:
            check_complete(plan)
        return EXIT_DONE
    with FolderLock(options.results), _told_of_the_disk(options.results):
        return _locked(options, wishes, console, engine)


def _locked(options: RunOptions, wishes: Wishes, console: Console, engine: EngineFactory) -> int:
    results = options.results
    if options.artefacts and not options.dry_run:
        set_shelf(results, options.artefacts)
    for note in recover(results, wishes):
        console.note(note)
    have = look_up(results, wishes, options.limit)
    plan = _plan(wishes, options, have)
    if options.accept_sources and not options.dry_run:
        accept_sources(results, plan, options.accept_sources, wait=PATIENCE)
    for note in changed_sources(results, plan, wait=PATIENCE):
        console.note(note)
    free = free_bytes(results)
    console.plan(plan, free, options.dry_run)
    check_disk(plan, free, str(results))
    if options.strict:
        check_complete(plan)
    if options.dry_run:
        return EXIT_DONE
    if not plan.to_do:
        console.summary(summarise(plan, read_scores(results, plan)), plan, Outcome(), "")
        return EXIT_DONE
    seconds = plan.estimate.seconds or 0.0
    question = f"This takes about {seconds / 3600:.1f} h. Go on?"
    if seconds > options.confirm_above and not options.yes and not console.confirm(question):
        return EXIT_INTERRUPTED
    record, outcome = _work(options, wishes, plan, have, console, engine)
    with as_disk_allows() if outcome.stopped else nullcontext():
        console.summary(summarise(plan, read_scores(results, plan)), plan, outcome, record.run_id)
    if outcome.stopped:
        raise outcome.stopped
    if outcome.interrupted:
        return EXIT_INTERRUPTED
    return EXIT_PARTIAL if outcome.failed or outcome.left else EXIT_DONE


def _work(
    options: RunOptions, wishes: Wishes, plan: Plan, have: Have, console: Console, factory: EngineFactory
) -> tuple[RunRecord, Outcome]:
    results = options.results
    record = new_run_record(options.argv)
    coordinator = _coordinator(options, wishes, plan, have, console, factory, record.run_id)
    state = "interrupted"
    try:
        _begin(results, wishes, plan, record)  # after the engine: what that refuses is no run
        with _signals(coordinator.interrupt):
            outcome = coordinator.run()
        _remove_half_written(results)  # of workers that died; the others have ended
        with as_disk_allows():
            outcome.left += _ingest(results, console, PATIENCE)  # what a reader of the index has kept out so far
        partial = "partial" if outcome.failed or outcome.left or outcome.stopped else "complete"
        state = "interrupted" if outcome.interrupted else partial
    finally:
        coordinator.engine.close(kill=True)  # its workers, where the loop was not reached
        # Where not even this can be written, the next run finds that this one did not end cleanly.
        with as_disk_allows():
            with Store(results, wait=PATIENCE) as store:
                store.record_run(dataclasses.replace(record, status=state, finished_at=now()))
            write_status(coordinator.folder, coordinator.status(state))
    return record, outcome


def _coordinator(
    options: RunOptions,
    wishes: Wishes,
    plan: Plan,
    have: Have,
    console: Console,
    factory: EngineFactory,
    run_id: str,
) -> Coordinator:
    """The loop with its engine, whose workers are started here."""
    results, allowed = options.results, options.max_failures
    on_gpu = frozenset(row.spec.name for row in plan.runnable if row.spec.needs.gpu)
    devices = wishes.machine.devices if on_gpu else ("cpu",)
    plugins = tuple(wishes.registry.files)  # those of harness.toml too: a worker may run elsewhere
    settings = WorkerSettings(
        results, options.suite, run_id, plugins, devices, options.threads, options.workers, on_gpu
    )
    names = {column.extractor_key: column.spec.extractor for column in plan.columns if column.extractor_key}
    return Coordinator(
        plan,
        factory(settings),
        console,
        have={key: (made.video, made.frames) for key, made in have.videos.items()},
        features={(gen, names[key]): sha for (gen, key), sha in have.features.items() if key in names},
        ingest=lambda: _ingest(results, console),
        folder=run_folder(results, run_id),
        spool=spool(results) / run_id / "coordinator",
        run_id=run_id,
        lighter=int(options.offload),
        watchdog=Watchdog(options.task_timeout, known_costs(plan, have)),
        max_failures=parse_allowance(allowed, plan.videos_to_do + plan.scores_to_do) if allowed else None,
    )


def recover(results: Path, wishes: Wishes) -> list[str]:
    """Index what earlier runs left behind and mark those that did not end. Only with the folder locked."""
    notes = []
    if (shelf := shelf_of(results)) and (sent := bring_leftovers(shelf, results)):
        notes.append(f"fetched {sent} parcels that jobs of an earlier run had sent")
    removed = _remove_half_written(results)
    had_index = database(results).is_file()
    with Store(results, wait=PATIENCE) as store:
        store.record_suite(wishes.suite.suite, wishes.suite.reference_key)
        done = store.ingest_spool()
        crashed = [record for record in store.runs() if record.status == "running"]
        for record in crashed:
            store.record_run(dataclasses.replace(record, status="crashed", finished_at=now()))
        rebuilt = store.rebuilt
    if rebuilt and rebuilt.envelopes and not had_index:
        notes.append(f"the index was made again from {rebuilt.envelopes} envelopes")
    notes += [f"run {record.run_id[:8]} did not end cleanly" for record in crashed]
    if recovered := sum(done.rows.get(table, 0) for table in ("generations", "scores", "set_scores")):
        notes.append(f"recovered {recovered} finished results that had not been indexed")
    if removed:
        notes.append(f"{removed} half-written file{'s' * (removed != 1)} removed")
    notes += [f"{refusal.origin} was refused: {refusal.reason}" for refusal in done.refused]
    return notes


def look_up(results: Path, wishes: Wishes, limit: int | None) -> Have:
    """What the folder holds of what is wanted."""
    suite = wishes.suite
    everything = make_plan(suite.suite, limit, wishes.variants, wishes.columns, suite.reference_key, Have())
    keys = [unit.gen_key for row in everything.rows for unit in row.units]
    variant_keys = [str(row.spec.key) for row in everything.runnable]
    with Store(results, wait=PATIENCE) as store:
        made = store.generations(keys)
        videos = {g.gen_key: Made(g.video_sha256, g.frames_sha256, store.there(g.relpath)) for g in made}
        if not any(video.present for video in videos.values()):
            check_not_away(results, len(videos))
        return Have(
            videos=videos,
            scores=frozenset(store.have_scores(keys)),
            features={(f.gen_key, f.extractor_key): f.sha256 for f in store.features(keys)},
            set_scores=frozenset(
                (s.set_key, s.metric_key) for s in store.set_scores([row.set_key for row in everything.runnable])
            ),
            seconds=store.seconds_per_video(variant_keys),
            score_seconds=_score_seconds(store, wishes),
            video_bytes=sum(g.video_bytes for g in made) / len(made) if made else None,
        )


def read_scores(results: Path, plan: Plan) -> Recorded:
    """Everything that the summary of a plan shows."""
    keys = [unit.gen_key for row in plan.rows for unit in row.units]
    columns = [column.key for column in plan.columns]
    with Store(results, wait=PATIENCE) as store:
        scores = {
            (gen_key, metric_key): ScoreValue(value, status, reason)
            for gen_key, metric_key, value, status, reason in store.score_values(keys, columns)
        }
        sets = {
            (s.set_key, s.metric_key): SetValue(
                s.value,
                s.n,
                s.stderr,
                s.ci_low,
                s.ci_high,
                s.detail.get("floor"),
                s.detail.get("floor_n", 0),
                s.reason,
                bool(s.detail.get("small_n")),
                tuple(s.detail.get("jackknife", ())),
            )
            for s in store.set_scores([row.set_key for row in plan.rows if row.set_key])
        }
        seconds = {g.gen_key: g.seconds for g in store.generations(keys)}
    return Recorded(scores, sets, seconds)


def known_costs(plan: Plan, have: Have) -> dict[str, float]:
    """Seconds of a task by `harness.coordinator.cost_name`, from earlier runs."""
    known = {f"generate {row.spec.name}": row.seconds for row in plan.runnable if row.seconds is not None}
    return known | ({"score": have.score_seconds} if have.score_seconds is not None else {})


def variant_record(spec: VariantSpec) -> dict[str, object]:
    """What is recorded about a variant."""
    weights = {weight.name: weight.sha256 for weight in spec.needs.weights}
    fields = ("name", "revision", "family", "role", "summary", "params")
    return {**{name: getattr(spec, name) for name in fields}, "weights": weights}


def metric_record(spec: MetricSpec) -> dict[str, object]:
    """What is recorded about a metric."""
    fields = ("name", "version", "scope", "better", "unit", "summary", "beside", "extractor")
    return {**{name: getattr(spec, name) for name in fields}, "params": dict(spec.params)}


def _plan(wishes: Wishes, options: RunOptions, have: Have) -> Plan:
    suite = wishes.suite
    return make_plan(
        suite.suite, options.limit, wishes.variants, wishes.columns, suite.reference_key, have, wishes.redo
    )


def new_run_record(argv: tuple[str, ...]) -> RunRecord:
    """The record of a run that begins now, on this machine, with this state of the source."""
    git = git_state() or {}
    return RunRecord(
        run_id=new_run_id(),
        started_at=now(),
        status="running",
        argv=argv,
        harness_version=harness.__version__,
        git_commit=git.get("commit"),
        git_dirty=git.get("dirty"),
        host=socket.gethostname(),
    )


def _begin(results: Path, wishes: Wishes, plan: Plan, record: RunRecord) -> None:
    with Store(results, wait=PATIENCE) as store:
        for row in plan.runnable:
            store.record_variant(row.spec.key, variant_record(row.spec), source_digest(row.spec))
        for column in plan.columns:
            store.record_metric(column.key, metric_record(column.spec), source_digest(column.spec))
        store.record_run(record)


def _ingest(results: Path, console: Console, wait: float = BRIEFLY) -> int:
    with Store(results, wait=wait) as store:
        refused = store.ingest_spool().refused
    for refusal in refused:
        console.note(f"{refusal.origin} was refused: {refusal.reason}")
    return len(refused)


def _score_seconds(store: Store, wishes: Wishes) -> float | None:
    keys = [column.key for column in wishes.columns if column.spec.scope == "video"]
    known = store.seconds_per_score(keys)
    return sum(known.values()) if len(known) == len(keys) else None


def _remove_half_written(results: Path) -> int:
    """Remove what was not written to its end, and count it. Only while no worker writes."""
    folder = scratch(results)
    litter = list(folder.iterdir()) if folder.is_dir() else []
    shutil.rmtree(folder, ignore_errors=True)
    return len(litter) + len(sweep(spool(results)))


@contextmanager
def _told_of_the_disk(results: Path) -> Iterator[None]:
    """What the loop itself does not meet: a disk that is full or read-only before its start or after its end."""
    try:
        yield
    except OSError as error:
        if not is_full(error) and not is_shut(error, results):
            raise
        raise disk_stop("E-DISK" if is_full(error) else "E-RESULTS", str(results), str(error)) from error


@contextmanager
def _signals(interrupt: Callable[[], None]) -> Iterator[None]:
    """Ctrl-C and a polite kill ask the run to stop; what they meant before comes back afterwards."""

    def handle(number: int, frame: FrameType | None) -> None:
        interrupt()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
