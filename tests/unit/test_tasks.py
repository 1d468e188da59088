"""Tasks and events cross a pipe as lines of JSON and arrive as they were."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import HarnessError
from harness.tasks import (
    AggregateTask,
    Event,
    Fault,
    GenerateTask,
    Member,
    ReferenceTask,
    ScoreTask,
    Task,
    again,
    dump_event,
    dump_task,
    parse_event,
    parse_task,
)

text = st.text(max_size=20)
names = st.lists(text, max_size=3).map(tuple)
seeds = st.integers(0, 2**63 - 1)
tasks: st.SearchStrategy[Task] = st.one_of(
    st.builds(GenerateTask, text, text, text, seeds),
    st.builds(ScoreTask, text, text, text, seeds, text, text, names, names),
    st.builds(ReferenceTask, text, st.integers(1, 99)),
    st.builds(
        AggregateTask, text, text, text, names, st.lists(st.builds(Member, text, text, text)).map(tuple), st.just(2)
    ),
)
faults = st.builds(Fault, text, text, text, st.booleans(), text)


@given(tasks)
def test_a_task_survives_its_line(task: Task) -> None:
    line = dump_task(task)
    assert "\n" not in line
    assert parse_task(line) == task


@given(tasks, st.sampled_from(["started", "finished", "failed"]), st.lists(faults, max_size=2).map(tuple))
def test_an_event_survives_its_line(task: Task, kind: str, found: tuple[Fault, ...]) -> None:
    event = Event(kind, task, "w", 1.5, 2, {"scores": 3, "features": {"net": "ab"}}, found)
    assert parse_event(dump_event(event), task, "w") == event


@given(tasks)
def test_another_attempt_is_the_same_task(task: Task) -> None:
    later = again(task)
    assert (later.id, later.attempt) == (task.id, task.attempt + 1)


@pytest.mark.parametrize("line", ["", "{}", "[]", '{"kind": "generate"}', '{"kind": "dance"}', "null"])
def test_what_is_no_task_is_refused(line: str) -> None:
    with pytest.raises(HarnessError, match="no task"):
        parse_task(line)


def test_the_ids_of_all_work_on_one_video_are_told_apart() -> None:
    generate = GenerateTask("k", "v", "i", 0)
    score = ScoreTask("k", "v", "i", 0, "", "", ("m",))
    assert len({generate.id, score.id, ReferenceTask("net", 2).id, AggregateTask("k", "v", "net", (), (), 2).id}) == 4
