"""Worker processes: what is shared between them, and how one is started."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from harness.engines import local
from harness.engines.local import LocalEngine, WorkerSettings
from harness.errors import HarnessError


def test_threads_are_shared_and_never_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(2)))
    assert WorkerSettings(tmp_path, "mini", "r").threads_each == 1
    assert WorkerSettings(tmp_path, "mini", "r", devices=("cuda:0",) * 4).threads_each == 1
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(16)))
    assert WorkerSettings(tmp_path, "mini", "r").threads_each == 8
    assert WorkerSettings(tmp_path, "mini", "r", threads=3).threads_each == 3


def poll_for_ever(engine: LocalEngine) -> None:
    while True:
        engine.poll(0.2)


@pytest.mark.slow
def test_workers_that_cannot_start_end_the_run_with_their_last_words(tmp_path: Path) -> None:
    engine = LocalEngine(WorkerSettings(tmp_path, "no-such-suite", "r"))
    with pytest.raises(HarnessError, match="ended before it could work") as failed:
        poll_for_ever(engine)
    engine.close(kill=True)
    assert failed.value.code == "E-WORKER"
    assert "no-such-suite" in failed.value.why


def test_workers_that_hang_before_they_are_ready_are_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = [sys.executable, "-c", "import time; print('begun', flush=True); time.sleep(600)"]
    monkeypatch.setattr(local, "_command", lambda settings, name, device: command)
    monkeypatch.setattr(local, "START_SECONDS", 0.05)
    engine = LocalEngine(WorkerSettings(tmp_path, "mini", "r"))
    with pytest.raises(HarnessError, match="not ready after 0 s") as failed:
        poll_for_ever(engine)
    engine.close(kill=True)
    assert failed.value.code == "E-WORKER"
