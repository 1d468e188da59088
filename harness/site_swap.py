"""Putting a finished site in place of the old one: by exchange of names, so that no reader finds half a site."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import Refused

MANIFEST = "MANIFEST.sha256"  # its presence marks a folder as a site of ours
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2
# What the C library or the file system answers when it has no exchange of names.
_UNSUPPORTED = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EPERM}


def refuse_foreign_folder(out: Path) -> None:
    """Refuse to replace or remove what is no site: ``out`` itself, and what would give way to the previous one.

    Raises:
        Refused: E-OUT, one of them is a file, or a folder with files and without a manifest.
    """
    for folder in (out, _previous(out)):
        if folder.is_dir() and any(folder.iterdir()) and not (folder / MANIFEST).is_file():
            why = f"it holds files and no {MANIFEST}, so this program did not make it"
            raise Refused("E-OUT", f"{folder.name} is no site.", where=str(folder), why=why, fix="choose another --out")
        if folder.exists() and not folder.is_dir():
            raise Refused("E-OUT", f"{folder.name} is a file.", where=str(folder), fix="choose another --out")


@contextmanager
def fresh_folder(out: Path) -> Iterator[Path]:
    """An empty folder beside ``out``, on the same file system; gone again unless it was put in place."""
    out.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def put_in_place(folder: Path, out: Path) -> None:
    """Make ``folder`` the site at ``out``; an earlier site there becomes ``<out>.prev``.

    Where the system can exchange two names (Linux), ``out`` is the old or the new site at every moment. Elsewhere
    there is a moment between two renames without a site; an interruption there leaves the old one at ``<out>.prev``.
    """
    previous = _previous(out)
    if not out.exists():
        folder.rename(out)
        return
    shutil.rmtree(previous, ignore_errors=True)
    if _exchange(folder, out):
        folder.rename(previous)
    else:
        out.rename(previous)
        folder.rename(out)


def _previous(out: Path) -> Path:
    return out.with_name(out.name + ".prev")


def _exchange(first: Path, second: Path) -> bool:
    """Exchange two names in one step; False where that does not exist."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    if rename(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in _UNSUPPORTED:
        return False
    raise OSError(code, os.strerror(code), str(second))
