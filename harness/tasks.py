"""What passes between the coordinator and its workers: tasks one way, events the other, both as JSON lines.

A task names things (a variant, an item, a digest) and never carries pixels. The worker derives every key again from
its own copy of the plugins, so that a plugin edited during a run is found instead of mixed in.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from harness.errors import HarnessError

READY = '{"kind": "ready"}'  # a worker's first line
STOP = '{"kind": "stop"}'  # a coordinator's last line
MAX_ATTEMPTS = 3  # the first try and two more, for faults that cannot depend on the content
MAX_MEMORY_ATTEMPTS = 4  # a video whose memory ran out may have three lighter ways to be made


@dataclass(frozen=True)
class GenerateTask:
    """Make one video. ``lighter`` is how many steps towards less memory to take, see `harness.model.Request`.

    A second making of a video that exists carries the sha256 of the first's frames (``first``) and of its master.
    """

    kind: ClassVar[str] = "generate"
    gen_key: str
    variant: str
    item: str
    seed: int
    attempt: int = 1
    lighter: int = 0
    first: str = ""
    first_video: str = ""

    @property
    def id(self) -> str:
        """Identifies the task among those in flight and in the failures table."""
        return self.gen_key

    @property
    def label(self) -> str:
        """For people."""
        return f"{self.variant} {self.item} s{self.seed}"


@dataclass(frozen=True)
class ScoreTask:
    """Measure one stored video: ``metrics`` and feature ``extractors`` by name, in one decode.

    ``video`` and ``frames`` are the sha256 of the master file and of its decoded frames.
    """

    kind: ClassVar[str] = "score"
    gen_key: str
    variant: str
    item: str
    seed: int
    video: str
    frames: str
    metrics: tuple[str, ...]
    extractors: tuple[str, ...] = ()
    attempt: int = 1

    @property
    def id(self) -> str:
        """Identifies the task among those in flight and in the failures table."""
        return f"{self.gen_key}:score"

    @property
    def label(self) -> str:
        """For people."""
        return f"{self.variant} {self.item} s{self.seed}"


@dataclass(frozen=True)
class ReferenceTask:
    """Extract the features of the first ``count`` clips of the suite's reference set."""

    kind: ClassVar[str] = "reference"
    extractor: str
    count: int
    attempt: int = 1

    @property
    def id(self) -> str:
        """Identifies the task among those in flight and in the failures table."""
        return f"reference:{self.extractor}"

    @property
    def label(self) -> str:
        """For people."""
        return f"reference set, {self.extractor}"


@dataclass(frozen=True)
class Member:
    """One video's part in a set: the item it belongs to, its key, and the sha256 of its feature file."""

    gen_key: str
    item: str
    features: str


@dataclass(frozen=True)
class AggregateTask:
    """Compute set metrics that share one extractor over one variant's complete set.

    ``items`` is the number of items, and so the number of reference clips it is compared with.
    """

    kind: ClassVar[str] = "aggregate"
    set_key: str
    variant: str
    extractor: str
    metrics: tuple[str, ...]
    members: tuple[Member, ...]
    items: int
    attempt: int = 1

    @property
    def id(self) -> str:
        """Identifies the task among those in flight and in the failures table."""
        return f"{self.set_key}:{self.extractor}"

    @property
    def label(self) -> str:
        """For people."""
        return f"{self.variant} {', '.join(self.metrics)}"


Task = GenerateTask | ScoreTask | ReferenceTask | AggregateTask
_KINDS: dict[str, type[Any]] = {t.kind: t for t in (GenerateTask, ScoreTask, ReferenceTask, AggregateTask)}


@dataclass(frozen=True)
class Fault:
    """One thing that went wrong inside a task; ``subject`` is the metric or extractor, or empty for the task.

    ``fix`` is what to do, where that is known. ``killed`` says that the worker was ended by signal 9, as Linux does to
    a process when memory runs out.
    """

    stage: str  # load | generate | encode | score | aggregate
    code: str
    message: str
    retryable: bool = False
    subject: str = ""
    killed: bool = False
    fix: str = ""


@dataclass(frozen=True)
class Event:
    """What an engine reports about a task.

    ``kind`` is ``started``, ``finished`` (``faults`` lists parts that failed), ``failed`` (nothing came of it) or
    ``lost`` (the worker died with it). ``envelopes`` counts the files that were written.
    """

    kind: str
    task: Task
    worker: str = ""
    seconds: float = 0.0
    envelopes: int = 0
    result: Mapping[str, Any] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()


def dump_task(task: Task) -> str:
    """One line of JSON without its newline."""
    return json.dumps({"kind": task.kind, **dataclasses.asdict(task)})


def parse_task(line: str) -> Task:
    """The inverse of `dump_task`.

    Raises:
        HarnessError: E-TASK, the line is not a task.
    """
    try:
        fields = json.loads(line)
        cls = _KINDS[fields.pop("kind")]
        for name in ("metrics", "extractors"):
            if name in fields:
                fields[name] = tuple(fields[name])
        if "members" in fields:
            fields["members"] = tuple(Member(**member) for member in fields["members"])
        task: Task = cls(**fields)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise HarnessError("E-TASK", "A worker was sent something that is no task.", where=line[:200]) from error
    return task


def dump_event(event: Event) -> str:
    """One line of JSON; the task is named by its id only, because the reader knows what it sent."""
    fields = {f.name: getattr(event, f.name) for f in dataclasses.fields(event) if f.name not in ("task", "faults")}
    return json.dumps({**fields, "task": event.task.id, "faults": [dataclasses.asdict(f) for f in event.faults]})


def parse_event(line: str, task: Task, worker: str) -> Event:
    """The inverse of `dump_event`, for the task that the worker has in hand."""
    fields = json.loads(line)
    fields["faults"] = tuple(Fault(**fault) for fault in fields["faults"])
    return Event(**{**fields, "task": task, "worker": worker})


def again(task: Task) -> Task:
    """The same task, one attempt later."""
    return dataclasses.replace(task, attempt=task.attempt + 1)


def lighter(task: GenerateTask) -> GenerateTask:
    """The same video, one attempt later and one step lighter on memory."""
    return dataclasses.replace(task, attempt=task.attempt + 1, lighter=task.lighter + 1)
