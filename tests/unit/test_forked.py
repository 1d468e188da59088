"""Work spread over copies of a process."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from harness.forked import available, spread

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are copied on Linux alone")


def nothing() -> None: ...


@pytest.mark.parametrize("processes", [1, 2, 4])
def test_everything_is_done_once_and_by_all(tmp_path: Path, processes: int) -> None:
    def do(number: int) -> None:
        with (tmp_path / str(number)).open("x") as file:  # a second time would fail
            time.sleep(0.002)
            file.write(str(os.getpid()))

    spread(range(100), do, (tmp_path / "first").touch, processes)
    assert (tmp_path / "first").is_file()
    doers = {(tmp_path / str(number)).read_text() for number in range(100)}
    assert min(processes, 2) <= len(doers) <= processes  # on a busy machine one may come too late


def test_what_fails_in_a_copy_is_told_with_its_traceback() -> None:
    here = os.getpid()

    def do(number: int) -> None:
        time.sleep(0.01)
        if os.getpid() != here:
            raise ValueError(f"no page {number}")

    with pytest.raises(RuntimeError, match=r"(?s)Traceback.*ValueError: no page \d"):
        spread(range(20), do, nothing, 2)


def test_a_copy_that_is_killed_is_told() -> None:
    here = os.getpid()

    def do(number: int) -> None:
        time.sleep(0.01)
        if os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(RuntimeError, match="ended with status 9"):
        spread(range(20), do, nothing, 2)


def test_what_fails_here_is_raised_as_it_is_and_ends_the_copies(tmp_path: Path) -> None:
    def do(number: int) -> None:
        (tmp_path / str(os.getpid())).touch()
        time.sleep(120)

    def first() -> None:
        while len(list(tmp_path.iterdir())) < 2:
            time.sleep(0.01)
        raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        spread(range(2), do, first, 3)
    assert time.monotonic() - began < 60
    for path in tmp_path.iterdir():
        with pytest.raises(ProcessLookupError):
            os.kill(int(path.name), 0)


def test_there_is_at_least_one() -> None:
    assert 1 <= available() <= 8
