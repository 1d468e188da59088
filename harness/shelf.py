"""A second place for masters and features: any fsspec URL, such as a bucket, for nodes and disks that come and go.

The results folder stays the place of spool, runs and index, and holds a copy of each artefact that is in use. With a
shelf, an artefact is uploaded before the envelope that stands for it is written, and fetched again where the copy is
gone: copies may be deleted at any time. ``artefacts.url`` in the results folder says where it is.
"""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.errors import CannotStart, ItemError
from harness.spool import write_atomic

FILE = "artefacts.url"
MARKER, MARK = ".exvideo-bench", b"artefacts"  # on every shelf; where it is not, the shelf is away and not empty
KIND = re.compile(r"[A-Za-z][\w+.-]*:(:|//)")


class Shelf:
    """The artefacts under one URL, by their path relative to a results folder.

    Args:
        url: what fsspec understands: ``s3://bucket/folder``, ``file:///mnt/other``, ``memory://x``.

    Raises:
        CannotStart: E-ARTEFACTS, fsspec knows no such kind of place, or its package is not installed (on first use).
    """

    def __init__(self, url: str) -> None:
        self.url = url

    @cached_property
    def _place(self) -> tuple[Any, str]:
        return open_place(self.url)

    def put(self, results: Path, relpath: str) -> None:
        """Upload a local artefact unless it is there already; its name is made from its bytes.

        Raises:
            ItemError: E-ARTEFACTS, retryable: it could not be uploaded whole.
        """
        filesystem, root = self._place
        local, remote = results / relpath, f"{root}/{relpath}"
        size = local.stat().st_size
        try:
            if self._size(remote) == size:
                return
            if self._size(f"{root}/{MARKER}") is None:  # nothing is put into the folder where a disk is mounted
                raise FileNotFoundError(f"{MARKER} is not there, so it is another place or a disk that is away")
            filesystem.makedirs(remote.rpartition("/")[0], exist_ok=True)
            filesystem.put_file(str(local), remote)
            if (found := self._size(remote)) != size:
                raise OSError(f"{found} of {size} bytes arrived")
        except Exception as error:
            raise _failed("uploaded", relpath, self.url, error) from error

    def fetch(self, results: Path, relpath: str) -> bool:
        """Bring an artefact to its local place; whether it was there. Its digest is checked by whoever reads it.

        Raises:
            ItemError: E-ARTEFACTS, retryable: it is there and could not be downloaded.
        """
        filesystem, root = self._place
        try:
            if self._size(f"{root}/{relpath}") is None:
                return False
            data: bytes = filesystem.cat_file(f"{root}/{relpath}")
        except Exception as error:
            raise _failed("downloaded", relpath, self.url, error) from error
        write_atomic(results / relpath, data)
        return True

    def names(self, below: str = "") -> frozenset[str]:
        """The relative paths of everything on the shelf, or below one folder of it, from one listing.

        Raises:
            CannotStart: E-ARTEFACTS, it cannot be listed, or is not there: an unmounted disk must not read as a shelf
                with nothing on it, whose videos would all be made again.
        """
        filesystem, root = self._place
        place = f"{root}/{below}".rstrip("/")
        try:
            filesystem.invalidate_cache()
            found = filesystem.find(place) if filesystem.exists(place) else []
        except Exception as error:
            raise unusable(self.url, error) from error
        names = frozenset(str(path)[len(root) :].lstrip("/") for path in found)
        if not below and MARKER not in names:
            raise _away(self.url)
        return names - {MARKER}

    def write(self, relpath: str, data: bytes) -> None:
        """Put a small file on the shelf, in place of what was there.

        Raises:
            ItemError: E-ARTEFACTS, retryable.
        """
        filesystem, root = self._place
        remote = f"{root}/{relpath}"
        try:
            filesystem.makedirs(remote.rpartition("/")[0], exist_ok=True)
            filesystem.pipe_file(remote, data)
        except Exception as error:
            raise _failed("written", relpath, self.url, error) from error

    def read(self, relpath: str) -> bytes | None:
        """A small file of the shelf; None where there is none.

        Raises:
            ItemError: E-ARTEFACTS, retryable.
        """
        filesystem, root = self._place
        try:
            filesystem.invalidate_cache(f"{root}/{relpath}")
            data: bytes = filesystem.cat_file(f"{root}/{relpath}")
        except FileNotFoundError:
            return None
        except Exception as error:
            raise _failed("read", relpath, self.url, error) from error
        return data

    def remove(self, relpath: str) -> None:
        """Take a file, or a folder with all that is in it, off the shelf.

        Raises:
            ItemError: E-ARTEFACTS, retryable.
        """
        filesystem, root = self._place
        try:
            filesystem.rm(f"{root}/{relpath}", recursive=True)
        except FileNotFoundError:
            return
        except Exception as error:
            raise _failed("removed", relpath, self.url, error) from error

    def check(self) -> None:
        """See that it can be written to and read from.

        Raises:
            CannotStart: E-ARTEFACTS.
        """
        filesystem, root = self._place
        try:
            filesystem.makedirs(root, exist_ok=True)
            filesystem.pipe_file(f"{root}/{MARKER}", MARK)
            if filesystem.cat_file(f"{root}/{MARKER}") != MARK:
                raise OSError("what was written is not what is read")
        except Exception as error:
            raise unusable(self.url, error) from error

    def _size(self, remote: str) -> int | None:
        filesystem, _ = self._place
        filesystem.invalidate_cache(remote)
        try:
            return int(filesystem.size(remote))
        except FileNotFoundError:
            return None


