"""A suite, rows and columns for the tests of planning and running, without any file or plugin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.contracts import Generator
from harness.model import Frames, Item, Needs, Protocol, Suite
from harness.outcome import Failed
from harness.plan import RUNS, Column, Have, Plan, Skip, make_plan
from harness.registry import MetricSpec, VariantSpec
from harness.status import Status
from harness.tasks import AggregateTask, Event, Fault, GenerateTask, ReferenceTask, ScoreTask, Task

PROTOCOL = Protocol(num_frames=4, height=8, width=8, fps=10)


NOTHING = Needs()


@dataclass(frozen=True)
class Config:
    """A variant that needs what it is told to need."""

    wants: Needs = NOTHING

    def needs(self) -> Needs:
        return self.wants

    def load(self, device: str) -> Generator:
        raise NotImplementedError


def suite(items: int = 3, seeds: tuple[int, ...] = (0,)) -> Suite:
    rows = tuple(Item(f"{i:03d}", f"scene {i}", f"{i:064d}", 127) for i in range(items))
    return Suite("tiny", 1, "for tests", PROTOCOL, rows, seeds, reference_size=items)


def variant(name: str, role: str = "method") -> VariantSpec:
    return VariantSpec(name, 1, "mini", role, f"the row {name}", Config(), "rows.py")


def column(name: str, scope: str = "video", better: Any = "lower", skip: Skip = RUNS) -> Column:
    extractor = "net" if scope == "set" else ""
    spec = MetricSpec(
        name, 1, better, "", f"the column {name}", lambda clip: None, "m.py", scope=scope, extractor=extractor
    )
    return Column(spec, f"key-{name}", "key-net" if extractor else "", skip)


def plan(
    names: Sequence[str] = ("a", "b"),
    columns: Sequence[Column] = (column("sharp"),),
    have: Have | None = None,
    items: int = 3,
    limit: int | None = None,
    skips: Mapping[str, Skip] | None = None,
) -> Plan:
    rows = [(variant(name), (skips or {}).get(name, RUNS)) for name in names]
    return make_plan(suite(items), limit, rows, columns, "reference", have or Have())


def work(task: Task) -> Event:
    """Everything succeeds at once."""
    match task:
        case GenerateTask():
            result: dict[str, Any] = {"video_sha256": f"v-{task.id}", "frames_sha256": f"f-{task.id}"}
        case ScoreTask():
            features = {name: f"{name}-{task.gen_key}" for name in task.extractors}
            result = {"scores": len(task.metrics), "features": features}
        case ReferenceTask():
            result = {"clips": task.count}
        case AggregateTask():
            result = {"values": dict.fromkeys(task.metrics, 1.0)}
    return Event("finished", task, "fake", 0.5, 1, result)


def fault(code: str = "E-SCORE", subject: str = "", retryable: bool = False, stage: str = "score") -> Fault:
    return Fault(stage, code, f"{code} happened", retryable, subject)


class Watch:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.events: list[Event] = []
        self.failures: list[Failed] = []
        self.states: list[Status] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def happened(self, event: Event) -> None:
        self.events.append(event)

    def failed(self, failed: Failed) -> None:
        self.failures.append(failed)

    def progress(self, status: Status) -> None:
        self.states.append(status)


def frames(count: int = 4, size: int = 8, value: int = 7) -> Frames:
    return np.full((count, size, size, 3), value, dtype=np.uint8)
