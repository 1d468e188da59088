"""The shipped JSON Schema says what the parser accepts: neither is stricter than the other in structure."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from harness import submission
from harness.export import dump
from harness.jsonread import JsonError
from harness.submission import SCHEMA, parse
from tests.site.synthetic import LOOKS, result, small_suite

TEXT = (files("harness") / "schemas" / (SCHEMA.replace("/", "-") + ".json")).read_text(encoding="utf-8")
RULES = Draft202012Validator(json.loads(TEXT))
Change = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def sample() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(dump(result(small_suite(items=2), LOOKS[0])))
    return found


def accepted(content: dict[str, Any]) -> tuple[bool, bool]:
    """By the schema, by the parser."""
    try:
        parse(json.dumps(content).encode())
    except JsonError:
        return RULES.is_valid(content), False
    return RULES.is_valid(content), True


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(json.loads(TEXT))


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.name)
def test_what_is_exported_is_accepted_by_both(look: Any) -> None:
    assert accepted(json.loads(dump(result(small_suite(items=2), look)))) == (True, True)


def score(r: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = r["rows"][0]["scores"]["warp_error@1"]
    return found


WRONG: dict[str, Change] = {
    "another schema": lambda r: r.update(schema="exvideo-result/2"),
    "a foreign member": lambda r: r.update(note="x"),
    "no rows": lambda r: r.pop("rows"),
    "rows that are no list": lambda r: r.update(rows={}),
    "a path as slug": lambda r: r["rows"][0].update(item="../../etc"),
    "a slug in capitals": lambda r: r["variant"].update(name="ExVideo"),
    "an unknown role": lambda r: r["variant"].update(role="winner"),
    "a negative revision": lambda r: r["variant"].update(revision=0),
    "a text for a number": lambda r: r["rows"][0].update(seconds="1"),
    "a digest that is none": lambda r: r["rows"][0].update(video="f" * 63),
    "a value without a number": lambda r: score(r).update(value=None),
    "a reason missing": lambda r: score(r).update(value=None, status="undefined", reason=""),
    "a number that is undefined": lambda r: score(r).update(status="undefined", reason="still"),
    "a detail that is text": lambda r: score(r)["detail"].update(note="x"),
    "a set of one": lambda r: r["set_scores"][0].update(n=1),
    "a metric without version": lambda r: r["set_scores"][0].update(metric="fd_world"),
    "an unknown direction": lambda r: r["metrics"][0].update(better="up"),
    "an unknown aspect": lambda r: r["metrics"][0].update(aspect="beauty"),
    "a long prompt": lambda r: r["suite"]["items"][0].update(prompt="x" * 2001),
    "a motion bucket out of range": lambda r: r["suite"]["items"][0].update(motion_bucket=256),
    "a commit that is none": lambda r: r["run"].update(git_commit="main"),
    "failures below zero": lambda r: r["failures"].update({"E-MEMORY": -1}),
    "a video of no frames": lambda r: r["suite"]["protocol"].update(num_frames=0),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_refused_by_both(sample: dict[str, Any], name: str) -> None:
    changed = copy.deepcopy(sample)
    WRONG[name](changed)
    assert accepted(changed) == (False, False)


def test_both_name_the_same_members() -> None:
    definitions = json.loads(TEXT)["$defs"]
    for name, record in (
        ("variant", submission.PublishedVariant),
        ("metric", submission.PublishedMetric),
        ("run", submission.PublishedRun),
        ("setScore", submission.PublishedSetScore),
        ("row", submission.PublishedRow),
    ):
        assert set(definitions[name]["properties"]) == set(record.__dataclass_fields__)
