"""The file that other terminals read."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from pathlib import Path

from harness.lock import FolderLock
from harness.paths import run_folder
from harness.status import Status, age_seconds, now, read_latest, write_status

STATUS = Status("0199c2f4", "running", now(), now(), 3, 8, 10, 48, 1, {"generate-0": "a 000 s0"}, 61.5)


def test_a_status_comes_back_as_it_was(tmp_path: Path) -> None:
    write_status(run_folder(tmp_path, "one"), STATUS)
    with FolderLock(tmp_path):
        assert read_latest(tmp_path) == STATUS


def test_the_age_counts_from_the_last_update() -> None:
    written = datetime.now(UTC) - timedelta(hours=1)
    age = age_seconds(dataclasses.replace(STATUS, updated_at=written.isoformat()))
    assert 3600 <= age <= (datetime.now(UTC) - written).total_seconds()


def test_running_without_a_process_is_crashed(tmp_path: Path) -> None:
    write_status(run_folder(tmp_path, "one"), STATUS)
    latest = read_latest(tmp_path)
    assert latest
    assert latest.state == "crashed"


def test_the_latest_run_counts_and_what_is_unreadable_does_not(tmp_path: Path) -> None:
    old = dataclasses.replace(STATUS, state="complete", updated_at="2020-01-01T00:00:00+00:00")
    new = dataclasses.replace(STATUS, state="partial", run_id="new")
    for name, status in (("b", old), ("a", new)):
        write_status(run_folder(tmp_path, name), status)
    broken = run_folder(tmp_path, "c") / "status.json"
    broken.parent.mkdir()
    broken.write_text('{"of": "another version"}')
    assert read_latest(tmp_path) == new


def test_no_run_at_all(tmp_path: Path) -> None:
    assert read_latest(tmp_path) is None
