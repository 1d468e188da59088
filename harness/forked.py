"""Work that only leaves files, spread over the cores by copies of this process: nothing has to be sent to them."""

from __future__ import annotations

import os
import signal
import struct
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")

MOST = 8  # processes: each comes to have its own copy of what it looks at
_TICKET = struct.Struct("<H")
_LIMIT = 30_000  # tickets that a pipe holds, with 64 KiB


def spread(work: Sequence[T], do: Callable[[T], None], first: Callable[[], None], processes: int) -> None:
    """Call ``first`` in this process, and ``do`` on each of ``work`` in this and in ``processes`` - 1 copies of it.

    Who is free takes the next. Copies share nothing afterwards: what ``do`` changes in memory is lost with them.

    Raises:
        RuntimeError: ``do`` failed in a copy, whose traceback it has. What fails here is raised as it is.
    """
    if processes < 2 or len(work) > _LIMIT:
        first()
        for each in work:
            do(each)
        return
    tickets = _queue(len(work))
    copies: list[tuple[int, int]] = []
    try:
        copies.extend(_copy(tickets, work, do) for _ in range(processes - 1))  # one by one: each that is made is ended
        first()
        for each in _taken(tickets, work):
            do(each)
    except BaseException:
        for pid, _ in copies:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        raise
    finally:
        os.close(tickets)
        said = [_joined(*copy) for copy in copies]
    if failed := [text for text in said if text]:
        raise RuntimeError(failed[0])


def available() -> int:
    """How many processes `spread` may use: the cores, or one where a process cannot be copied safely."""
    return min(len(os.sched_getaffinity(0)), MOST) if sys.platform == "linux" else 1


def _queue(count: int) -> int:
    """A pipe with a ticket for each piece of work, from which every process reads until it is empty."""
    reader, writer = os.pipe()
    os.write(writer, b"".join(map(_TICKET.pack, range(count))))
    os.close(writer)
    return reader


def _taken(tickets: int, work: Sequence[T]) -> Iterator[T]:
    while ticket := os.read(tickets, _TICKET.size):
        yield work[_TICKET.unpack(ticket)[0]]


def _copy(tickets: int, work: Sequence[T], do: Callable[[T], None]) -> tuple[int, int]:
    """Start a copy; returns its process id, and a pipe on which it says what went wrong."""
    reader, writer = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    with warnings.catch_warnings():
        # From 3.12 on Python warns where there are other threads: those of BLAS wait, and a copy makes no use of them.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid:
        os.close(writer)
        return pid, reader
    status = 1
    try:
        for each in _taken(tickets, work):
            do(each)
        status = 0
    except BaseException:
        os.write(writer, traceback.format_exc()[-60_000:].encode())
    finally:
        os._exit(status)


def _joined(pid: int, reader: int) -> str:
    """Wait for the end of a copy; returns what it said went wrong."""
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read().decode(errors="replace")
    _, status = os.waitpid(pid, 0)
    return said or (f"a process that wrote pages ended with status {status}" if status else "")
