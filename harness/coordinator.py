"""The loop of one run: feed the engine, follow what comes back, index it, and know when to stop.

It decides what is tried again and what follows from what; the engine only decides where tasks run, and the database
sees nothing but batches of envelopes.
"""

from __future__ import annotations

import dataclasses
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol

from harness.allowance import too_many
from harness.disk import as_disk_allows, disk_stop
from harness.engines.base import Engine
from harness.errors import CannotStart
from harness.outcome import Failed, Outcome
from harness.plan import Plan, Row, Unit, aggregate_tasks, reference_tasks, score_task
from harness.redo import Redone
from harness.spool import write_envelope
from harness.status import Status, now, write_status
from harness.tasks import (
    MAX_ATTEMPTS,
    MAX_MEMORY_ATTEMPTS,
    AggregateTask,
    Event,
    Fault,
    GenerateTask,
    ReferenceTask,
    ScoreTask,
    Task,
    again,
    lighter,
)
from harness.watchdog import Watchdog

POLL_SECONDS = 0.2
INGEST_SECONDS = 2.0
INGEST_ENVELOPES = 200
STATUS_SECONDS = 1.0


class Watcher(Protocol):
    """What a run tells whoever looks on."""

    def note(self, text: str) -> None:
        """Something worth a line."""
        ...

    def happened(self, event: Event) -> None:
        """A task started or ended."""
        ...

    def failed(self, failed: Failed) -> None:
        """A piece of work was given up."""
        ...

    def progress(self, status: Status) -> None:
        """The counts, about once a second."""
        ...


