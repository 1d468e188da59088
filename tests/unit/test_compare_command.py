"""`harness compare` in this process, on published files: what it prints, and what it says when it cannot."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.cli import run_app
from tests.site.synthetic import LOOKS, Look, result, small_suite, write_result

A, B = LOOKS[0], LOOKS[3]


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


def test_a_tag_chooses_items(capsys: pytest.CaptureFixture[str], elsewhere: Path) -> None:
    names = files(elsewhere)
    assert run_app(["compare", *names, "--where", "tag=demo", "--show-failures"]) == 0
    out = capsys.readouterr().out
    assert "12 of 12 items with tag=demo" in out
    assert "fd_world@1 ↓ (set)" not in out
    assert run_app(["compare", *names, "--where", "tag=camera"]) == 2
    assert "its tags: demo" in capsys.readouterr().err
    assert run_app(["compare", "--ablation", "--where", "tag=demo"]) == 2
