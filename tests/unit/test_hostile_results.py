"""Result files that mean harm: each is refused with the name of the rule that it breaks, or what it holds is inert."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from harness.commands.validate import command
from harness.errors import EXIT_REFUSED
from harness.export import dump
from harness.submission import MAX_BYTES
from harness.validate import validate
from harness.validate_rules import RULES, STRUCTURE
from harness.validate_together import validate_all
from tests.site.synthetic import LOOKS, result, small_suite

Change = Callable[[dict[str, Any]], object]
SCRIPT = "<script>alert(1)</script>"
FORMULA = "=cmd|' /C calc'!A0"
CLEAN = json.loads(dump(result(small_suite(items=3), LOOKS[0])))


def warp(r: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = r["rows"][0]["scores"]["warp_error@1"]
    return found


def declared(r: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(metric for metric in r["metrics"] if metric["name"] == name)
    return found


def nested(depth: int) -> list[Any]:
    """A list in a list in a list."""
    found: list[Any] = []
    for _ in range(depth - 1):
        found = [found]
    return found


def placed(folder: Path, content: bytes) -> Path:
    """A file under the name that a clean one would have."""
    path = folder / "demo-1" / f"{LOOKS[0].name}-1.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def errors(path: Path) -> set[str]:
    return {problem.rule for problem in validate(path).problems if problem.severity == "error"}


def test_the_clean_file_is_accepted(tmp_path: Path) -> None:
    assert errors(placed(tmp_path, json.dumps(CLEAN).encode())) == set()


REFUSED: dict[str, tuple[str, Change]] = {
    "text that reads backwards": ("text", lambda r: r["variant"].update(summary="safe\u202eexe.gpj")),
    "an isolate in a parameter": ("text", lambda r: r["variant"]["params"].update(note="\u2066x\u2069")),
    "a terminal's escape": ("text", lambda r: r["run"].update(argv=["\x1b]0;owned\x07"])),
    "a book for a prompt": ("text", lambda r: r["suite"]["items"][0].update(prompt="x" * 2001)),
    "text that seems to be other text": ("text", lambda r: r["variant"].update(summary="pay\u00adpal\u200b")),
    "a line that is none": ("text", lambda r: r["suite"]["items"][0].update(prompt="one\u2028two")),
    "a message in tags": ("text", lambda r: r["variant"].update(summary="fine\U000e0041\U000e0042")),
    "a name that reads backwards": ("text", lambda r: r["failures"].update({"E-\u202eX": 1})),
    "an escape for a weight": ("text", lambda r: r["variant"]["weights"].update({"\x1b[31m": "a" * 64})),
    "a book for a factor": ("text", lambda r: r["variant"].update(factors={"x" * 9000: True})),
    "a detail that reads backwards": ("text", lambda r: warp(r)["detail"].update({"\u202ex": 1.0})),
    "a tower in the environment": ("schema", lambda r: r["environment"].update(tower=nested(100))),
    "a tower that Python cannot climb": ("schema", lambda r: r["environment"].update(tower=nested(900))),
    "a tower for a role": ("schema", lambda r: r["variant"].update(role=nested(900))),
    "half a surrogate": ("text", lambda r: r["environment"].update(cpu="\ud800")),
    "a number beyond all floats": ("finite", lambda r: r["rows"][0].update(seconds=10**400)),
    "a path in a slug": ("schema", lambda r: r["rows"][0].update(item="../../etc/passwd")),
    "a path for a variant": ("schema", lambda r: r["variant"].update(name="../../../site/public/index")),
    "a path for a digest": ("schema", lambda r: r["rows"][0].update(video="../" * 21 + "x")),
    "a script for a metric": ("schema", lambda r: r["metrics"][0].update(name=SCRIPT)),
    "text for a number": ("schema", lambda r: warp(r).update(value="0.1")),
    "a list for an object": ("schema", lambda r: r.update(variant=[])),
    "an object for rows": ("schema", lambda r: r.update(rows={})),
    "true for a seed": ("schema", lambda r: r["rows"][0].update(seed=True)),
    "a member nobody knows": ("schema", lambda r: r.update(__proto__={"polluted": True})),
    "a file of the future": ("schema", lambda r: r.update(schema="exvideo-result/99")),
    "a row twice": ("unique", lambda r: r["rows"].insert(0, r["rows"][0])),
    "rows in another order": ("sorted", lambda r: r["rows"].reverse()),
    "an item of another suite": ("belongs", lambda r: r["rows"][2].update(item="zzz")),
    "a score too good to be true": ("range", lambda r: warp(r).update(value=-3.0)),
    "a distance below zero": ("range", lambda r: r["set_scores"][0].update(value=-1.0, ci_low=None, ci_high=None)),
    "an interval with its ends exchanged": ("plausible", lambda r: r["set_scores"][0].update(ci_low=9.0, ci_high=1.0)),
    "a standard error of one's own": (
        "plausible",
        lambda r: r["set_scores"][0].update(stderr=1e-9, detail={"jackknife": [1.0, 2.0, 4.0]}),
    ),
    "a video from before its run": ("plausible", lambda r: r["rows"][0].update(seconds=-1.0)),
    "a video made in no time": ("plausible", lambda r: r["rows"][0].update(seconds=0)),
    "an error below zero": ("plausible", lambda r: r["set_scores"][0].update(stderr=-5.0, detail={})),
    "a value outside its own interval": ("plausible", lambda r: r["set_scores"][0].update(ci_low=1e8, ci_high=2e8)),
    "a run that ended before it began": (
        "plausible",
        lambda r: r["run"].update(started_at="2026-11-24T06:00:00+00:00", finished_at="2026-11-24T05:00:00+00:00"),
    ),
    "the worst called the best": ("as-installed", lambda r: declared(r, "warp_error").update(better="higher")),
    "another unit": ("as-installed", lambda r: declared(r, "warp_error").update(unit="furlongs")),
    "nothing at all": ("rows", lambda r: r.update(rows=[], set_scores=[])),
    "another suite under its name": ("suite-digest", lambda r: r["suite"].update(key="0" * 32)),
    "the name of another variant": ("name", lambda r: r["variant"].update(name="mini-svd-direct")),
    "a metric nobody declared": ("declared", lambda r: r["rows"][0]["scores"].update({"mine@1": warp(r)})),
    "a misleading metric alone": ("beside", lambda r: r["metrics"].pop(2)),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_with_the_rule_that_it_breaks(name: str, tmp_path: Path) -> None:
    rule, change = REFUSED[name]
    content = copy.deepcopy(CLEAN)
    change(content)
    assert rule in errors(placed(tmp_path, json.dumps(content).encode()))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "1" * 5000])
def test_a_score_that_is_no_finite_number_is_refused(number: str, tmp_path: Path) -> None:
    content = copy.deepcopy(CLEAN)
    warp(content)["value"] = "HERE"
    path = placed(tmp_path, json.dumps(content).replace('"HERE"', number).encode())
    assert errors(path) == {"finite"}


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"\xff\xfe\x00", "schema"),
        (b"PK\x03\x04", "schema"),
        (b"[" * 200_000, "schema"),
        (b'{"schema": "exvideo-result/1", "schema": "exvideo-result/1"}', "schema"),
    ],
)
def test_bytes_that_are_no_document_are_refused(content: bytes, rule: str, tmp_path: Path) -> None:
    assert errors(placed(tmp_path, content)) == {rule}


@pytest.mark.parametrize("name", ["mini-exvideo-1.json", "calibration.json"])
def test_a_million_rows_are_refused_before_they_are_read(name: str, tmp_path: Path) -> None:
    row = json.dumps(CLEAN["rows"][0])
    assert len(row) * 10**6 > MAX_BYTES, "a million rows cannot be smaller than what is read"
    path = placed(tmp_path, b"").with_name(name)
    with path.open("wb") as file:
        file.truncate(len(row) * 10**6)  # a hole: no disk is used
    assert errors(path) == {"size"}


def test_a_hundred_thousand_empty_rows_are_refused_at_the_first(tmp_path: Path) -> None:
    content = json.dumps({**CLEAN, "rows": [{}] * 100_000}).encode()
    (problem,) = validate(placed(tmp_path, content)).problems
    assert (problem.rule, problem.pointer) == ("schema", "/rows/0")


@pytest.mark.parametrize("text", [SCRIPT, FORMULA, "{{ 7 * 7 }}", "'; DROP TABLE scores; --", "../../x"])
def test_text_that_only_looks_dangerous_is_kept_as_text(text: str, tmp_path: Path) -> None:
    """It is accepted, because a prompt may say anything; site, CSV and tables show it as it is and run nothing."""
    content = copy.deepcopy(CLEAN)
    content["variant"].update(summary=text)
    report = validate(placed(tmp_path, json.dumps(content).encode()))
    assert report.accepted
    assert report.submission is not None
    assert report.submission.variant.summary == text


def test_the_command_names_the_rule_and_ends_with_the_status_of_a_refusal(tmp_path: Path) -> None:
    content = copy.deepcopy(CLEAN)
    warp(content).update(value=-3.0)
    path = placed(tmp_path, json.dumps(content).encode())
    ran = CliRunner().invoke(command, [str(path)], standalone_mode=False)
    assert ran.return_value == EXIT_REFUSED
    assert "range" in ran.output
    assert "/rows/0/scores/warp_error@1/value" in ran.output


@pytest.mark.parametrize("name", ["\x1b]0;owned\x07\u202e", "x" * 10_000])
def test_a_message_cannot_command_the_terminal_or_flood_it(name: str, tmp_path: Path) -> None:
    path = placed(tmp_path, json.dumps({**CLEAN, name: 1}).encode())
    ran = CliRunner().invoke(command, [str(path)], standalone_mode=False)
    assert ran.return_value == EXIT_REFUSED
    assert "is not part of the schema" in ran.output
    assert all(line.isprintable() for line in ran.output.splitlines())
    assert len(ran.output) < 1000


def test_what_joins_letters_is_text(tmp_path: Path) -> None:
    content = copy.deepcopy(CLEAN)
    content["variant"].update(summary="\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \U0001f469\u200d\U0001f680")
    assert errors(placed(tmp_path, json.dumps(content).encode())) == set()


def test_files_that_are_in_each_others_way_are_refused_where_they_are_published(tmp_path: Path) -> None:
    sound = [placed(tmp_path / name, json.dumps(CLEAN).encode()) for name in ("a", "b")]
    other = dump(result(small_suite(items=4), LOOKS[0]))
    assert all(report.accepted for report in map(validate, sound))
    (first, second) = validate_all(sound)
    assert first.accepted
    assert [(p.rule, p.severity) for p in second.problems][-1] == ("one-file", "error")
    three = [*sound, placed(tmp_path / "c", other)]
    assert [p.rule for p in validate_all(three)[2].problems if p.severity == "error"] == ["one-digest"]


def test_rules_are_data_and_every_error_has_a_hostile_file() -> None:
    names = [*STRUCTURE, *(rule.name for rule in RULES)]
    assert len(set(names)) == len(names)
    tried = {rule for rule, _ in REFUSED.values()} | {"size", "unchanged"}  # the last is tried with a base, elsewhere
    assert tried == {*STRUCTURE, *(rule.name for rule in RULES if rule.severity == "error")}
