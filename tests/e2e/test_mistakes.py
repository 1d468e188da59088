"""A user's mistakes: a code, four parts, the promised exit status, and never a traceback."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from harness.lock import FolderLock
from tests.e2e.conftest import Cli

pytestmark = pytest.mark.slow


def refused(done: subprocess.CompletedProcess[str], status: int, code: str) -> str:
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    message = done.stderr[done.stderr.index(code) :]
    assert re.match(rf"{code}  \S", message)
    assert "Fix " in message
    return message


@pytest.mark.parametrize(
    ("arguments", "near"),
    [
        (["run", "--variants", "control-stil"], "control-still"),
        (["run", "--metrics", "wrap_error"], "warp_error"),
        (["run", "--suite", "mimi"], "mini"),
        (["show", "metric", "ff_sim"], "ff_ssim"),
        (["stauts"], "status"),
        (["help", "E-WIEGHTS"], "E-WEIGHTS"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(cli: Cli, arguments: list[str], near: str) -> None:
    assert f"did you mean {near}" in refused(cli(*arguments), 2, "E-UNKNOWN")
    assert list(cli.folder.iterdir()) == []


def test_an_unknown_option_and_an_empty_limit(cli: Cli) -> None:
    assert cli("run", "--limt", "3").returncode == 2
    refused(cli("run", "--limit", "0"), 2, "E-OPTION")


def test_another_version_of_a_suite_does_not_exist(cli: Cli) -> None:
    assert "mini@1" in refused(cli("run", "--suite", "mini@7"), 2, "E-UNKNOWN")


def test_a_folder_in_use_names_its_holder(cli: Cli) -> None:
    import os

    with FolderLock(cli.folder / "results"):
        message = refused(cli.run("test-still"), 4, "E-LOCK")
    assert f"process {os.getpid()}" in message
    assert cli.run("test-still", "--dry-run").returncode == 0


def test_a_weight_file_with_other_bytes_stops_the_run(cli: Cli, tmp_path: Path) -> None:
    weights = tmp_path / "other.safetensors"
    weights.write_bytes(b"another checkpoint")
    message = refused(cli.run("test-still,test-weights", TEST_WEIGHTS=str(weights)), 4, "E-WEIGHTS-DIGEST")
    assert "test-weights" in message
    assert str(weights) in message
    assert not (cli.folder / "results").exists()


def test_when_nothing_can_run_the_run_cannot_start(cli: Cli) -> None:
    assert "make-the-weights --now" in refused(cli.run("test-weights"), 4, "E-WEIGHTS")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("import nothing_of_that_name\n", "nothing_of_that_name"),
        ("from harness.api import metric\n@metric('m', version=1, better='lower', unit='', summary='')\n"
         "def m(a, b): ...\n", "takes 1 argument"),
    ],
)  # fmt: skip
def test_a_plugin_that_does_not_load_says_why(cli: Cli, tmp_path: Path, text: str, why: str) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text(text)
    done = cli("run", "--plugin", str(plugin), "--limit", "1")
    assert done.returncode == 2
    assert "E-PLUGIN" in done.stderr
    assert why in done.stderr
    assert "Traceback" not in done.stderr


def test_no_results_to_export_or_validate(cli: Cli) -> None:
    refused(cli("export"), 5, "E-RESULT")
    refused(cli("validate"), 2, "E-OPTION")
