"""Worker processes: what is shared between them, and how one is started."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

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
    assert WorkerSettings(tmp_path, "mini", "r", processes=1).threads_each == 16


class Started(LocalEngine):
    """Remembers what it was told to start, and starts nothing."""

    def _start(self, name: str, device: str, prefers_videos: bool) -> Any:
        return name, device, prefers_videos

    def close(self, *, kill: bool = False) -> None:
        """Nothing runs."""


@pytest.mark.parametrize(
    ("devices", "processes", "expected"),
    [
        (("cpu",), 0, ["generate-0 cpu makes", "score-0 cpu"]),
        (("cpu",), 1, ["generate-0 cpu makes"]),
        (("cpu",), 3, ["generate-0 cpu makes", "score-0 cpu", "score-1 cpu"]),
        (("cuda:0", "cuda:1"), 0, ["generate-0 cuda:0 makes", "generate-1 cuda:1 makes", "score-0 cuda:0"]),
        (("cuda:0", "cuda:1"), 1, ["generate-0 cuda:0 makes"]),
        (
            ("cuda:0", "cuda:1"),
            4,
            ["generate-0 cuda:0 makes", "generate-1 cuda:1 makes", "score-0 cuda:0", "score-1 cuda:1"],
        ),
    ],
)
def test_workers_are_one_a_device_and_what_is_asked_for(
    tmp_path: Path, devices: tuple[str, ...], processes: int, expected: list[str]
) -> None:
    engine = Started(WorkerSettings(tmp_path, "mini", "r", devices=devices, processes=processes))
    started: list[Any] = list(engine._processes.values())
    assert [f"{name} {device}{' makes' * makes}" for name, device, makes in started] == expected


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
