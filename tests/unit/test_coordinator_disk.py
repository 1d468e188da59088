"""The loop of a run when the disk is full at what it writes itself."""

from __future__ import annotations

import dataclasses
import errno
from pathlib import Path

import pytest

from harness import coordinator
from harness.errors import CannotStart
from harness.tasks import Event, ScoreTask, Task
from tests.unit.run_helpers import fault, plan, work
from tests.unit.test_coordinator import SET, Run


def no_space() -> OSError:
    return OSError(errno.ENOSPC, "No space left on device")


def test_a_disk_that_is_full_when_the_index_is_written_stops_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coordinator, "INGEST_ENVELOPES", 1)
    run = Run(tmp_path, plan(names=["a"]))
    calls: list[int] = []

    def full() -> int:
        calls.append(1)
        raise CannotStart("E-DISK", "There is no space left for the index.")

    run.coordinator.ingest = full
    outcome = run.go()
    assert outcome.stopped
    assert (outcome.stopped.code, outcome.stopped.exit_status) == ("E-DISK", 4)
    assert len(calls) == 2, "once during the run and once at its end"
    assert run.engine.closed


def test_a_disk_too_full_for_notes_about_failures_and_progress_stops_the_run_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise no_space()

    monkeypatch.setattr(coordinator, "write_envelope", full)
    monkeypatch.setattr(coordinator, "write_status", full)
    wanted = plan(names=["a"])
    run = Run(tmp_path, wanted, script={wanted.rows[0].units[0].gen_key: ["lost"]})
    outcome = run.go()
    assert outcome.stopped
    assert outcome.stopped.code == "E-DISK"
    assert "No space left" in outcome.stopped.why


def test_a_part_of_a_measurement_that_meets_a_full_disk_stops_the_run(tmp_path: Path) -> None:
    def do(task: Task) -> Event:
        event = work(task)
        return dataclasses.replace(event, faults=(fault("E-DISK", "net"),)) if isinstance(task, ScoreTask) else event

    outcome = Run(tmp_path, plan(names=["a"], columns=SET), do).go()
    assert outcome.stopped
    assert outcome.stopped.code == "E-DISK"
    assert (outcome.scored, outcome.left) == (1, 3), "two videos to measure and the set"
    assert "with 3 of 3 videos made and 1 of 4 scores computed" in outcome.stopped.what


def test_any_other_fault_of_the_coordinators_is_a_bug_and_not_a_full_disk(tmp_path: Path) -> None:
    run = Run(tmp_path, plan(names=["a"], items=1))

    def broken() -> int:
        raise OSError(errno.EACCES, "Permission denied")

    run.coordinator.ingest = broken
    with pytest.raises(OSError, match="Permission denied"):
        run.go()


def test_a_folder_that_is_closed_to_writing_stops_the_run_under_its_own_name(tmp_path: Path) -> None:
    def do(task: Task) -> Event:
        return Event("failed", task, "fake", faults=(fault("E-RESULTS", stage="encode"),))

    outcome = Run(tmp_path, plan(names=["a"]), do).go()
    assert outcome.stopped
    assert outcome.stopped.code == "E-RESULTS"
    assert "with 0 of 3 videos made and 0 of 3 scores computed" in outcome.stopped.what
    assert "writable" in outcome.stopped.fix


def test_a_disk_that_became_read_only_is_no_bug_of_ours(tmp_path: Path) -> None:
    run = Run(tmp_path, plan(names=["a"], items=1))

    def shut() -> int:
        raise OSError(errno.EROFS, "Read-only file system")

    run.coordinator.ingest = shut
    stopped = run.go().stopped
    assert stopped
    assert (stopped.code, stopped.exit_status) == ("E-RESULTS", 4)
