"""Workers as jobs that a cluster starts, each with a handful of tasks of one kind.

A job loads what its tasks need once, and leaves an event line for each in a file of its own under ``runs/<run>/jobs``;
envelopes and artefacts go where any worker's do. The coordinator reads those files, so that a job that dies costs the
task in hand: what it had not begun is handed to the next. A job ends before its next task when it is told to, or when
the coordinator has not been heard of for ten minutes. What a job does is in `harness.engines.job`; where its node does
not see the results folder, everything travels over the shelf, see `harness.engines.parcels`.

What starts jobs is in `harness.engines.slurm` and `harness.engines.ray`.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from harness.engines.backlog import Backlog
from harness.engines.local import WorkerSettings
from harness.engines.parcels import Courier
from harness.errors import UsageError
from harness.paths import run_folder
from harness.shelf import shelf_of
from harness.spool import write_atomic
from harness.tasks import Event, Fault, GenerateTask, Task, dump_task, parse_event

TASKS_A_JOB = 8
POLL_SECONDS = 0.5
CLOSE_SECONDS = 3600.0


@dataclass(frozen=True)
class JobSettings:
    """At most ``jobs`` at once, ``tasks`` in each; ``place`` is the cluster, ``parameters`` go to it as they are."""

    jobs: int = 4
    tasks: int = TASKS_A_JOB
    place: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)


def parse_settings(option: str, text: str, place: str, example: str) -> JobSettings:
    """Settings from ``name=value,name=value``: ``jobs``, ``tasks``, the one called ``place``, and parameters.

    Raises:
        UsageError: E-OPTION, a part is no ``name=value``, or a number of ours is none.
    """
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    found = {name.strip(): value.strip() for name, _, value in pairs}
    numbers = [found.get(name, "1") for name in ("jobs", "tasks")]
    whole = all(name.strip() and equals and value.strip() for name, equals, value in pairs)
    if not whole or not all(number.isdigit() and int(number) for number in numbers):
        raise UsageError("E-OPTION", f"{option} '{text}' cannot be read.", fix=f"{option} {example}")
    usual = JobSettings()
    jobs, tasks = int(found.pop("jobs", usual.jobs)), int(found.pop("tasks", usual.tasks))
    where = found.pop(place, "")
    return JobSettings(jobs, tasks, where, {name: int(v) if v.isdigit() else v for name, v in found.items()})


class Job(Protocol):
    """What a cluster tells of a job."""

    @property
    def job_id(self) -> str:
        """What the cluster calls it."""
        ...

    def done(self) -> bool:
        """Whether it is over, however it ended."""
        ...

    def cancel(self) -> None:
        """End it."""
        ...


@dataclass(frozen=True)
class Order:
    """What one job is to do, on whatever node it begins.

    Args:
        lines: its tasks.
        gpu: whether one of them makes videos that need a GPU.
        shelf: where results go from a node that does not see the results folder; empty where there is no shelf.
        plugins: the text of each plugin file, for such a node.
    """

    settings: WorkerSettings
    name: str
    lines: tuple[str, ...]
    gpu: bool = False
    shelf: str = ""
    plugins: Mapping[str, str] = field(default_factory=dict)


Submit = Callable[[Sequence[Order]], Sequence[Job]]


@dataclass
class _Running:
    """One job and the tasks that it was given and has not reported."""

    job: Job
    events: Path
    tasks: dict[str, Task]
    begun: str = ""
    read: int = 0


class JobEngine:
    """Jobs over a shared folder, or a shelf.

    Args:
        settings: as for local workers; the first device is what a job computes on.
        how: how many jobs, and how many tasks in each.
        submit: starts jobs; those of one call may become one array.
    """

    def __init__(self, settings: WorkerSettings, how: JobSettings, submit: Submit) -> None:
        self.settings, self.how, self._submit_jobs = settings, how, submit
        self._folder = run_folder(settings.results, settings.run_id) / "jobs"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._backlog = Backlog()
        self._running: dict[str, _Running] = {}
        self._numbers = itertools.count()
        shelf = shelf_of(settings.results)
        self._courier = Courier(shelf, settings.results, settings.run_id) if shelf else None
        self._shelf = shelf.url if shelf else ""
        self._plugins = {path.name: path.read_text(encoding="utf-8") for path in settings.plugins} if shelf else {}

    def submit(self, task: Task) -> None:
        """Queue a task."""
        self._backlog.add(task)

    def poll(self, timeout: float) -> list[Event]:
        """Start jobs for what waits, and collect what jobs have reported."""
        self._start_jobs()
        events = self._collect()
        if not events:
            time.sleep(min(timeout, POLL_SECONDS))
            events = self._collect()
        return events

    def lighten(self, variant: str, lighter: int) -> None:
        """What waits begins lighter."""
        self._backlog.lighten(variant, lighter)

    def cancel(self) -> list[Task]:
        """Drop what no job has begun."""
        dropped = self._backlog.clear()
        for name, running in self._running.items():
            self._tell_to_end(name)
            waiting = [task for key, task in running.tasks.items() if key != running.begun]
            running.tasks = {key: task for key, task in running.tasks.items() if key == running.begun}
            dropped += waiting
        return dropped

    def stop(self, task: str) -> None:
        """End the job that has a task in hand; what it had not begun goes to another."""
        for running in self._running.values():
            if running.begun == task:
                running.job.cancel()

    def in_hand(self) -> Mapping[str, str]:
        """What each job is doing."""
        return {name: r.tasks[r.begun].label if r.begun in r.tasks else "" for name, r in self._running.items()}

    def close(self, *, kill: bool = False) -> None:
        """End the jobs, after their task in hand or at once."""
        for name, running in self._running.items():
            self._tell_to_end(name)
            if kill:
                running.job.cancel()
        deadline = time.monotonic() + CLOSE_SECONDS
        while any(not r.job.done() for r in self._running.values()) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        self._running = {}
        if self._courier:
            self._courier.close()

    def _tell_to_end(self, name: str) -> None:
        write_atomic(self._folder / f"{name}.stop", b"")
        if self._courier:
            self._courier.tell_to_end(name)

    def _start_jobs(self) -> None:
        # Work that waits is spread over the jobs that may still be started, so that none idles beside a long queue.
        batch: list[tuple[Order, list[Task]]] = []
        while len(self._backlog) and (free := self.how.jobs - len(self._running) - len(batch)) > 0:
            share = min(self.how.tasks, -(-len(self._backlog) // free))
            number = next(self._numbers)
            tasks = self._handful(share, prefers_videos=number % 2 == 0)
            batch.append((self._order(f"job-{number}", tasks), tasks))
        if not batch:
            return
        jobs = self._submit_jobs([order for order, _ in batch])
        for (order, tasks), job in zip(batch, jobs, strict=True):
            events = self._folder / f"{order.name}.jsonl"
            self._running[order.name] = _Running(job, events, {task.id: task for task in tasks})

    def _order(self, name: str, tasks: Sequence[Task]) -> Order:
        gpu = any(isinstance(task, GenerateTask) and task.variant in self.settings.gpu_variants for task in tasks)
        lines = tuple(dump_task(task) for task in tasks)
        return Order(self.settings, name, lines, gpu, self._shelf, self._plugins)

    def _handful(self, size: int, prefers_videos: bool) -> list[Task]:
        """Up to ``size`` tasks that go well together: videos of one variant, or anything that is measured.

        Every other job prefers to measure, so that the first videos are measured while the last are made.
        """
        first = self._backlog.take(prefers_videos, "", ())
        tasks: list[Task] = [first] if first else []
        kind = first.variant if isinstance(first, GenerateTask) else ""
        while len(tasks) < size and (more := self._backlog.take(bool(kind), kind, (), may_swap=False)):
            if kind and not (isinstance(more, GenerateTask) and more.variant == kind):
                self._backlog.add(more)
                break
            tasks.append(more)
        return tasks

    def _collect(self) -> list[Event]:
        events: list[Event] = []
        ended = {name for name, running in self._running.items() if running.job.done()}
        if self._courier:  # asked before: what a job sent before its end is then on the shelf
            self._courier.bring(at_once=bool(ended))
        for name, running in list(self._running.items()):
            over = name in ended
            for line in _new_lines(running):
                self._report(name, running, line, events)
            if over:
                self._bury(name, running, events)
        return events

    def _report(self, name: str, running: _Running, line: str, events: list[Event]) -> None:
        key = parse_key(line)
        if key not in running.tasks:
            return  # dropped before the job knew
        event = parse_event(line, running.tasks[key], name)
        events.append(event)
        running.begun = key
        if event.kind != "started":
            del running.tasks[key]
            running.begun = ""

    def _bury(self, name: str, running: _Running, events: list[Event]) -> None:
        """A job is over: the task in hand is lost, and what it had not begun waits again."""
        del self._running[name]
        lost = running.tasks.pop(running.begun, None)
        if lost is None and running.read == 0 and running.tasks:
            # It never began, which another job may not do either: the first task counts the tries.
            lost = running.tasks.pop(next(iter(running.tasks)))
        if lost is not None:
            stage = "generate" if isinstance(lost, GenerateTask) else "score"
            why = f"job {running.job.job_id} ended with this task in hand"
            events.append(Event("lost", lost, name, faults=(Fault(stage, "E-WORKER", why, retryable=True),)))
        for task in running.tasks.values():
            self._backlog.add(task)


def parse_key(line: str) -> str:
    """The id of the task that an event line is about."""
    import json

    return str(json.loads(line)["task"])


def _new_lines(running: _Running) -> list[str]:
    """The whole lines that a job has written since the last look."""
    try:
        with running.events.open("rb") as file:
            file.seek(running.read)
            data = file.read()
    except FileNotFoundError:
        return []
    whole = data[: data.rfind(b"\n") + 1]
    running.read += len(whole)
    return whole.decode().splitlines()
