"""Older result files are migrated, newer ones refused, and both say so."""

from __future__ import annotations

from typing import Any

import pytest

from harness.jsonread import JsonError, Node
from harness.result_versions import CURRENT, MIGRATIONS, up_to_date


def renamed(content: dict[str, Any]) -> dict[str, Any]:
    rest = {name: value for name, value in content.items() if name != "videos"}
    return {**rest, "rows": content["videos"]}


def with_failures(content: dict[str, Any]) -> dict[str, Any]:
    return {**content, "failures": {}}


STEPS = {1: renamed, 2: with_failures}


def file(version: int, **content: Any) -> Node:
    return Node({"schema": f"exvideo-result/{version}", **content})


def test_an_older_file_takes_every_step() -> None:
    found = up_to_date(file(1, videos=[1]), 3, STEPS)
    assert found.value == {"schema": "exvideo-result/3", "rows": [1], "failures": {}}
    assert up_to_date(file(2, rows=[1]), 3, STEPS).value == found.value


def test_a_current_file_is_left_as_it_is() -> None:
    node = file(3, rows=[1], failures={"E-MEMORY": 1})
    assert up_to_date(node, 3, STEPS).value == node.value


def test_the_original_is_not_changed() -> None:
    node = file(1, videos=[1])
    up_to_date(node, 3, STEPS)
    assert node.value == {"schema": "exvideo-result/1", "videos": [1]}


def test_a_newer_file_says_that_the_reader_is_old() -> None:
    with pytest.raises(JsonError, match=r"newer exvideo-bench.*reads exvideo-result/3: upgrade"):
        up_to_date(file(4), 3, STEPS)


def test_a_file_from_before_the_first_step_says_that_it_is_old() -> None:
    with pytest.raises(JsonError, match=r"is exvideo-result/0, too old"):
        up_to_date(file(0), 3, STEPS)


@pytest.mark.parametrize("value", ["exvideo-result", "exvideo-result/01", "other/1", "exvideo-result/-1", 1, None])
def test_what_is_no_result_file_is_named(value: object) -> None:
    with pytest.raises(JsonError) as caught:
        up_to_date(Node({"schema": value}))
    assert caught.value.pointer == "/schema"


def test_every_published_version_can_be_read() -> None:
    assert set(MIGRATIONS) == set(range(1, CURRENT))
