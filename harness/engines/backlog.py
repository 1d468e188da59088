"""Which task a free worker takes next. No processes here: a pure queue."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Collection
from dataclasses import replace

from harness.tasks import GenerateTask, Task


class Backlog:
    """Tasks that wait, videos to make grouped by variant, everything else in the order it came."""

    def __init__(self) -> None:
        self._videos: OrderedDict[str, deque[GenerateTask]] = OrderedDict()
        self._other: deque[Task] = deque()

    def __len__(self) -> int:
        return len(self._other) + sum(map(len, self._videos.values()))

    def add(self, task: Task) -> None:
        """Queue a task behind those of its kind."""
        if isinstance(task, GenerateTask):
            self._videos.setdefault(task.variant, deque()).append(task)
        else:
            self._other.append(task)

    def lighten(self, variant: str, lighter: int) -> None:
        """Have the waiting videos of a variant begin at least so many steps towards less memory."""
        for index, task in enumerate(waiting := self._videos.get(variant, deque())):
            waiting[index] = replace(task, lighter=max(lighter, task.lighter))

    def take(self, prefers_videos: bool, loaded: str, held: Collection[str], may_swap: bool = True) -> Task | None:
        """The next task for a worker, None if there is nothing for it.

        A worker stays with the variant it has loaded; then it takes one that no other worker has loaded, so that
        weights are read once; then it helps with any.

        Args:
            prefers_videos: a generating worker; the others measure first.
            loaded: the variant in the worker's memory, empty for none.
            held: the variants in other workers' memory.
            may_swap: whether the worker may do the other kind of work when its own has run out.
        """
        first, second = (self._video, self._measurement) if prefers_videos else (self._measurement, self._video)
        task = first(loaded, held)
        return second(loaded, held) if task is None and may_swap else task

    def clear(self) -> list[Task]:
        """Empty the queue; returns what was in it."""
        dropped = [*self._other, *(task for tasks in self._videos.values() for task in tasks)]
        self._other.clear()
        self._videos.clear()
        return dropped

    def _video(self, loaded: str, held: Collection[str]) -> Task | None:
        free = [name for name in self._videos if name not in held]
        name = loaded if loaded in self._videos else next(iter(free or self._videos), None)
        if name is None:
            return None
        task = self._videos[name].popleft()
        if not self._videos[name]:
            del self._videos[name]
        return task

    def _measurement(self, loaded: str, held: Collection[str]) -> Task | None:
        return self._other.popleft() if self._other else None
