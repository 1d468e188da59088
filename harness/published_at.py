"""Result files at a URL: written to it and read from it through a folder here, by `export`, `validate`, `publish`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from harness.shelf import open_place, unusable


def is_url(place: str | Path) -> bool:
    """Whether a place is an address and not a path."""
    return "://" in str(place)


@contextmanager
def writable(place: str | Path) -> Iterator[Path]:
    """A folder to write result files into; at a URL they arrive when the body has ended well.

    Raises:
        CannotStart: E-ARTEFACTS, the place cannot be written to.
    """
    if not is_url(place):
        yield Path(place)
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)
        filesystem, root = open_place(str(place))
        try:
            for path in sorted(p for p in Path(folder).rglob("*") if p.is_file()):
                filesystem.makedirs(f"{root}/{path.parent.relative_to(folder).as_posix()}", exist_ok=True)
                filesystem.pipe_file(f"{root}/{path.relative_to(folder).as_posix()}", path.read_bytes())
        except Exception as error:
            raise unusable(str(place), error) from error


@contextmanager
def readable(places: Iterable[str | Path]) -> Iterator[list[Path]]:
    """The same places with every URL replaced by a folder that holds its .json files.

    Raises:
        CannotStart: E-ARTEFACTS, a place cannot be read, or holds no such file.
    """
    with tempfile.TemporaryDirectory() as scratch:
        found = []
        for number, place in enumerate(places):
            found.append(_fetched(str(place), Path(scratch) / str(number)) if is_url(place) else Path(place))
        yield found


def _fetched(url: str, folder: Path) -> Path:
    filesystem, root = open_place(url)
    try:
        filesystem.invalidate_cache()
        names = [name for name in filesystem.find(root) if str(name).endswith(".json")]
        if not names:
            raise FileNotFoundError("no .json file is there")
        for name in names:
            relative = PurePosixPath(str(name)[len(root) :].lstrip("/") or PurePosixPath(root).name)
            target = folder / relative
            if not target.resolve().is_relative_to(folder.resolve()):
                raise ValueError(f"{relative} leaves the folder")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(filesystem.cat_file(name))
    except Exception as error:
        raise unusable(url, error) from error
    return folder
