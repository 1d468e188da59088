"""`harness compare` in this process, on published files: what it prints, and what it says when it cannot."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.cli import run_app
from harness.compare import compare
from harness.power import needs
from harness.submission import read
from tests.site.synthetic import LOOKS, Look, result, small_suite, write_result

A, B = LOOKS[0], LOOKS[3]
# Of the lowest level is the best, among those that compete.
ROWS = (
    ("mini-exvideo", "method", 2.0),
    ("mini-no-conv", "ablation", 1.0),
    ("mini-svd-direct", "baseline", 1.5),
    ("control-flicker", "control", 0.5),
)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files(folder: Path, looks: tuple[Look, ...] = (A, B), items: int = 12) -> list[str]:
    content = [result(small_suite(items), look) for look in looks]
    return [str(write_result(folder / "in", c)) for c in content]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["mini-exvideo", "mini-no-conv"], 5, "E-RESULT"),
        (["mini-exvidoe", "mini-no-conv"], 2, "did you mean mini-exvideo"),
        (["mini-exvideo@7", "mini-no-conv"], 2, "E-UNKNOWN"),
        (["nowhere.json", "mini-no-conv"], 5, "E-RESULT"),
        (["mini-exvideo", "mini-no-conv", "--suite", "mimi"], 2, "E-UNKNOWN"),
        (["--ablation"], 5, "E-COMPARE"),
        (["--ablation", "mini-exvideo"], 2, "E-OPTION"),
        (["mini-exvideo"], 2, "E-OPTION"),
        (["a", "b", "--latex", "--json"], 2, "exclude each other"),
        (["a", "b", "--alpha", "2"], 2, "alpha"),
    ],
)
def test_what_cannot_be_compared_is_said_and_nothing_is_made(
    arguments: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str], elsewhere: Path
) -> None:
    assert run_app(["compare", *arguments]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err
    assert "Traceback" not in err
    assert list(elsewhere.iterdir()) == []


def test_two_files_are_compared_as_a_table(capsys: pytest.CaptureFixture[str], elsewhere: Path) -> None:
    assert run_app(["compare", *files(elsewhere), "--power", "10"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("demo@1 · paired over 12 of 12 items · B − A · 95 % intervals · Holm-adjusted over ")
    assert "A mini-exvideo@1      B mini-svd-direct@1" in out
    assert "A better" in out
    assert "not tested" in out
    assert "feature rows are not at hand" in out
    assert "items/demo-1/" in out
    assert "Items that find a difference of 10 % of A's mean" in out


def test_the_other_forms(capsys: pytest.CaptureFixture[str], elsewhere: Path) -> None:
    both = files(elsewhere)
    assert run_app(["compare", *both, "--json", "--no-adjust", "--alpha", "0.1"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["a"], record["b"], record["family"], record["alpha"]) == (
        "mini-exvideo@1",
        "mini-svd-direct@1",
        0,
        0.1,
    )
    assert run_app(["compare", *both, "--markdown"]) == 0
    assert "| metric | A | B |" in capsys.readouterr().out
    assert run_app(["compare", *both, "--latex"]) == 0
    assert "\\begin{tabular}" in capsys.readouterr().out


def test_a_name_is_found_among_published_files(capsys: pytest.CaptureFixture[str], elsewhere: Path) -> None:
    content = [
        result(small_suite(12, "mini"), Look(name, "method", level=level)) for name, level in (("x", 1), ("y-z", 2))
    ]
    for c in content:
        write_result(elsewhere / "results" / "published", c)
    assert run_app(["compare", "x", "y-z@1"]) == 0
    assert "A x@1      B y-z@1" in capsys.readouterr().out
    assert run_app(["compare", "x", "y-z@2"]) == 2
    assert "y-z" in capsys.readouterr().err
    assert [path.name for path in (elsewhere / "results").iterdir()] == ["published"]


def test_another_suite_is_refused(capsys: pytest.CaptureFixture[str], elsewhere: Path) -> None:
    one = files(elsewhere, (A,))[0]
    other = str(write_result(elsewhere / "in", result(small_suite(12, "other"), B)))
    assert run_app(["compare", one, other]) == 5
    err = capsys.readouterr().err
    assert err.startswith("E-COMPARE")
    assert "demo@1 and other@1" in err


def test_a_row_is_held_against_the_best(capsys: pytest.CaptureFixture[str], elsewhere: Path) -> None:
    looks = [Look(name, role, level=level) for name, role, level in ROWS]
    for look in looks:
        write_result(elsewhere / "results" / "published", result(small_suite(30, "mini"), look))
    assert run_app(["compare", "mini-no-conv", "--against", "best"]) == 0
    assert "A mini-svd-direct@1      B mini-no-conv@1" in capsys.readouterr().out
    assert run_app(["compare", "mini-no-conv", "mini-exvideo", "--against", "best"]) == 2
    capsys.readouterr()
    for path in (elsewhere / "results" / "published").rglob("mini-*.json"):
        if path.stem != "mini-no-conv-1":
            path.unlink()
    assert run_app(["compare", "mini-no-conv", "--against", "best"]) == 5
    assert "no other row that competes" in capsys.readouterr().err


def test_markdown_has_the_gaps_and_latex_the_notes(capsys: pytest.CaptureFixture[str], elsewhere: Path) -> None:
    both = files(elsewhere)
    assert run_app(["compare", *both, "--markdown"]) == 0
    text = capsys.readouterr().out
    assert "Largest item-level gaps" in text
    assert "| items/demo-1/" in text
    assert run_app(["compare", *both, "--latex"]) == 0
    text = capsys.readouterr().out
    assert r"\begin{itemize}" in text
    assert "feature rows are not at hand" in text


def test_power_says_how_many_items_it_takes_and_what_it_cannot_tell(
    capsys: pytest.CaptureFixture[str], elsewhere: Path
) -> None:
    both = files(elsewhere)
    assert run_app(["power", *both]) == 0
    out = capsys.readouterr().out
    assert "items that find a difference of 10 % of A's mean with probability 0.8 at level 0.05, one test" in out
    assert "12 items × 1 seed" in out
    assert "! cannot tell: fd_world@1, kvd_world@1 (a metric of a set has no spread of items" in out
    assert run_app(["power", *both, "--difference", "warp_error=0.01", "--power", "0.9", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    (demand,) = record["demands"]
    assert (demand["metric"], demand["difference"], record["power"]) == ("warp_error@1", 0.01, 0.9)
    columns = compare(*(read(Path(name)) for name in both)).columns
    column = next(column for column in columns if column.metric.name == "warp_error")
    assert column.variance is not None
    assert demand["needed"][0]["items"] == needs(column.variance, 0.01, power=0.9)[0].items


@pytest.mark.parametrize("given", ["warp_error", "warp_error=0", "warp_error=nan", "=1", "no_such=1"])
def test_a_difference_that_is_none_is_refused(given: str, capsys: pytest.CaptureFixture[str], elsewhere: Path) -> None:
    assert run_app(["power", *files(elsewhere), "--difference", given]) == 2
    assert "--difference METRIC=NUMBER" in capsys.readouterr().err


def test_a_tag_chooses_items(capsys: pytest.CaptureFixture[str], elsewhere: Path) -> None:
    names = files(elsewhere)
    assert run_app(["compare", *names, "--where", "tag=demo", "--show-failures"]) == 0
    out = capsys.readouterr().out
    assert "12 of 12 items with tag=demo" in out
    assert "fd_world@1 ↓ (set)" not in out
    assert run_app(["compare", *names, "--where", "tag=camera"]) == 2
    assert "its tags: demo" in capsys.readouterr().err
    assert run_app(["compare", "--ablation", "--where", "tag=demo"]) == 2
