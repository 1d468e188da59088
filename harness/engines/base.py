"""Where tasks run. An engine starts workers and moves tasks and events; all decisions are the coordinator's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from harness.tasks import Event, Task


class Engine(Protocol):
    """Runs tasks somewhere.

    Every submitted task ends in exactly one event that is ``finished``, ``failed`` or ``lost``, unless it is
    cancelled or the engine is closed with it in hand.
    """

    def submit(self, task: Task) -> None:
        """Queue a task. Tasks of one variant are kept together, so that its weights load once."""
        ...

    def poll(self, timeout: float) -> list[Event]:
        """The events since the last call; waits up to ``timeout`` seconds for the first.

        Raises:
            HarnessError: E-WORKER, workers cannot be started.
        """
        ...

    def lighten(self, variant: str, lighter: int) -> None:
        """Have the videos of a variant that have not started begin at least so many steps towards less memory."""
        ...

    def cancel(self) -> list[Task]:
        """Drop and return what has not started; what is in hand goes on."""
        ...

    def stop(self, task: str) -> None:
        """End the worker that has the task of this id in hand; the task comes back as ``lost``.

        Nothing happens where no worker has it: it may have ended at the same moment.
        """
        ...

    def in_hand(self) -> Mapping[str, str]:
        """What each worker is doing: worker name -> label of its task, empty when idle."""
        ...

    def close(self, *, kill: bool = False) -> None:
        """End the workers: after their task in hand, or at once."""
        ...
