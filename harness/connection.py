"""The connection to an index: opened for a moment, for reading alone where nothing may be written; its errors in words.

Only `harness.store` uses it.
"""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from harness.errors import CannotStart

# What the system says where something may not be written; DuckDB hands it on as text.
_FORBIDDEN = tuple(os.strerror(number) for number in (errno.EROFS, errno.EACCES, errno.EPERM))
_IN_USE = ("could not set lock", "conflicting lock")


class Connection:
    """A DuckDB connection in which Ctrl-C is what it is everywhere else.

    DuckDB answers a signal within a statement with ``RuntimeError: Query interrupted``.
    """

    def __init__(self, inner: duckdb.DuckDBPyConnection) -> None:
        self.inner = inner

    def execute(self, query: str, parameters: object = None) -> Connection:
        """Run one statement; this is also its result.

        Raises:
            KeyboardInterrupt: the user pressed Ctrl-C meanwhile.
        """
        with _interruptible():
            self.inner.execute(query, parameters)
        return self

    @property
    def description(self) -> list[Any]:
        """The columns of the last statement, name first."""
        return self.inner.description or []

    def fetchall(self) -> list[Any]:
        """The rows of the last statement."""
        with _interruptible():
            return self.inner.fetchall()

    def fetchone(self) -> Any:
        """The next row of the last statement; None after the last."""
        with _interruptible():
            return self.inner.fetchone()

    def close(self) -> None:
        """Close it."""
        self.inner.close()


@contextmanager
def _interruptible() -> Iterator[None]:
    try:
        yield
    except duckdb.InterruptException as error:
        raise KeyboardInterrupt from error
    except RuntimeError as error:
        if str(error) != "Query interrupted":
            raise
        raise KeyboardInterrupt from error


def connect(path: Path, wait: float, *, read_only: bool = False) -> Connection:
    """Open the index, waiting so many seconds for another process to close it.

    Raises:
        CannotStart: as `explain`; E-LOCK, it stays in use.
    """
    deadline, pause = time.monotonic() + wait, 0.01
    while True:
        try:
            return Connection(duckdb.connect(str(path), read_only=read_only, config={"threads": 1}))
        except duckdb.Error as error:
            if not any(said in str(error).lower() for said in _IN_USE):
                raise explain(error, path) from error
            if time.monotonic() + pause > deadline:
                raise _locked(path, str(error)) from error
        time.sleep(pause)
        pause = min(2 * pause, 0.5)


def explain(error: duckdb.Error, path: Path) -> CannotStart:
    """What an error of DuckDB's means here.

    Returns E-DISK for a full disk, E-RESULTS for an index that may not be written, else E-STORE.
    """
    if os.strerror(errno.ENOSPC) in str(error):
        return CannotStart(
            "E-DISK",
            "There is no space left for the index.",
            where=str(path),
            why="everything finished is safe in the spool",
            fix="free some space and run the same command again",
        )
    if reason := next((text for text in _FORBIDDEN if text in str(error)), ""):
        return unwritable(path, reason)
    return CannotStart(
        "E-STORE",
        "The index cannot be used.",
        where=str(path),
        why=str(error).splitlines()[0],
        fix="delete this file: it is made again from the spool, nothing is lost",
    )


def unwritable(path: Path, reason: str) -> CannotStart:
    """The error of an index that would have to be written and may not be."""
    return CannotStart(
        "E-RESULTS",
        "The index cannot be written.",
        where=str(path),
        why=reason,
        fix="make the results folder one you may write to, or copy it and name the copy with --results DIR",
    )


def newer(path: Path, version: int, known: int) -> CannotStart:
    """The error of an index whose schema this release does not know."""
    return CannotStart(
        "E-STORE",
        "The index was made by a newer release.",
        where=str(path),
        why=f"its schema is version {version}, this release knows {known}",
        fix="update exvideo-bench, or use another folder: --results DIR",
    )


def _locked(path: Path, text: str) -> CannotStart:
    found = re.search(r"held in (.*?) \(PID (\d+)\)", text)
    holder = f"process {found[2]} ({found[1]})" if found else "another process"
    return CannotStart(
        "E-LOCK",
        f"{path.name} is in use by {holder}.",
        where=str(path),
        why="one process at a time can open the index",
        fix="wait for it, or use another folder: --results DIR",
    )
