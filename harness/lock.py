"""One run per results folder. The lock belongs to the process: the kernel drops it however the process ends."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import TracebackType

from harness.disk import may_write
from harness.errors import CannotStart
from harness.paths import database, naming, spool

LOCK_NAME = ".lock"
# Folders of a results folder that a run writes into, and those whose folders of a hash it does.
WRITTEN, HASHED = ("cache", "features", "imports", "runs", "spool", "tmp", "videos"), ("features", "videos")


class FolderLock:
    """An exclusive lock on a results folder, held between ``with`` and its end.

    Raises:
        CannotStart: E-LOCK, another process holds it; E-RESULTS, the folder or a folder in it cannot be written
            to (on entering).
    """

    def __init__(self, results: Path) -> None:
        self.results = results
        self._file: int | None = None

    def __enter__(self) -> FolderLock:
        try:
            self.results.mkdir(parents=True, exist_ok=True)
            # Opened without truncation: a refused process must still be able to read who holds it.
            file = os.open(self.results / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise _unusable(self.results, error) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            raise _in_use(self.results, read_holder(self.results)) from None
        os.ftruncate(file, 0)
        os.write(file, json.dumps(_myself()).encode())
        self._file = file
        if shut := next((place for place in _written(self.results) if place.exists() and not may_write(place)), None):
            self.__exit__(None, None, None)
            raise _unusable(shut, OSError("it may not be written to"))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._file is not None:
            os.ftruncate(self._file, 0)
            os.close(self._file)
            self._file = None


def read_holder(results: Path) -> dict[str, object]:
    """What the holder wrote about itself: pid, host, started_at, command. Empty when there is nothing readable."""
    try:
        holder = json.loads((results / LOCK_NAME).read_text())
    except (OSError, ValueError):
        return {}
    return holder if isinstance(holder, dict) else {}


def is_held(results: Path) -> bool:
    """Whether some process holds the folder now."""
    try:
        file = os.open(results / LOCK_NAME, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def _myself() -> dict[str, object]:
    started = datetime.now().astimezone().isoformat(timespec="seconds")
    return {"pid": os.getpid(), "host": socket.gethostname(), "started_at": started, "command": " ".join(sys.argv[1:])}


def _written(results: Path) -> Iterator[Path]:
    """What a run writes to in a results folder, of which a part may be somebody else's or on another disk."""
    yield from (database(results).parent, database(results), spool(results) / "registry")
    yield from (results / name for name in WRITTEN)
    for name in HASHED:
        yield from sorted((results / name).glob("*"))


def _unusable(results: Path, error: OSError) -> CannotStart:
    return CannotStart(
        "E-RESULTS",
        "The results folder cannot be used.",
        where=str(results),
        why=error.strerror or str(error),
        fix="make it a folder you may write to, or name another with --results DIR",
    )


def _in_use(results: Path, holder: dict[str, object]) -> CannotStart:
    who = f"process {holder.get('pid', 'unknown')}"
    if holder.get("host") not in (None, socket.gethostname()):
        who += f" on {holder['host']}"
    if holder.get("command"):
        who += f", harness {holder['command']}"
    if holder.get("started_at"):
        who += f", since {holder['started_at']}"
    return CannotStart(
        "E-LOCK",
        f"{results} is in use by {who}.",
        where=str(results / LOCK_NAME),
        why="one run per results folder",
        fix=f"watch it: harness status{naming(results)}   other folder: --results DIR",
    )