class Coordinator:
    """Runs one plan on one engine.

    Args:
        have: digests of (video, frames) by gen_key, for videos that are already there.
        features: sha256 of feature files by (gen_key, extractor name), for those already there.
        ingest: index the spool; returns how many envelopes it refused, whose work is still to do. Raises CannotStart
            E-LOCK while another process reads the index.
        folder: the run's folder, for ``status.json``.
        spool: the folder for the coordinator's own envelopes (failures of lost workers).
        lighter: how many steps towards less memory every video is begun with.
        watchdog: how long each task may take; by default as long as `harness.watchdog` derives.
        max_failures: at how many failures the run stops by itself; None for never.
    """

    def __init__(
        self,
        plan: Plan,
        engine: Engine,
        watcher: Watcher,
        *,
        have: Mapping[str, tuple[str, str]],
        features: Mapping[tuple[str, str], str],
        ingest: Callable[[], int],
        folder: Path,
        spool: Path,
        run_id: str,
        lighter: int = 0,
        watchdog: Watchdog | None = None,
        max_failures: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.lighter, self.watchdog, self.max_failures = lighter, watchdog or Watchdog(), max_failures
        self.plan, self.engine, self.watcher = plan, engine, watcher
        self.features = dict(features)
        self.ingest, self.folder, self.spool, self.run_id, self.clock = ingest, folder, spool, run_id, clock
        self.have = have
        self.outcome = Outcome()
        self.interrupts = 0
        self._units: dict[str, tuple[Row, Unit]] = {u.gen_key: (row, u) for row in plan.rows for u in row.units}
        self._pending: dict[str, Task] = {}
        self._sets_done: set[str] = set()
        self._draining = False
        self._videos, self._scores = plan.videos_to_do, plan.scores_to_do
        self._spent: dict[str, list[float]] = defaultdict(list)
        self._started_at, self._new_envelopes = now(), 0
        self._last_ingest = self._last_status = clock()
        self._told_lock = False
        self._shut: tuple[str, str] | None = None  # code and reason, where the disk ends the run

    def interrupt(self) -> None:
        """Called by a signal: once to finish what is in hand, twice to drop it."""
        self.interrupts += 1

    def run(self) -> Outcome:
        """Work until nothing is pending, or the user or a full disk ends it. Always leaves the spool indexed."""
        try:
            self._submit_all()
            while self._pending:
                if self.interrupts > 1:
                    self.outcome.left += len(self._pending)
                    break
                if self.interrupts and not self._draining:
                    self.outcome.interrupted = True
                    self._drain("Stopping: finishing what is in hand (Ctrl-C again to drop it)")
                for event in self.engine.poll(POLL_SECONDS):
                    self._handle(event)
                self._tick()
        finally:
            self.engine.close(kill=self.interrupts > 1 or bool(self._pending))
            self._index()
        if self._draining:
            self.outcome.left += sum(bool(row.sets) and row.set_key not in self._sets_done for row in self.plan.rows)
        if self._shut and not self.outcome.stopped:
            self.outcome.stopped = self._stopped_by_disk(*self._shut)
        return self.outcome

    def status(self, state: str) -> Status:
        """The counts as they are now."""
        failed = len(self.outcome.failed)
        hand = dict(self.engine.in_hand()) if state == "running" else {}
        made, scored = self.outcome.made + len(self.outcome.redone), self.outcome.scored
        eta = self._eta() if state == "running" else None
        return Status(
            self.run_id, state, self._started_at, now(), made, self._videos, scored, self._scores, failed, hand, eta
        )

    def _submit_all(self) -> None:
        for reference in reference_tasks(self.plan):
            self._submit(reference)
        for row in self.plan.runnable:
            to_make = {task.gen_key for task in row.make}
            for unit in row.units:
                if unit.gen_key not in to_make and unit.gen_key in row.score:
                    self._score(row, unit, *self.have[unit.gen_key])
            self._finish_sets(row)
        for row in self._longest_first():
            for task in (*row.make, *row.redo):
                self._submit(dataclasses.replace(task, lighter=self.lighter))

    def _longest_first(self) -> list[Row]:
        """The order of making: what takes longest first, so that no worker is left with a long tail alone."""
        return sorted(self.plan.runnable, key=lambda row: -len(row.make) * (row.seconds or 0.0))

    def _submit(self, task: Task) -> None:
        self._pending[task.id] = task
        self.engine.submit(task)

    def _score(self, row: Row, unit: Unit, video: str, frames: str) -> None:
        if task := score_task(row, unit, video, frames):
            self._submit(task)

    def _finish_sets(self, row: Row) -> None:
        if row.set_key not in self._sets_done and (tasks := aggregate_tasks(self.plan, row, self.features)):
            self._sets_done.add(row.set_key)
            for task in tasks:
                self._submit(task)

    def _handle(self, event: Event) -> None:
        self._new_envelopes += event.envelopes
        self.watcher.happened(event)
        if event.kind == "started":
            self.watchdog.started(event.task.id, cost_name(event.task), self.clock())
            return
        del self._pending[event.task.id]
        task = event.task  # as it was begun: lighter, perhaps, than it was submitted
        limit = self.watchdog.ended(task.id, event.seconds)
        self._spent[cost_name(task)].append(event.seconds)
        if event.kind == "finished":
            self._finished(task, event)
        elif event.kind == "lost" and limit is not None:
            self._hung(task, event, limit)
        else:
            self._failed(task, event)
        if shut := next((fault for fault in event.faults if fault.code in ("E-DISK", "E-RESULTS")), None):
            self._stop_for_disk(shut.code, shut.message)
        if self.max_failures and len(self.outcome.failed) >= self.max_failures and not self._draining:
            first = self.outcome.failed[0]
            self.outcome.stopped = too_many(len(self.outcome.failed), f"{first.label}: {first.code} {first.message}")
            self._drain("Too many failures: finishing what is in hand")

    def _finished(self, task: Task, event: Event) -> None:
        match task:
            case GenerateTask() if task.first:
                redone = Redone(task.label, **event.result["replicates"])
                self.outcome.redone.append(redone)
                self.watcher.note(redone.text())
            case GenerateTask():
                self.outcome.made += 1
                if task.attempt > 1 and (lightened := event.result.get("lightened")):
                    self.watcher.note(f"{task.label}: made with {', '.join(lightened)}; the result is the same")
                row, unit = self._units[task.gen_key]
                if not self._draining:
                    self._score(row, unit, event.result["video_sha256"], event.result["frames_sha256"])
                elif unit.gen_key in row.score:
                    self.outcome.left += 1
            case ScoreTask():
                self.outcome.scored += event.result["scores"]
                for extractor, sha256 in event.result["features"].items():
                    self.features[task.gen_key, extractor] = sha256
                self._part_failed(task, event)
                if not self._draining:
                    self._finish_sets(self._units[task.gen_key][0])
            case AggregateTask():
                self.outcome.scored += len(event.result["values"])
                self._give_up(task, event.faults, event.worker)
            case ReferenceTask():
                pass

    def _part_failed(self, task: ScoreTask, event: Event) -> None:
        """Try the failed metrics and extractors again where that can help, and record the others."""
        retry = {f.subject for f in event.faults if f.retryable} if self._may_retry(task) else set()
        self._give_up(task, (f for f in event.faults if f.subject not in retry), event.worker)
        if retry:
            metrics = tuple(m for m in task.metrics if m in retry)
            extractors = tuple(e for e in task.extractors if e in retry)
            self._submit(dataclasses.replace(task, metrics=metrics, extractors=extractors, attempt=task.attempt + 1))

    def _failed(self, task: Task, event: Event) -> None:
        fault = event.faults[0]
        if event.kind == "lost":
            self._record_lost(task, fault)
        ran_out = isinstance(task, GenerateTask) and fault.code == "E-MEMORY" and fault.retryable
        if isinstance(task, GenerateTask) and ran_out:
            if task.lighter - self.lighter < MAX_MEMORY_ATTEMPTS - 1 and not self._draining:
                self._lighter(task, "memory ran out")
                return
        elif fault.retryable and self._may_retry(task):
            if isinstance(task, GenerateTask) and fault.killed:
                self._lighter(task, "its worker was killed, as happens where memory runs out")
            else:
                self._submit(again(task))
            return
        self._give_up(task, event.faults, event.worker)

    def _lighter(self, task: GenerateTask, why: str) -> None:
        """Once more with less memory; and so the variant's other videos, which are as large, from the beginning."""
        self.watcher.note(f"{task.label}: {why}; once more in a fresh process, lighter if it can be")
        self.engine.lighten(task.variant, task.lighter + 1)
        self._submit(lighter(task))

    def _hung(self, task: Task, event: Event, limit: float) -> None:
        """Not tried again: whether a task ends may depend on its content."""
        stage = event.faults[0].stage
        fault = Fault(stage, "E-TIMEOUT", f"it was not over after {limit:.0f} s, so its worker was ended")
        self._record_lost(task, fault)
        self._give_up(task, [fault], event.worker)

    def _may_retry(self, task: Task) -> bool:
        return task.attempt < MAX_ATTEMPTS and not self._draining

    def _give_up(self, task: Task, faults: Iterable[Fault], worker: str = "") -> None:
        log = self.folder / f"{worker}.log"
        told = str(log) if worker and log.is_file() else ""
        for fault in faults:
            label, row = f"{task.label} {fault.subject}".strip(), getattr(task, "variant", "")
            failed = Failed(label, fault.stage, fault.code, fault.message, fault.fix, row, fault.subject, told)
            self.outcome.failed.append(failed)
            self.watcher.failed(failed)

    def _record_lost(self, task: Task, fault: Fault) -> None:
        """A worker that died or was ended could not write its failure envelope."""
        payload = {
            "kind": "failure",
            "run_id": self.run_id,
            "task_key": task.id,
            "stage": fault.stage,
            "attempt": task.attempt,
            "code": fault.code,
            "message": fault.message,
            "traceback": "",
            "retryable": fault.retryable,
            "occurred_at": now(),
        }
        with as_disk_allows(self._stop_for_disk):
            write_envelope(self.spool, f"failure-{task.attempt}-{task.id}".replace(":", "-"), payload)

    def _stop_for_disk(self, code: str, why: str) -> None:
        if not self._shut and not self.outcome.stopped:
            self._shut = (code, why)
            what = "The disk is full" if code == "E-DISK" else "The results folder can no longer be written to"
            self._drain(f"{what}: finishing what is in hand")

    def _stopped_by_disk(self, code: str, why: str) -> CannotStart:
        made, wanted = self.outcome.made + len(self.outcome.redone), self._videos
        done = f"with {made} of {wanted} videos made and {self.outcome.scored} of {self._scores} scores computed"
        left = (wanted - made) / wanted if wanted else 0.0
        return disk_stop(code, str(self.folder), why, done, self.plan.estimate.disk_bytes * left)

    def _drain(self, why: str) -> None:
        self._draining = True
        dropped = self.engine.cancel()
        self.outcome.left += len(dropped)
        for task in dropped:
            del self._pending[task.id]
        self.watcher.note(why)

    def _tick(self) -> None:
        time_now = self.clock()
        for task in self.watchdog.overdue(time_now):
            self.engine.stop(task)
        if time_now - self._last_ingest >= INGEST_SECONDS or self._new_envelopes >= INGEST_ENVELOPES:
            self._index()
        if time_now - self._last_status >= STATUS_SECONDS or not self._pending:
            status = self.status("running")
            with as_disk_allows():
                write_status(self.folder, status)
            self.watcher.progress(status)
            self._last_status = time_now

    def _index(self) -> None:
        """Index what has come. While another process reads the index, it waits in the spool for the next time."""
        self._last_ingest, self._new_envelopes = self.clock(), 0
        try:
            with as_disk_allows(self._stop_for_disk):
                self.outcome.left += self.ingest()
            self._told_lock = False
        except CannotStart as busy:
            if busy.code != "E-LOCK":
                raise
            if not self._told_lock:
                self.watcher.note(f"{busy.what} The run goes on; what is finished waits in the spool.")
            self._told_lock = True

    def _eta(self) -> float | None:
        """Seconds until the queue is empty, from what the same kind of task took so far; None while unknown."""
        left: dict[str, int] = defaultdict(int)
        for task in self._pending.values():
            left[cost_name(task)] += 1
        waiting = sum(
            1 for t in self._pending.values() if isinstance(t, GenerateTask) and self._units[t.gen_key][0].score
        )
        left["score"] += waiting
        quick = ("reference", "aggregate")
        if any(count and not self._spent.get(name) for name, count in left.items() if name not in quick):
            return None
        work = sum(count * _mean(self._spent[name]) for name, count in left.items() if self._spent.get(name))
        return work / max(1, len(self.engine.in_hand()))


def cost_name(task: Task) -> str:
    """Tasks of one name take about as long as one another."""
    return f"generate {task.variant}" if isinstance(task, GenerateTask) else task.kind


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
