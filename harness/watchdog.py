"""How long a task may take before its worker is taken to hang. Pure: times come in, tasks that are overdue go out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

TIMES_USUAL = 20.0  # a task may take so many times what the slowest of its kind has taken,
FLOOR_SECONDS = 1800.0  # and never less than this: weights may come from a slow disk first
UNKNOWN_SECONDS = 6 * 3600.0  # while no task of its kind has ended here


@dataclass
class _Started:
    kind: str
    at: float
    limit: float


class Watchdog:
    """Knows since when each task has been in hand.

    Args:
        given: the limit of every task in seconds, as the user set it; infinite for none, None to derive it.
        known: seconds that tasks of a kind took in earlier runs.
    """

    def __init__(self, given: float | None = None, known: Mapping[str, float] | None = None) -> None:
        self.given = given
        self._slowest = dict(known or {})
        self._in_hand: dict[str, _Started] = {}
        self._hung: dict[str, float] = {}

    def limit(self, kind: str) -> float:
        """Seconds that a task of ``kind`` may take."""
        if self.given is not None:
            return self.given
        if kind not in self._slowest:
            return UNKNOWN_SECONDS
        return max(FLOOR_SECONDS, TIMES_USUAL * self._slowest[kind])

    def started(self, task: str, kind: str, now: float) -> None:
        """A worker has begun a task."""
        self._in_hand[task] = _Started(kind, now, self.limit(kind))

    def ended(self, task: str, seconds: float) -> float | None:
        """A task is over, however it ended; returns the limit if that had run out, else None."""
        begun = self._in_hand.pop(task, None)
        if begun and seconds > self._slowest.get(begun.kind, 0.0):
            self._slowest[begun.kind] = seconds
        return self._hung.pop(task, None)

    def overdue(self, now: float) -> list[str]:
        """The tasks whose limit has run out since the last call."""
        late = {task: s.limit for task, s in self._in_hand.items() if now - s.at > s.limit and task not in self._hung}
        self._hung |= late
        return list(late)
