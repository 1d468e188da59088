"""The command line in this process: verbs, exit codes, four-part errors."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from harness import cli
from harness.cli import VERBS, run_app
from harness.errors import CannotStart

COMMANDS = [name for name in VERBS if name != "posttune"]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_help_lists_every_verb_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app(["--help"]) == 0
    out = capsys.readouterr().out
    places = [out.index(f"\n  {name} ") for name in VERBS]
    assert places == sorted(places)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_verb_explains_itself_as_the_list_does(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app([name, "--help"]) == 0
    words = " ".join(capsys.readouterr().out.split())
    assert VERBS[name].help in words


@pytest.mark.parametrize(
    ("arguments", "near"),
    [
        (["run", "--variants", "control-stil"], "control-still"),
        (["run", "--metrics", "wrap_error"], "warp_error"),
        (["run", "--suite", "mimi"], "mini"),
        (["run", "--suite", "mini@7"], "mini@1"),
        (["show", "metric", "ff_sim"], "ff_ssim"),
        (["doctor", "control-reel"], "control-real"),
        (["stauts"], "status"),
        (["help", "E-WIEGHTS"], "E-WEIGHTS"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(
    arguments: list[str], near: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run_app(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert re.match(r"E-UNKNOWN  \S", err)
    assert near in err
    assert "Fix " in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (["run", "--limit", "0"], 2, "E-OPTION"),
        (["run", "--workers", "2", "--engine", "slurm"], 2, "E-OPTION"),
        (["run", "--plugin", "missing.py"], 2, "E-PLUGIN"),
        (["export"], 5, "E-RESULT"),
        (["validate"], 2, "E-OPTION"),
        (["publish"], 5, "E-PUBLISH"),
    ],
)
def test_mistakes_have_codes(
    arguments: list[str], status: int, code: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run_app(arguments) == status
    err = capsys.readouterr().err
    assert err.startswith(f"{code}  ")
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (
            ["run", "--limt", "3"],
            ("No such option", "Where  harness run\n", "did you mean --limit? All: harness run --help"),
        ),
        (["run", "--limit", "x"], ("--limit cannot be used.\n", "Why    'x' is not a valid integer")),
        (["new", "variant"], ("Missing argument 'NAME'", "Why    it is called: harness new [OPTIONS]")),
        (["show", "rows"], ("cannot be used.\n", "'rows' is not one of 'variant', 'metric'")),
        (["status", "--results", "afile"], ("--results cannot be used.\n", "'afile' is a file")),
        (["validate", "nofile.py"], ("TARGETS cannot be used.\n", "'nofile.py' does not exist")),
        (["list", "metrics", "more"], ("unexpected extra argument", "harness list --help")),
        (["--wrong"], ("No such option", "Where  harness\n", "harness --help\n")),
    ],
)
def test_misuse_has_a_code_and_four_parts(
    arguments: list[str],
    lines: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("afile").touch()
    assert run_app(arguments) == 2
    err = capsys.readouterr().err
    assert err.startswith("E-OPTION  ")
    assert [label for label in ("Where", "Why", "Fix") if f"\n          {label}" not in err] == []
    assert [line for line in lines if line not in err] == []


def test_no_verb_at_all_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app([]) == 2
    out, err = capsys.readouterr()
    assert "Commands:" in out + err
    assert "E-OPTION" not in err


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (CannotStart("E-DISK", "No room.", where="/data", why="full", fix="delete"), 4, "Where  /data"),
        (KeyboardInterrupt(), 130, "safe to run again"),
        (ZeroDivisionError("ours"), 1, "Please report"),
    ],
)
def test_how_a_command_ends(
    error: BaseException, status: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @click.command()
    def command() -> None:
        raise error

    monkeypatch.setattr(cli.Verbs, "get_command", lambda self, ctx, name: command)
    assert run_app(["status"]) == status
    err = capsys.readouterr().err
    assert said in err
    assert ("Traceback" in err) == (status == 1)


@pytest.mark.parametrize("kind", ["variants", "metrics", "suites", "extractors"])
def test_list(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app(["list", kind]) == 0
    assert len(capsys.readouterr().out.splitlines()) >= 2


def test_show(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app(["show", "suite", "mini"]) == 0
    assert "000-" in capsys.readouterr().out
    assert run_app(["show", "suite", "exvideo-128"]) == 0
    shown = capsys.readouterr().out
    assert "suites/exvideo_128/CARD.md" in shown
    assert "  127  [animals, colour]  a raccoon lies among long green leaves" in shown
    assert run_app(["show", "variant", "control-still@1"]) == 0
    assert "control-still@1" in capsys.readouterr().out
    assert run_app(["show", "metric", "warp_error"]) == 0
    assert "lower" in capsys.readouterr().out


def test_status_without_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app(["status"]) == 0
    assert "no run in results" in capsys.readouterr().out


def test_doctor_of_the_machine_and_of_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app(["doctor"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"ffv1 +ok", out)
    assert run_app(["doctor", "control-still"]) == 0


def test_a_reader_that_leaves_is_no_fault() -> None:
    command = [sys.executable, "-m", "harness", "list", "metrics", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()  # before anything is written: as ``| head`` may
    told = process.stderr.read()
    process.stderr.close()
    assert (process.wait(), told) == (0, "")
