"""What says that a disk is full, wherever it is met."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from harness.errors import CannotStart, HarnessError


def is_full(error: BaseException) -> bool:
    """Whether an error means that there is no space left, or none within a quota."""
    if isinstance(error, HarnessError):
        return error.code == "E-DISK"
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def as_full_allows(told: Callable[[str], None] | None = None) -> Iterator[None]:
    """Leave the body where it meets a full disk, and hand on the reason; any other error goes its way."""
    try:
        yield
    except (OSError, HarnessError) as error:
        if not is_full(error):
            raise
        if told:
            told(str(error))


def disk_full(where: str, why: str) -> CannotStart:
    """The error of a run that a full disk ended."""
    return CannotStart(
        "E-DISK",
        "The run stopped because the disk is full. Everything finished is safe.",
        where=where,
        why=why,
        fix="free some space and run the same command again",
    )
