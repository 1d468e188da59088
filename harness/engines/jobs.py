"""Workers as jobs that a cluster starts: short arrays of tasks over a shared results folder.

A job takes a handful of tasks of one kind, loads what they need once, and appends an event line for each to a file of
its own under ``runs/<run>/jobs``; envelopes and artefacts go where any worker's do. The coordinator reads those files,
so that a job that dies costs the task in hand: what it had not begun is handed to the next. A job ends before its next
task when it is told to, or when the coordinator has not been heard of for ten minutes.

What starts a job is in `harness.engines.slurm` and `harness.engines.ray`.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from harness.engines.backlog import Backlog
from harness.engines.local import WorkerSettings
from harness.errors import UsageError
from harness.paths import run_folder
from harness.spool import write_atomic
from harness.status import STATUS_NAME
from harness.tasks import Event, Fault, GenerateTask, Task, dump_event, dump_task, parse_event, parse_task

TASKS_A_JOB = 8
HEARTBEAT_SECONDS = 600.0
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


Submit = Callable[[WorkerSettings, str, list[str]], Job]


@dataclass
class _Running:
    """One job and the tasks that it was given and has not reported."""

    job: Job
    events: Path
    tasks: dict[str, Task]
    begun: str = ""
    read: int = 0


class JobEngine:
    """Jobs over a shared folder.

    Args:
        settings: as for local workers; the first device is what a job computes on.
        how: how many jobs, and how many tasks in each.
        submit: starts one job.
    """

    def __init__(self, settings: WorkerSettings, how: JobSettings, submit: Submit) -> None:
        self.settings, self.how, self._submit_job = settings, how, submit
        self._folder = run_folder(settings.results, settings.run_id) / "jobs"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._backlog = Backlog()
        self._running: dict[str, _Running] = {}
        self._numbers = itertools.count()

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
            write_atomic(self._folder / f"{name}.stop", b"")
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
            write_atomic(self._folder / f"{name}.stop", b"")
            if kill:
                running.job.cancel()
        deadline = time.monotonic() + CLOSE_SECONDS
        while any(not r.job.done() for r in self._running.values()) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        self._running = {}

    def _start_jobs(self) -> None:
        # Work that waits is spread over the jobs that may still be started, so that none idles beside a long queue.
        while len(self._backlog) and (free := self.how.jobs - len(self._running)) > 0:
            share = min(self.how.tasks, -(-len(self._backlog) // free))
            number = next(self._numbers)
            name, tasks = f"job-{number}", self._handful(share, prefers_videos=number % 2 == 0)
            job = self._submit_job(self.settings, name, [dump_task(task) for task in tasks])
            self._running[name] = _Running(job, self._folder / f"{name}.jsonl", {task.id: task for task in tasks})

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
        for name, running in list(self._running.items()):
            over = running.job.done()  # asked first: what it wrote before is then complete
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


def run_job(settings: WorkerSettings, name: str, lines: Sequence[str]) -> int:
    """What a job does, on whatever machine it runs; returns the number of tasks it did."""
    from harness.worker import Worker, open_bench

    folder = run_folder(settings.results, settings.run_id)
    done = 0
    options = argparse.Namespace(
        results=settings.results,
        suite=settings.suite,
        run=settings.run_id,
        name=name,
        device=settings.devices[0],
        threads=settings.threads_each,
        plugin=list(settings.plugins),
    )
    worker = Worker(open_bench(options))
    with (folder / "jobs" / f"{name}.jsonl").open("a", buffering=1, encoding="utf-8") as events:
        for line in lines:
            if (folder / "jobs" / f"{name}.stop").exists() or _deserted(folder):
                break
            task = parse_task(line)
            events.write(dump_event(Event("started", task)) + "\n")
            events.write(dump_event(worker.handle(task)) + "\n")
            done += 1
    return done


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


def _deserted(folder: Path) -> bool:
    """Whether the coordinator, which writes its status every second, has not been heard of for long."""
    try:
        return time.time() - (folder / STATUS_NAME).stat().st_mtime > HEARTBEAT_SECONDS
    except FileNotFoundError:
        return False  # not yet
