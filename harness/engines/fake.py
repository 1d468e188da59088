"""An engine in this process that can be told what goes wrong: for tests and for trying a plugin under a debugger."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from harness.tasks import Event, Fault, GenerateTask, Task

Work = Callable[[Task], Event]


class FakeEngine:
    """Does one task per poll with ``work``, except where the script says otherwise.

    Args:
        work: does a task, such as ``Worker(bench).handle``.
        script: task id -> outcomes of its successive attempts: ``lost``, ``killed``, ``retryable``, ``fatal``,
            ``hangs`` (until it is stopped) or ``work``; after the last one, ``work``.
    """

    def __init__(self, work: Work, script: Mapping[str, Sequence[str]] | None = None) -> None:
        self.work = work
        self.script = {key: deque(outcomes) for key, outcomes in (script or {}).items()}
        self.queue: deque[Task] = deque()
        self.done: list[Task] = []
        self.hanging: dict[str, Task] = {}
        self.stopped: list[Task] = []
        self.closed = False

    def submit(self, task: Task) -> None:
        """Queue a task."""
        self.queue.append(task)

    def poll(self, timeout: float) -> list[Event]:
        """Do the next task."""
        if self.stopped:
            return [_scripted(self.stopped.pop(0), "lost")]
        if not self.queue:
            return []
        task = self.queue.popleft()
        self.done.append(task)
        outcomes = self.script.get(task.id)
        outcome = outcomes.popleft() if outcomes else "work"
        if outcome == "hangs":
            self.hanging[task.id] = task
            return [Event("started", task, "fake")]
        end = self.work(task) if outcome == "work" else _scripted(task, outcome)
        return [Event("started", task, "fake"), end]

    def lighten(self, variant: str, lighter: int) -> None:
        """What is queued begins lighter."""
        for index, task in enumerate(self.queue):
            if isinstance(task, GenerateTask) and task.variant == variant:
                self.queue[index] = replace(task, lighter=max(lighter, task.lighter))

    def cancel(self) -> list[Task]:
        """Drop what is queued."""
        dropped = list(self.queue)
        self.queue.clear()
        return dropped

    def stop(self, task: str) -> None:
        """Lose a task that hangs."""
        if task in self.hanging:
            self.stopped.append(self.hanging.pop(task))

    def in_hand(self) -> Mapping[str, str]:
        """The tasks that hang; any other is over when poll returns."""
        return {"fake": ", ".join(task.label for task in self.hanging.values())}

    def close(self, *, kill: bool = False) -> None:
        """Note that the engine was closed."""
        self.closed = True


def _scripted(task: Task, outcome: str) -> Event:
    stage = "generate" if task.kind == "generate" else "score"
    if outcome in ("lost", "killed"):
        fault = Fault(stage, "E-WORKER", f"the worker was {outcome}", retryable=True, killed=outcome == "killed")
        return Event("lost", task, "fake", faults=(fault,))
    retryable = {"retryable": True, "fatal": False}[outcome]
    return Event("failed", task, "fake", faults=(Fault(stage, "E-SCRIPTED", f"a {outcome} fault", retryable),))
