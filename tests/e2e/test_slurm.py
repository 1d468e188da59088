"""A run whose workers are jobs of submitit's local cluster: the same table as any other run's."""

from __future__ import annotations

import importlib.util
import os
import signal
import time
from pathlib import Path

import pytest

from tests.e2e.conftest import Cli, summary, table_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("submitit") is None, reason="needs the extra slurm"),
]

ASKED = ("--limit", "4", "--metrics", "test_mean,test_distance")
JOBS = ("--engine", "slurm", "--slurm", "cluster=local,jobs=2,tasks=2")


def job_processes(folder: Path) -> list[int]:
    """Processes that run a job of the results folder (Linux)."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes()
        except OSError:
            continue
        if b"submitit.core._submit" in command and str(folder).encode() in command:
            found.append(int(path.parent.name))
    return found


def test_jobs_make_and_measure_the_same_and_one_that_is_killed_costs_its_task(cli: Cli, tmp_path: Path) -> None:
    code, events = cli.within.events("test-slow", *ASKED, "--results", "local")
    assert code == 0
    process = cli.start("test-slow", *ASKED, *JOBS, TEST_DELAY="1")
    cli.wait_for_videos(1)
    deadline = time.monotonic() + 60
    while not (jobs := job_processes(cli.folder)) and time.monotonic() < deadline:
        time.sleep(0.05)
    for pid in jobs:
        os.kill(pid, signal.SIGKILL)
    _, err = process.communicate(timeout=280)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    code, again = cli.within.events("test-slow", *ASKED, *JOBS)
    assert code == 0
    assert summary(again)["made"] == 0
    assert table_of(again) == table_of(events)