def open_place(url: str) -> tuple[Any, str]:
    """The fsspec file system of a URL and the path in it.

    Raises:
        CannotStart: E-ARTEFACTS, there is no such kind of place, or its package is not installed.
    """
    import fsspec

    if not KIND.match(url):  # fsspec would take it for a path below whatever folder a process stands in
        raise unusable(url, ValueError("it does not begin with a kind of place, such as s3:// or file://"))
    try:
        filesystem, root = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise unusable(url, error) from error
    return filesystem, str(root).rstrip("/")


def shelf_of(results: Path) -> Shelf | None:
    """The shelf of a results folder; None where artefacts are in the folder alone."""
    path = results / FILE
    url = path.read_text(encoding="utf-8").strip() if path.is_file() else ""
    return Shelf(url) if url else None


def set_shelf(results: Path, url: str) -> None:
    """Give a results folder its shelf, and upload what it holds already.

    Raises:
        CannotStart: E-ARTEFACTS, the place cannot be used, or the folder has another.
        ItemError: E-ARTEFACTS, something could not be uploaded.
    """
    held = shelf_of(results)
    if held is not None and held.url == url:
        return
    if held is not None:
        raise CannotStart(
            "E-ARTEFACTS",
            f"The artefacts of this results folder are under {held.url}.",
            where=str(results / FILE),
            fix=f"leave --artefacts out; or copy them to {url} and write that into the file",
        )
    shelf = Shelf(url)
    shelf.check()
    there = shelf.names()
    for folder in ("videos", "features"):
        for path in sorted((results / folder).rglob("*")):
            relpath = path.relative_to(results).as_posix()
            if path.is_file() and relpath not in there:
                shelf.put(results, relpath)
    write_atomic(results / FILE, url.encode() + b"\n")


def check_not_away(results: Path, recorded: int) -> None:
    """See that the disk of ``recorded`` videos, of which none is in the folder, is not merely absent.

    Raises:
        CannotStart: E-RESULTS, the folder of videos is empty, as the place of a disk is that is not mounted, or leads
            nowhere. A folder that is gone was deleted on purpose.
    """
    videos = results / "videos"
    nowhere = videos.is_symlink() and not videos.exists()
    empty = videos.is_dir() and not any(videos.iterdir())
    if recorded and (nowhere or empty) and shelf_of(results) is None:
        raise CannotStart(
            "E-RESULTS",
            f"None of {recorded} videos on record is here.",
            where=str(videos),
            why="it leads nowhere" if nowhere else "the folder is empty, as where a disk is not mounted",
            fix="mount the disk; if they were deleted on purpose, delete this too: then they are made again",
        )


def local(results: Path, relpath: str) -> Path:
    """The local path of an artefact, fetched from the shelf if it is only there; it may be absent from both.

    Raises:
        ItemError: E-ARTEFACTS, as `Shelf.fetch`.
    """
    path = results / relpath
    if not path.is_file() and (shelf := shelf_of(results)):
        shelf.fetch(results, relpath)
    return path


def keep(results: Path, relpath: str) -> None:
    """Upload an artefact that was just written, if there is a shelf."""
    if shelf := shelf_of(results):
        shelf.put(results, relpath)


def _away(url: str) -> CannotStart:
    return CannotStart(
        "E-ARTEFACTS",
        "The shelf of this results folder is not there.",
        where=url,
        why=f"it has no {MARKER}, as every shelf has: a disk that is not mounted, a folder that was moved or emptied",
        fix=f"bring it back; or write its new address into {FILE} in the results folder; "
        f"or delete {FILE}, and what is only there is made again",
    )


def _failed(done: str, relpath: str, url: str, error: Exception) -> ItemError:
    why = f"{type(error).__name__}: {error}"
    return ItemError("E-ARTEFACTS", f"{relpath} could not be {done}.", where=url, why=why, retryable=True)


def unusable(url: str, error: Exception) -> CannotStart:
    """The error of a place that cannot be opened, read or written."""
    return CannotStart(
        "E-ARTEFACTS",
        "The place cannot be used.",
        where=url,
        why=f"{type(error).__name__}: {error}",
        fix="check the address and its credentials; s3:// needs pip install 'exvideo-bench[s3]'",
    )
