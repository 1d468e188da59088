"""A user's mistakes that need a real folder; the others are in the unit tests of the command line."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from harness.lock import FolderLock
from tests.e2e.conftest import CliWithin

pytestmark = pytest.mark.slow


def refused(done: subprocess.CompletedProcess[str], status: int, code: str) -> str:
    """Check the promised exit status and the four-part message, which is returned."""
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    message = done.stderr[done.stderr.index(code) :]
    assert re.match(rf"{code}  \S", message)
    assert "Fix " in message
    return message


def test_an_unknown_variant_is_answered_with_the_nearest(cli_within: CliWithin) -> None:
    assert "did you mean test-still" in refused(cli_within.run("test-stil"), 2, "E-UNKNOWN")
    assert list(cli_within.folder.iterdir()) == []


def test_a_folder_in_use_names_its_holder(cli_within: CliWithin) -> None:
    with FolderLock(cli_within.folder / "results"):
        message = refused(cli_within.run("test-still"), 4, "E-LOCK")
    assert f"process {os.getpid()}" in message
    assert cli_within.run("test-still", "--dry-run").returncode == 0


def test_a_weight_file_with_other_bytes_stops_the_run(cli_within: CliWithin, tmp_path: Path) -> None:
    weights = tmp_path / "other.safetensors"
    weights.write_bytes(b"another checkpoint")
    message = refused(cli_within.run("test-still,test-weights", TEST_WEIGHTS=str(weights)), 4, "E-WEIGHTS-DIGEST")
    assert "test-weights" in message
    assert str(weights) in message
    assert not (cli_within.folder / "results").exists()


def test_strict_does_not_start_narrower_than_asked(cli_within: CliWithin) -> None:
    done = cli_within.run("test-still,test-weights", "--strict")
    assert "test-weights: no weights: net" in refused(done, 4, "E-SKIPPED")
    assert cli_within.run("test-still", "--strict", "--dry-run").returncode == 0


def test_an_option_that_makes_no_sense_says_what_does(cli_within: CliWithin) -> None:
    assert "--max-failures 5%" in refused(cli_within.run("test-still", "--max-failures", "lots"), 2, "E-OPTION")
    message = refused(cli_within.run("test-still", "--redo", "test-still:000-mauve"), 2, "E-UNKNOWN")
    assert "harness show suite mini" in message
    assert "test-slow" in refused(cli_within.run("test-still", "--redo", "test-slow"), 2, "E-UNKNOWN")


def test_when_nothing_can_run_the_run_cannot_start(cli_within: CliWithin) -> None:
    assert "make-the-weights --now" in refused(cli_within.run("test-weights"), 4, "E-WEIGHTS")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("import nothing_of_that_name\n", "nothing_of_that_name"),
        (
            "from harness.api import metric\n"
            "@metric('m', version=1, better='lower', unit='', summary='')\n"
            "def m(a, b): ...\n",
            "takes 1 argument",
        ),
    ],
)
def test_a_plugin_that_does_not_load_says_why(cli_within: CliWithin, tmp_path: Path, text: str, why: str) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text(text)
    done = cli_within("run", "--plugin", str(plugin), "--limit", "1")
    assert done.returncode == 2
    assert "E-PLUGIN" in done.stderr
    assert why in done.stderr
    assert "Traceback" not in done.stderr
