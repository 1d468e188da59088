"""What says that a disk is full, or may not be written to, wherever it is met."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import CannotStart, HarnessError, UsageError

FORBIDDEN = (errno.EROFS, errno.EACCES, errno.EPERM)
# What else there is about a path that cannot become a file: a part of it is none, or no name for this system.
_NO_PLACE = (errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP)


def is_full(error: BaseException) -> bool:
    """Whether an error means that there is no space left, or none within a quota."""
    if isinstance(error, HarnessError):
        return error.code == "E-DISK"
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def is_shut(error: BaseException, folder: Path | None = None) -> bool:
    """Whether an error means that the results folder may no longer be written to.

    A disk that the system has made read-only is one; so is any refusal of a path in ``folder``.
    """
    if isinstance(error, HarnessError):
        return error.code == "E-RESULTS"
    if not isinstance(error, OSError) or error.errno not in FORBIDDEN:
        return False
    if folder is None or error.filename is None:
        return error.errno == errno.EROFS
    return Path(os.fsdecode(error.filename)).absolute().is_relative_to(folder.absolute())


@contextmanager
def as_disk_allows(told: Callable[[str, str], None] | None = None) -> Iterator[None]:
    """Leave the body where it meets a full disk or a read-only one, and hand on the code and the reason.

    Any other error goes its way.
    """
    try:
        yield
    except (OSError, HarnessError) as error:
        code = "E-DISK" if is_full(error) else "E-RESULTS" if is_shut(error) else ""
        if not code:
            raise
        if told:
            told(code, str(error))


def disk_stop(code: str, where: str, why: str, done: str = "", more_bytes: float = 0.0) -> CannotStart:
    """The error of a run that the disk ended: full, or no longer to be written to.

    ``done`` says how far it came, ``more_bytes`` is what the videos that are left to make need; 0 for not known.
    """
    done = f", {done}" if done else ""
    full = code == "E-DISK"
    space = f"about {more_bytes / 1e9:.1f} GB" if more_bytes >= 1e8 else "some space"
    return CannotStart(
        code,
        f"The run stopped because {'the disk is full' if full else 'its folder can no longer be written to'}"
        f"{done}. Everything finished is safe.",
        where=where,
        why=why,
        fix=f"{f'free {space}' if full else 'make it writable again'} and run the same command again",
    )


def may_write(place: Path) -> bool:
    """Whether a file or folder may be written to; where there is none yet, whether it may be made."""
    while not place.exists() and place != place.parent:
        place = place.parent
    return os.access(place, os.W_OK)


@contextmanager
def writing(place: Path, fix: str = "--out with a path in a folder that you may write to") -> Iterator[None]:
    """Tell why a file or folder that the user named cannot be written, in place of the system's error.

    An error about a path that is neither in ``place``, nor above or beside it, goes its way.

    Raises:
        UsageError: E-OUTPUT, it may not be written to or cannot be there.
        CannotStart: E-DISK, there is no space left for it.
    """
    try:
        yield
    except OSError as error:
        if not _concerns(Path(os.fsdecode(error.filename or place)), place):
            raise
        name, where, why = place.absolute().name, str(place.absolute()), error.strerror or str(error)
        if is_full(error):
            what, other = f"There is no space left for {name}.", "free some space, or choose another place"
            raise CannotStart("E-DISK", what, where=where, why=why, fix=other) from error
        if error.errno not in (*FORBIDDEN, *_NO_PLACE):
            raise
        raise UsageError("E-OUTPUT", f"{name} cannot be written.", where=where, why=why, fix=fix) from error


def _concerns(path: Path, place: Path) -> bool:
    path, place = path.absolute(), place.absolute()
    return path.is_relative_to(place) or place.is_relative_to(path) or path.parent == place.parent
