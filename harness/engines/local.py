"""Workers as processes on this machine: one generating worker per device, and one that measures, or more.

A worker that runs out of its own kind of work helps with the other on a CPU; on a GPU the measuring worker never
loads a second copy of a video model. Where there is but one worker it does both.

A worker that dies is replaced, and its task is reported as lost; one that has not become ready in ten minutes is taken
to hang and ended.
"""

from __future__ import annotations

import itertools
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from harness.engines.backlog import Backlog
from harness.errors import HarnessError
from harness.paths import run_folder
from harness.tasks import READY, STOP, Event, Fault, GenerateTask, Task, dump_task, parse_event

MAX_STARTS_WITHOUT_WORK = 3
GRACE_SECONDS = 10.0
START_SECONDS = 600.0
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")


@dataclass(frozen=True)
class WorkerSettings:
    """What every worker of a run is started with. ``threads`` 0 shares the cores evenly; ``processes`` is the number of
    workers, 0 for one per device and one that measures; ``gpu_variants`` are those that need a GPU.
    """

    results: Path
    suite: str
    run_id: str
    plugins: tuple[Path, ...] = ()
    devices: tuple[str, ...] = ("cpu",)
    threads: int = 0
    processes: int = 0
    gpu_variants: frozenset[str] = frozenset()

    @property
    def workers(self) -> int:
        """How many processes there are."""
        return self.processes or len(self.devices) + 1

    @property
    def threads_each(self) -> int:
        """CPU threads of each worker."""
        return self.threads or max(1, len(os.sched_getaffinity(0)) // self.workers)


@dataclass
class _Process:
    """One worker process and what the engine knows of it."""

    name: str
    device: str
    prefers_videos: bool
    handle: subprocess.Popen[str]
    log: Path
    ready: bool = False
    task: Task | None = None
    loaded: str = ""
    starts: int = 1
    started_at: float = field(default_factory=time.monotonic)
    late: bool = False
    reader: threading.Thread | None = field(default=None, repr=False)


class LocalEngine:
    """Worker processes that speak over their standard streams."""

    def __init__(self, settings: WorkerSettings) -> None:
        self.settings = settings
        self._backlog = Backlog()
        self._inbox: queue.SimpleQueue[tuple[_Process, str | None]] = queue.SimpleQueue()
        self._on_gpu = any(device != "cpu" for device in settings.devices)
        self._processes = {name: self._start(name, *what) for name, what in _plans(settings).items()}

    def submit(self, task: Task) -> None:
        """Queue a task."""
        self._backlog.add(task)

    def poll(self, timeout: float) -> list[Event]:
        """Give free workers work, and collect what they report."""
        self._end_late()
        self._assign()
        events: list[Event] = []
        try:
            first = self._inbox.get(timeout=timeout)
        except queue.Empty:
            return events
        self._receive(*first, events)
        while not self._inbox.empty():
            self._receive(*self._inbox.get(), events)
        self._assign()
        return events

    def lighten(self, variant: str, lighter: int) -> None:
        """What waits begins lighter."""
        self._backlog.lighten(variant, lighter)

    def cancel(self) -> list[Task]:
        """Drop and return what no worker has."""
        return self._backlog.clear()

    def stop(self, task: str) -> None:
        """End the worker that has a task in hand."""
        for process in self._processes.values():
            if process.task and process.task.id == task:
                _kill(process)

    def in_hand(self) -> Mapping[str, str]:
        """What each worker is doing."""
        return {p.name: p.task.label if p.task else "" for p in self._processes.values()}

    def close(self, *, kill: bool = False) -> None:
        """End the workers, after their task in hand or at once."""
        for process in self._processes.values():
            if kill:
                _kill(process)
            else:
                self._send(process, STOP)
        for process in self._processes.values():
            _end(process)
        self._processes = {}

    def _end_late(self) -> None:
        """End what hangs before it is ready; its reader then reports it like any worker that dies."""
        for process in self._processes.values():
            if not (process.ready or process.late) and time.monotonic() - process.started_at > START_SECONDS:
                process.late = True
                _kill(process)

    def _assign(self) -> None:
        for process in self._processes.values():
            if not process.ready or process.task:
                continue
            held = {p.loaded for p in self._processes.values() if p is not process and p.loaded}
            may_swap = process.prefers_videos or not self._on_gpu
            task = self._backlog.take(process.prefers_videos, process.loaded, held, may_swap)
            if task:
                process.task = task
                if isinstance(task, GenerateTask):
                    process.loaded = task.variant
                self._send(process, dump_task(task))

    def _receive(self, process: _Process, line: str | None, events: list[Event]) -> None:
        if self._processes.get(process.name) is not process:
            return  # the last words of a worker that has been replaced
        if line is None:
            self._replace(process, events)
        elif line.strip() == READY:
            process.ready = True
        elif process.task:
            event = parse_event(line, process.task, process.name)
            events.append(event)
            if event.kind != "started":
                process.task, process.starts = None, 0
            if event.kind == "failed" and any(fault.code == "E-MEMORY" for fault in event.faults):
                self._renew(process)

    def _replace(self, process: _Process, events: list[Event]) -> None:
        _end(process)
        code = process.handle.returncode
        if process.task:
            stage = "generate" if isinstance(process.task, GenerateTask) else "score"
            fault = Fault(stage, "E-WORKER", _died(code), retryable=True, killed=code == -signal.SIGKILL)
            events.append(Event("lost", process.task, process.name, faults=(fault,)))
        elif process.starts >= MAX_STARTS_WITHOUT_WORK:
            raise _cannot_start(process, code)
        fresh = self._start(process.name, process.device, process.prefers_videos)
        fresh.starts = process.starts + 1
        self._processes[process.name] = fresh

    def _renew(self, process: _Process) -> None:
        """A fresh process in place of one whose memory ran out: nothing that it still holds is in the way."""
        self._send(process, STOP)
        _end(process)
        self._processes[process.name] = self._start(process.name, process.device, process.prefers_videos)

    def _start(self, name: str, device: str, prefers_videos: bool) -> _Process:
        settings = self.settings
        log = run_folder(settings.results, settings.run_id) / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as errors:
            handle = subprocess.Popen(
                _command(settings, name, device),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                bufsize=1,
                env=_environment(settings.threads_each),
                # Ctrl-C goes to the terminal's whole group: only the coordinator may decide what it means.
                start_new_session=True,
            )
        process = _Process(name, device, prefers_videos, handle, log)
        process.reader = threading.Thread(target=self._read, args=(process, handle.stdout), daemon=True)
        process.reader.start()
        return process

    def _read(self, process: _Process, stream: IO[str]) -> None:
        for line in stream:
            self._inbox.put((process, line))
        self._inbox.put((process, None))

    def _send(self, process: _Process, line: str) -> None:
        stream = process.handle.stdin
        # A worker that has just died is reported by its reader.
        with suppress(BrokenPipeError, ValueError):
            if stream:
                stream.write(line + "\n")
                stream.flush()


def _plans(settings: WorkerSettings) -> dict[str, tuple[str, bool]]:
    """Device of each worker by name, and whether it makes videos before it measures: the first on every device does."""
    devices = itertools.cycle(settings.devices)
    plans = {}
    for number in range(settings.workers):
        makes = number < len(settings.devices)
        plans[f"generate-{number}" if makes else f"score-{number - len(settings.devices)}"] = next(devices), makes
    return plans


def _command(settings: WorkerSettings, name: str, device: str) -> Sequence[str]:
    flags = {
        "--results": settings.results,
        "--suite": settings.suite,
        "--run": settings.run_id,
        "--name": name,
        "--device": device,
        "--threads": settings.threads_each,
    }
    command = [sys.executable, "-m", "harness.worker"]
    command += [str(part) for pair in flags.items() for part in pair]
    return command + [part for path in settings.plugins for part in ("--plugin", str(path))]


def _environment(threads: int) -> dict[str, str]:
    environment = dict(os.environ)
    environment.update({name: str(threads) for name in THREAD_VARIABLES})
    # cuBLAS is deterministic only with a fixed workspace, which it reads when it is first used.
    environment.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    return environment


def _kill(process: _Process) -> None:
    """End a worker and whatever it has started: all of them are in the session that was made for it."""
    if process.handle.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.handle.pid, signal.SIGKILL)


def _end(process: _Process) -> None:
    """Wait for a process that was told to end, and let go of its pipes."""
    handle = process.handle
    try:
        handle.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        _kill(process)
        handle.wait()
    if process.reader:
        process.reader.join(GRACE_SECONDS)
    for stream in (handle.stdin, handle.stdout):
        if stream:
            with suppress(BrokenPipeError):
                stream.close()


def _died(code: int) -> str:
    how = f"was ended by signal {-code}" if code < 0 else f"exited with status {code}"
    return f"the worker {how} with this task in hand"


def _cannot_start(process: _Process, code: int) -> HarnessError:
    late = f"it was not ready after {START_SECONDS:.0f} s" if process.late else f"status {code}"
    lines = process.log.read_text(errors="replace").strip().splitlines()
    return HarnessError(
        "E-WORKER",
        f"The worker '{process.name}' ended before it could work ({late}).",
        where=str(process.log),
        why="\n".join(lines[-8:]),
    )
