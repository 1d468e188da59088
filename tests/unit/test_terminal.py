"""How numbers, plans and tables look."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.outcome import Failed, Outcome
from harness.plan import Skip
from harness.status import Status
from harness.summary import Cell, Recorded, ScoreValue, SetValue, as_record, summarise
from harness.terminal import JsonConsole, TextConsole
from harness.terminal_text import (
    cell_text,
    decimals_for,
    duration,
    failure_lines,
    footnotes,
    plan_line,
    size,
    status_line,
)
from harness.wishes import RunOptions, same_place
from tests.unit.run_helpers import column, plan

STATUS = Status("0199c2f4-aaaa", "running", "", "", 3, 8, 10, 48, 1, {}, 75.0)


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (Cell(0.01234, 0.00456, 64, 64), "0.0123 ± 0.0046"),
        (Cell(0.5, 0.1, 61, 64), "0.5000 ± 0.1000 (61/64)"),
        (Cell(0.5, None, 1, 64), "0.5000 ± ? (1/64)"),
        (Cell(None, None, 0, 64, "static"), "n/a"),
    ],
)
def test_a_cell_is_never_a_bare_number(cell: Cell, text: str) -> None:
    assert cell_text(cell, 4) == text


@pytest.mark.parametrize(("values", "decimals"), [([0.02, 0.5], 4), ([3.2], 3), ([41.0], 2), ([2500.0], 0), ([], 4)])
def test_four_significant_digits_in_the_largest(values: list[float], decimals: int) -> None:
    assert decimals_for(values) == decimals


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (89, "89 s"), (600, "10 min"), (9000, "2.5 h")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("count", "text"), [(12, "12 B"), (3e6, "3 MB"), (4.1e10, "41.0 GB")])
def test_sizes(count: float, text: str) -> None:
    assert size(count) == text


def test_one_line_says_where_a_run_is() -> None:
    assert status_line(STATUS) == "run 0199c2f4  3/8 videos  10/48 scores  1 failed · eta 75 s"


def test_the_plan_says_what_is_not_known_yet() -> None:
    text = plan_line(plan(), free=10**9)
    assert "2 of 2 variants · 6 videos to make, 0 reused · 6 scores to compute" in text
    assert "time unknown until it has run once" in text
    assert "1.0 GB free" in text


def some_summary() -> tuple[object, object]:
    wanted = plan(names=["a", "b"], skips={"b": Skip("no weights: net", "make net")})
    values = {
        (str(u.gen_key), "key-sharp"): ScoreValue(v, "ok") for u, v in zip(wanted.rows[0].units, (1, 2), strict=False)
    }
    return wanted, summarise(wanted, Recorded(values, {}, {}))


def test_the_table_goes_to_stdout_and_the_talk_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    wanted, table = some_summary()
    console = TextConsole()
    console.plan(wanted, 10**9, dry_run=False)  # type: ignore[arg-type]
    outcome = Outcome(made=2, failed=[Failed("a 002 s0", "generate", "E-GENERATE", "too hard")])
    console.summary(table, wanted, outcome, "0199c2f4-aaaa")  # type: ignore[arg-type]
    out, err = capsys.readouterr()
    assert "tiny@1 · n = 3 items · below 30 items: no ranks" in out
    assert "sharp@1 ↓" in out
    assert "a@1" in out
    assert "1.500 ± 6.353 (2/3)" in out
    assert "b: not run: no weights: net" in out
    assert "skip: no weights: net" in err
    assert "make net" in err
    assert "E-GENERATE  a 002 s0: too hard" in err
    assert "2 made, 0 reused, 1 failed, 1 variant skipped · run 0199c2f4" in err
    assert "\x1b" not in out + err, "no colours without a terminal"


def test_what_happens_alike_to_many_videos_is_told_once_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    alike = [
        Failed(f"a {item} s0 sharp", "score", "E-SCORE", "it gave nan", row="a", subject="sharp")
        for item in ("000", "001", "002")
    ]
    other = Failed("a 003 s0", "score", "E-VIDEO", "damaged", "delete it", "a", log="runs/r/generate-0.log")
    assert failure_lines([*alike, other]) == [
        "E-SCORE  sharp on 3 videos of a, a 000 s0 sharp first: it gave nan",
        "E-VIDEO  a 003 s0: damaged",
        "         Fix  delete it",
        "         Log  runs/r/generate-0.log",
    ]
    console = TextConsole()
    for failed in (*alike, other):
        console.failed(failed)
    assert capsys.readouterr().err.splitlines() == [
        "E-SCORE  a 000 s0 sharp: it gave nan",
        "E-VIDEO  a 003 s0: damaged",
    ]


@pytest.mark.parametrize(
    ("outcome", "following"),
    [
        (Outcome(made=6), "next   harness publish --local --results r2 --plugin 'my file.py'"),
        (Outcome(made=6, interrupted=True), "next   run the same command again to go on"),
        (Outcome(made=6, left=1), "next   run the same command again to go on"),
    ],
)
def test_what_to_type_next_speaks_of_the_same_folder(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    outcome: Outcome,
    following: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    wanted, table = some_summary()
    console = TextConsole()
    options = RunOptions(results=tmp_path / "r2", plugins=(tmp_path / "my file.py",))
    console.same_place = same_place(options)
    console.summary(table, wanted, outcome, "0199c2f4-aaaa")  # type: ignore[arg-type]
    assert capsys.readouterr().err.splitlines()[-1] == following
    assert same_place(RunOptions()) == ""
    assert same_place(RunOptions(suite="exvideo-128")) == " --suite exvideo-128"


def test_json_is_one_object_per_line_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    wanted, table = some_summary()
    console = JsonConsole()
    console.note("a\nnote")
    console.plan(wanted, 10**9, dry_run=True)  # type: ignore[arg-type]
    console.progress(STATUS)
    console.failed(Failed("a", "score", "E-SCORE", "broken"))
    console.summary(table, wanted, Outcome(made=2), "run")  # type: ignore[arg-type]
    out, err = capsys.readouterr()
    assert err == ""
    events = [json.loads(line) for line in out.splitlines()]
    assert [e["event"] for e in events] == ["note", "plan", "progress", "failure", "summary"]
    assert events[1]["rows"][1]["skip"] == "no weights: net"
    assert events[4]["made"] == 2


def test_footnotes_name_every_gap() -> None:
    wanted = plan(names=["a"], columns=[column("sharp"), column("fd", "set", skip=Skip("no weights: net"))])
    lines = footnotes(summarise(wanted, Recorded({}, {}, {})))
    assert "  a sharp@1: 0 of 3 items (no video)" in lines
    assert "  fd@1: not run: no weights: net" in lines


def test_only_terminal_imports_rich() -> None:
    package = Path(__file__).parents[2] / "harness"
    users = {p.name for p in package.rglob("*.py") if "import rich" in p.read_text() or "from rich" in p.read_text()}
    assert users == {"terminal.py"}


def test_the_noise_floor_stands_under_the_table_once() -> None:
    wanted = plan(names=["a", "b"], columns=[column("fd", "set"), column("kvd", "set")])
    floor = SetValue(12.0, 3, 1.0, 9.0, 15.0, floor=4.25, floor_n=3)
    sets = {(row.set_key, "key-fd"): floor for row in wanted.rows}
    sets |= {(row.set_key, "key-kvd"): SetValue(1.0, 3, 0.1, 0.8, 1.2) for row in wanted.rows}
    lines = footnotes(summarise(wanted, Recorded({}, sets, {})))
    assert [line for line in lines if "floor" in line] == ["  fd@1: noise floor 4.250 (real against real clips, n = 3)"]
    assert [line for line in lines if "above" in line] == ["    above it: a +7.750, b +7.750"]


def test_a_floor_of_another_size_is_no_zero_and_a_small_set_is_marked() -> None:
    wanted = plan(names=["a"], columns=[column("fd", "set"), column("kvd", "set")])
    key = wanted.rows[0].set_key
    sets = {
        (key, "key-fd"): SetValue(12.0, 3, 1.0, 9.0, 15.0, floor=4.25, floor_n=2, small_n=True),
        (key, "key-kvd"): SetValue(1.0, 3, 0.1, 0.8, 1.2),
    }
    table = summarise(wanted, Recorded({}, sets, {}))
    lines = footnotes(table)
    assert not [line for line in lines if "above" in line]
    small = [line for line in lines if "small n" in line]
    assert small == ["  fd@1: small n, fewer items than features: compare rows of equal n only"]
    assert as_record(table)["rows"][0]["metrics"]["fd@1"]["small_n"] is True
