"""What every kind of work in a worker process shares: the folder, the suite, the plugins, and how faults are named."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.disk import is_full, is_shut
from harness.errors import HarnessError, ItemError
from harness.memory import ran_out
from harness.model import Item
from harness.paths import scratch, spool
from harness.registry import Registry
from harness.spool import write_envelope
from harness.status import now
from harness.suite import LoadedSuite
from harness.tasks import Fault, Task


@dataclass
class Workbench:
    """One worker's tools.

    ``threads`` is the number of CPU threads that numerical libraries may use in this process. ``written`` counts the
    envelopes of the task in hand.
    """

    results: Path
    suite: LoadedSuite
    registry: Registry
    run_id: str
    worker: str
    device: str = "cpu"
    threads: int = 1
    env_key: str = ""
    written: int = 0
    _items: dict[str, Item] = field(default_factory=dict)

    def item(self, slug: str) -> Item:
        """The item of a slug."""
        if not self._items:
            self._items = {item.slug: item for item in self.suite.suite.items}
        return self._items[slug]

    def envelope(self, name: str, payload: dict[str, Any]) -> None:
        """Commit one piece of finished work to the spool."""
        stamp = {"env_key": self.env_key, "run_id": self.run_id, "created_at": now()}
        write_envelope(spool(self.results) / self.run_id / self.worker, name, {**payload, **stamp})
        self.written += 1

    def fault(self, error: BaseException, stage: str, subject: str = "") -> Fault:
        """An exception as `fault_of` has it; one that says that the results folder is closed to writing, as such."""
        return fault_of(error, stage, subject, self.results)

    def failure(self, task: Task, fault: Fault, trace: str) -> None:
        """Record one failed attempt at a task, or at one metric or extractor of it; the log has its traceback too."""
        with suppress(OSError):
            print(f"{fault.code}  {task.label} {fault.subject}\n{trace}", file=sys.stderr, flush=True)
        key = f"{task.id}:{fault.subject}" if fault.subject else task.id
        self.envelope(
            f"failure-{task.attempt}-{key}".replace(":", "-"),
            {
                "kind": "failure",
                "task_key": key,
                "stage": fault.stage,
                "attempt": task.attempt,
                "code": fault.code,
                "message": fault.message,
                "traceback": trace,
                "retryable": fault.retryable,
                "occurred_at": now(),
            },
        )

    def settle_libraries(self) -> None:
        """Hold whatever numerical libraries are loaded by now to deterministic kernels and the thread count."""
        if cv2 := sys.modules.get("cv2"):
            cv2.setNumThreads(self.threads)
        if torch := sys.modules.get("torch"):
            torch.set_num_threads(self.threads)
            if self.device.startswith("cuda"):  # what a library puts on "the GPU" belongs there too
                torch.cuda.set_device(self.device)
            torch.backends.cudnn.benchmark = False
            torch.backends.cudnn.deterministic = True
            torch.use_deterministic_algorithms(True, warn_only=True)

    @contextmanager
    def new_file(self, suffix: str) -> Iterator[Path]:
        """A path under ``results/tmp`` that is removed at the end unless the body renamed it away."""
        folder = scratch(self.results)
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f"{self.worker}-", suffix=suffix, dir=folder)
        os.close(handle)
        try:
            yield Path(name)
        finally:
            Path(name).unlink(missing_ok=True)


CODES = {"load": "E-LOAD", "generate": "E-GENERATE", "encode": "E-ENCODE"}


def fault_of(error: BaseException, stage: str, subject: str = "", results: Path | None = None) -> Fault:
    """Give an exception its stable code, and say whether trying again can help.

    ``results`` is the folder that nothing can be stored without.
    """
    if isinstance(error, HarnessError):
        text = "  ".join(part for part in (error.what, error.where, error.why) if part)
        retryable = isinstance(error, ItemError) and error.retryable
        return Fault(stage, error.code, text, retryable, subject, fix=error.fix)
    text = f"{type(error).__name__}: {error}"
    if ran_out(error):
        return Fault(stage, "E-MEMORY", text, True, subject)
    if is_full(error):
        return Fault(stage, "E-DISK", text, False, subject)
    if isinstance(error, OSError) and error.errno in (errno.EIO, errno.ESTALE, errno.ETIMEDOUT):
        return Fault(stage, "E-IO", text, True, subject)
    if is_shut(error, results):
        return Fault(stage, "E-RESULTS", text, False, subject)
    return Fault(stage, CODES.get(stage, "E-SCORE"), text, False, subject)


def trace_of(error: BaseException) -> str:
    """The traceback as text, for the failures table."""
    return "".join(traceback.format_exception(error))
