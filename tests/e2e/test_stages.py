"""The disk fills up, or the index goes, at any stage of a run: the same command goes on to the same table.

All in one process, so that the stage can be chosen: every file that matters is flushed to the disk once.
"""

from __future__ import annotations

import argparse
import errno
import os
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.coordinator import Watcher
from harness.engines.base import Engine
from harness.engines.fake import FakeEngine
from harness.engines.local import WorkerSettings
from harness.errors import CannotStart
from harness.outcome import Outcome
from harness.paths import database
from harness.plan import Plan
from harness.run import run
from harness.store import Store
from harness.summary import Summary, as_record
from harness.wishes import RunOptions, Wishes
from harness.worker import Worker, open_bench
from tests.e2e.conftest import PLUGIN, forgotten
from tests.unit.run_helpers import Watch

pytestmark = pytest.mark.slow

ASKED = ("test_mean", "test_distance")


class Quiet(Watch, Watcher):
    """Keeps the table."""

    table: dict[str, Any]

    def header(self, wishes: Wishes, results: Path) -> None: ...

    def plan(self, plan: Plan, free: int, dry_run: bool) -> None: ...

    def confirm(self, question: str) -> bool:
        return True

    def summary(self, summary: Summary, plan: Plan, outcome: Outcome, run_id: str) -> None:
        rows = as_record(summary)["rows"]
        self.table = {row["variant"]: {k: v for k, v in row.items() if k != "seconds"} for row in rows}


def here(settings: WorkerSettings) -> Engine:
    """One worker in this process."""
    options = argparse.Namespace(
        results=settings.results,
        suite=settings.suite,
        run=settings.run_id,
        name="here",
        device="cpu",
        threads=1,
        plugin=list(settings.plugins),
    )
    return FakeEngine(Worker(open_bench(options)).handle)


def go(results: Path) -> dict[str, Any]:
    console = Quiet()
    options = RunOptions("test-slow", metrics=",".join(ASKED), limit=3, results=results, plugins=(PLUGIN,))
    assert run(options, console, here) == 0, console.failures
    return console.table


@pytest.fixture(autouse=True)
def plugins_apart() -> Iterator[None]:
    with forgotten():
        yield


def at_each_flush(monkeypatch: pytest.MonkeyPatch, act: Callable[[set[str]], None]) -> None:
    """Call ``act`` with the names of the functions that are at work, in place of every flush."""

    def flush(descriptor: int) -> None:
        act({frame.f_code.co_name for frame, _ in traceback.walk_stack(None)})

    monkeypatch.setattr(os, "fsync", flush)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    with forgotten():
        return go(tmp_path_factory.mktemp("undisturbed") / "results")


@pytest.mark.parametrize("stage", ["record_run", "write_blocks", "aggregate"])
def test_a_disk_that_is_full_from_a_stage_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: dict[str, Any], stage: str
) -> None:
    met: list[str] = []

    def full(names: set[str]) -> None:
        if met or stage in names:
            met.append(stage)
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        at_each_flush(patch, full)
        with pytest.raises(CannotStart, match="Everything finished is safe") as caught:
            go(tmp_path)
    assert (caught.value.code, bool(met)) == ("E-DISK", True)
    assert go(tmp_path) == undisturbed


def test_an_index_that_goes_at_several_stages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: dict[str, Any]
) -> None:
    stages = {"record_run", "store_master", "store_rows", "aggregate", "write_status"}
    done: set[str] = set()

    def gone(names: set[str]) -> None:
        for stage in (stages & names) - done:
            done.add(stage)
            database(tmp_path).unlink(missing_ok=True)

    with monkeypatch.context() as patch:
        at_each_flush(patch, gone)
        assert go(tmp_path) == undisturbed
    assert done == stages
    database(tmp_path).unlink()
    assert go(tmp_path) == undisturbed

    (tmp_path / "videos").rename(tmp_path / "away")
    (tmp_path / "videos").mkdir()
    with pytest.raises(CannotStart, match="None of 3 videos on record is here"):
        go(tmp_path)  # as where a disk is not mounted: nothing is made again
    database(tmp_path).unlink()
    with pytest.raises(CannotStart, match="None of 3 videos on record is here"):
        go(tmp_path)
    (tmp_path / "videos").rmdir()
    (tmp_path / "away").rename(tmp_path / "videos")
    assert go(tmp_path) == undisturbed


def test_what_an_engine_refuses_is_no_run(tmp_path: Path) -> None:
    def refuses(settings: WorkerSettings) -> Engine:
        raise CannotStart("E-ENGINE", "There is no such cluster.")

    options = RunOptions("test-still", metrics="test_mean", limit=1, results=tmp_path, plugins=(PLUGIN,))
    with pytest.raises(CannotStart, match="no such cluster"):
        run(options, Quiet(), refuses)
    with Store(tmp_path) as store:
        assert store.runs() == []
