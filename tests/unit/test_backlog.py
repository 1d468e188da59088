"""Which task a worker takes."""

from __future__ import annotations

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from harness.engines.backlog import Backlog
from harness.tasks import GenerateTask, ScoreTask, Task


def video(variant: str, item: int = 0) -> GenerateTask:
    return GenerateTask(f"{variant}-{item}", variant, str(item), 0)


def measurement(item: int = 0) -> ScoreTask:
    return ScoreTask(f"m-{item}", "a", str(item), 0, "", "", ("m",))


def filled(*tasks: Task) -> Backlog:
    backlog = Backlog()
    for task in tasks:
        backlog.add(task)
    return backlog


def test_a_worker_stays_with_the_variant_it_has_loaded() -> None:
    backlog = filled(video("a", 0), video("b", 0), video("b", 1))
    assert backlog.take(True, "b", ()) == video("b", 0)
    assert backlog.take(True, "b", ()) == video("b", 1)
    assert backlog.take(True, "b", ()) == video("a", 0)


def test_a_fresh_worker_takes_a_variant_that_nobody_has_loaded() -> None:
    backlog = filled(video("a"), video("b"))
    assert backlog.take(True, "", {"a"}) == video("b")
    assert backlog.take(True, "", {"a"}) == video("a"), "rather than idle it helps with any"


def test_waiting_videos_of_one_variant_begin_lighter_and_never_heavier() -> None:
    backlog = filled(video("a", 0), dataclasses.replace(video("a", 1), lighter=3), video("b"), measurement())
    backlog.lighten("a", 2)
    backlog.lighten("none", 2)
    steps = {task.id: task.lighter for task in backlog.clear() if isinstance(task, GenerateTask)}
    assert steps == {"a-0": 2, "a-1": 3, "b-0": 0}


def test_each_worker_prefers_its_own_kind() -> None:
    assert filled(measurement(), video("a")).take(True, "", ()) == video("a")
    assert filled(video("a"), measurement()).take(False, "", ()) == measurement()


def test_a_worker_without_work_of_its_kind_helps_only_if_it_may() -> None:
    assert filled(video("a")).take(False, "", (), may_swap=True) == video("a")
    assert filled(video("a")).take(False, "", (), may_swap=False) is None


@given(st.lists(st.tuples(st.sampled_from("abm"), st.integers(0, 9)), unique=True), st.lists(st.booleans()))
def test_every_task_is_taken_once(wanted: list[tuple[str, int]], workers: list[bool]) -> None:
    tasks: list[Task] = [measurement(i) if kind == "m" else video(kind, i) for kind, i in wanted]
    backlog = filled(*tasks)
    taken = [task for prefers in workers if (task := backlog.take(prefers, "a", {"b"}))]
    assert len(backlog) == len(tasks) - len(taken)
    dropped = backlog.clear()
    assert sorted(t.id for t in [*taken, *dropped]) == sorted(t.id for t in tasks)
    assert len(backlog) == 0
