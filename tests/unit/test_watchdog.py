"""How long a task may take."""

from __future__ import annotations

import math

from harness.watchdog import FLOOR_SECONDS, TIMES_USUAL, UNKNOWN_SECONDS, Watchdog


def test_a_limit_that_was_given_holds_for_everything() -> None:
    dog = Watchdog(5.0, {"score": 1000.0})
    assert dog.limit("score") == dog.limit("generate a") == 5.0


def test_without_one_it_follows_the_slowest_of_the_kind_and_is_generous_to_the_unknown() -> None:
    dog = Watchdog(known={"score": 0.1, "generate a": 300.0})
    assert dog.limit("score") == FLOOR_SECONDS
    assert dog.limit("generate a") == TIMES_USUAL * 300
    assert dog.limit("generate b") == UNKNOWN_SECONDS
    for seconds in (400.0, 200.0):
        dog.started("x", "generate b", 0.0)
        dog.ended("x", seconds)
    assert dog.limit("generate b") == TIMES_USUAL * 400


def test_what_is_overdue_is_told_once_and_remembered_until_it_ends() -> None:
    dog = Watchdog(10.0)
    dog.started("x", "score", 100.0)
    dog.started("y", "score", 105.0)
    assert dog.overdue(110.0) == []
    assert dog.overdue(110.5) == ["x"]
    assert dog.overdue(111.0) == []
    assert dog.ended("x", 0.0) == 10.0
    assert dog.ended("y", 1.0) is None
    assert dog.overdue(1e9) == []


def test_a_task_in_hand_keeps_the_limit_that_it_began_with() -> None:
    dog = Watchdog()
    dog.started("x", "score", 0.0)
    dog.started("y", "score", 0.0)
    dog.ended("y", 1.0)
    assert dog.overdue(FLOOR_SECONDS + 1) == []
    assert dog.overdue(UNKNOWN_SECONDS + 1) == ["x"]


def test_no_limit_is_never_over() -> None:
    dog = Watchdog(math.inf)
    dog.started("x", "score", 0.0)
    assert dog.overdue(1e12) == []
