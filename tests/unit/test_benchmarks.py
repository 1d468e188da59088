"""The benchmark scripts run, in a size that measures nothing."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "lines"),
    [
        ("runner.py", ["| ingest |", "| planning |", "| rerun of a finished board"]),
        (
            "kill.py",
            ["| tables other than the undisturbed one | 0 |", "| videos made again after they were committed | 0 |"],
        ),
        ("overhead.py", ["| bare loop |", "| the harness adds |", "| scoring workers |", "\n| 2 |"]),
        # It forks to train, which torch refuses where the process has trained before.
        ("extension.py", ["| stock diffusers UNet |", "| temporal blocks too |"]),
        # It measures the most memory that its process ever held.
        ("clip_128.py", ["| warp_error |", "| flow_smoothness |", "| decode |", "peak memory"]),
    ],
)
def test_a_benchmark_of_processes_prints_its_table(script: str, lines: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, FOLDER / script, "--quick"], capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stderr
    assert all(line in done.stdout for line in lines)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "lines"),
    [
        ("frechet.py", ["| 8 | 16 |", "| 24 | 64 |"]),
        ("site_render.py", ["| render the board |", "| harness publish, all of it |"]),
        ("resampling.py", ["| 24 | 8 | one distance |", "and 50 swaps"]),
    ],
)
def test_a_benchmark_of_functions_prints_its_table(
    script: str, lines: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [script, "--quick"])
    status: object = None
    try:
        runpy.run_path(str(FOLDER / script), run_name="__main__")
    except SystemExit as ended:
        status = ended.code
    assert not status
    out = capsys.readouterr().out
    assert all(line in out for line in lines)
