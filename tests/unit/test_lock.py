"""One run per folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import CannotStart
from harness.lock import FolderLock, is_held, read_holder


def test_a_second_holder_is_told_who_holds_it(tmp_path: Path) -> None:
    with FolderLock(tmp_path / "results"), pytest.raises(CannotStart, match=f"process {os.getpid()}") as refused:
        FolderLock(tmp_path / "results").__enter__()
    assert refused.value.code == "E-LOCK"
    assert refused.value.exit_status == 4


def test_it_can_be_taken_again_after_its_end(tmp_path: Path) -> None:
    for _ in range(2):
        with FolderLock(tmp_path):
            assert is_held(tmp_path)
            assert read_holder(tmp_path)["pid"] == os.getpid()
        assert not is_held(tmp_path)
        assert read_holder(tmp_path) == {}


def test_two_folders_do_not_meet(tmp_path: Path) -> None:
    with FolderLock(tmp_path / "a"), FolderLock(tmp_path / "b"):
        assert is_held(tmp_path / "a")


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from harness.lock import FolderLock\n"
        "FolderLock(Path(sys.argv[1])).__enter__(); os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == 9
    assert read_holder(tmp_path), "it had been taken"
    with FolderLock(tmp_path):
        pass


def test_a_folder_that_was_never_locked_is_free(tmp_path: Path) -> None:
    assert not is_held(tmp_path / "nothing")


def test_a_folder_that_cannot_be_made_is_named_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(CannotStart, match="cannot be used") as caught, FolderLock(tmp_path / "file"):
        pass
    assert caught.value.code == "E-RESULTS"
    assert caught.value.where.endswith("file")


@pytest.mark.parametrize("shut", ["spool", "spool/registry", "runs", "cache", "videos/ab"])
def test_a_folder_in_it_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shut: str
) -> None:
    (tmp_path / shut).mkdir(parents=True)
    monkeypatch.setattr("harness.lock.may_write", lambda place: place != tmp_path / shut)
    with pytest.raises(CannotStart) as caught, FolderLock(tmp_path):
        pass
    assert (caught.value.code, caught.value.where) == ("E-RESULTS", str(tmp_path / shut))
    monkeypatch.undo()
    with FolderLock(tmp_path):
        assert is_held(tmp_path), "the refusal left no lock"
