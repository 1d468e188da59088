"""One worker process: task lines on stdin, event lines on stdout, artefacts and envelopes on disk.

    python -m harness.worker --results DIR --suite mini@1 --run ID --name generate-0 [--device cuda:0] [--threads N]
                             [--plugin FILE]...

It opens no database. It ends when stdin does: an end without a ``stop`` line means that the coordinator is gone, and
then the task in hand is dropped at once, because another run may already be using the folder.
"""

from __future__ import annotations

import argparse
import gc
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from harness.aggregating import SetStage
from harness.environment import describe, env_key
from harness.errors import HarnessError
from harness.generating import GenerateStage, LoadFailed
from harness.imported import load_all
from harness.memory import leave
from harness.reference_folder import with_reference
from harness.scoring import ScoreStage
from harness.suite import load_suite
from harness.tasks import (
    READY,
    STOP,
    AggregateTask,
    Event,
    Fault,
    GenerateTask,
    ReferenceTask,
    ScoreTask,
    Task,
    dump_event,
    parse_task,
)
from harness.workbench import Workbench, trace_of

EXIT_ORPHAN = 9
# When garbage is looked for: a model brings a million objects that stay, and what is large goes without being found.
SELDOM = (50_000, 20, 50)


class Worker:
    """Does tasks one after the other; whatever a task raises becomes a failure envelope and an event."""

    def __init__(self, bench: Workbench) -> None:
        self.bench = bench
        self.generating = GenerateStage(bench)
        self.scoring = ScoreStage(bench)
        self.sets = SetStage(bench, self.scoring)

    def handle(self, task: Task) -> Event:
        """Do one task."""
        self.bench.written = 0
        started = time.perf_counter()
        self.bench.settle_libraries()
        try:
            result, faults = self._do(task)
        except Exception as error:
            fault, trace = self._fault(task, error)
            # On a full disk the failure cannot be written either; the coordinator still hears of it.
            with suppress(OSError):
                self.bench.failure(task, fault, trace)
            kind, result, faults = "failed", {}, [fault]
        else:
            kind = "finished"
        seconds = time.perf_counter() - started
        return Event(kind, task, self.bench.worker, seconds, self.bench.written, result, tuple(faults))

    def _do(self, task: Task) -> tuple[dict[str, Any], list[Fault]]:
        match task:
            case GenerateTask():
                return self.generating.run(task), []
            case ScoreTask():
                return self.scoring.run(task)
            case ReferenceTask():
                return self.sets.reference(task), []
            case AggregateTask():
                return self.sets.aggregate(task)

    def _fault(self, task: Task, error: Exception) -> tuple[Fault, str]:
        if isinstance(error, LoadFailed):
            return error.fault, ""
        stages = {"score": "score", "reference": "aggregate", "aggregate": "aggregate"}
        stage = self.generating.stage if isinstance(task, GenerateTask) else stages[task.kind]
        return self.bench.fault(error, stage), trace_of(error)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a worker until its tasks end."""
    gc.set_threshold(*SELDOM)
    options = _options(argv)
    # Events own the real stdout; a plugin that prints must not be able to break the protocol.
    events = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        worker = Worker(open_bench(options))
    except HarnessError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    events.write(READY + "\n")
    serve(worker, sys.stdin, events)
    return 0


def open_bench(options: argparse.Namespace) -> Workbench:
    """Load plugins and suite, and record the environment that this worker computes in."""
    registry = load_all(options.results, options.plugin)
    suite = with_reference(load_suite(options.suite))
    bench = Workbench(options.results, suite, registry, options.run, options.name, options.device, options.threads)
    environment = {**describe(with_torch=options.device != "cpu"), "device": options.device, "threads": options.threads}
    bench.env_key = env_key(environment)
    bench.envelope("environment", {"kind": "environment", "spec": environment})
    return bench


def serve(worker: Worker, tasks: TextIO, events: TextIO, orphaned: Callable[[], None] | None = None) -> None:
    """Do the tasks of a stream until its ``stop`` line; on an end without one call ``orphaned``."""
    inbox: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    leave = orphaned or (lambda: os._exit(EXIT_ORPHAN))
    threading.Thread(target=_listen, args=(tasks, inbox, leave), daemon=True).start()
    while (line := inbox.get()) is not None:
        task = parse_task(line)
        events.write(dump_event(Event("started", task)) + "\n")
        events.write(dump_event(worker.handle(task)) + "\n")


def _listen(tasks: TextIO, inbox: queue.SimpleQueue[str | None], orphaned: Callable[[], None]) -> None:
    for line in tasks:
        if line.strip() == STOP:
            inbox.put(None)
            return
        inbox.put(line)
    orphaned()


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m harness.worker")
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--suite", required=True)
    parser.add_argument("--run", required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--plugin", type=Path, action="append", default=[])
    return parser.parse_args(argv)


if __name__ == "__main__":
    leave(main())
