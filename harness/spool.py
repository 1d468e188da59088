"""The spool: how finished work reaches the disk, so that a crash at any moment leaves whole files or none.

    results/spool/<run>/<worker>/<name>.json     one envelope per finished task
    results/spool/<run>/done-<n>.jsonl           envelopes that have been indexed, one a line

A worker writes the artefact first and the envelope after it: the envelope is the commit. Every file is written under
a ``.tmp`` name, flushed to the disk and renamed; then the folder is flushed, so that the rename itself survives.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.keys import canonical_json

TMP = ".tmp"
_ARCHIVE = re.compile(r"done-(\d+)\.jsonl")


@dataclass(frozen=True)
class Envelope:
    """One finished task as found on disk. ``origin`` is the file, with the line number for an archive.

    ``text`` is the payload as it was read, on one line; empty where it was not read or has several.
    """

    payload: Mapping[str, Any]
    origin: str
    path: Path | None = None  # the file to archive, None for a line of an archive
    text: bytes = b""

    @property
    def kind(self) -> str:
        """What kind of work it reports, see `harness.envelopes`."""
        return str(self.payload.get("kind", ""))


@dataclass(frozen=True)
class Refusal:
    """Something in the spool that cannot be used, and why. ``task`` is the key of the work to do again, if known."""

    origin: str
    reason: str
    task: str = ""
    path: Path | None = None


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file so that readers, and a crash, see the old bytes or the new ones. Makes the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}{TMP}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries: without it a rename can be lost with the power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_envelope(folder: Path, name: str, payload: Mapping[str, Any]) -> Path:
    """Commit one finished task as ``folder/name.json``. The payload holds ``kind`` and the fields of that kind.

    Raises:
        ValueError: NaN or infinity in the payload.
    """
    path = folder / f"{name}.json"
    write_atomic(path, canonical_json(dict(payload)).encode() + b"\n")
    return path


def read_envelopes(folder: Path) -> tuple[list[Envelope], list[Refusal]]:
    """Every committed envelope below ``folder``, sorted by path, and the files that are not envelopes.

    Archives and unfinished ``.tmp`` files are not read. A file that disappears meanwhile is left out.
    """
    found: list[Envelope] = []
    refused: list[Refusal] = []
    for path in sorted(folder.rglob("*.json")):
        try:
            text = path.read_bytes().strip()
            payload = _parse(text)
        except FileNotFoundError:
            continue
        except ValueError as error:
            refused.append(Refusal(str(path), f"not an envelope: {error}", path=path))
            continue
        found.append(Envelope(payload, str(path), path, b"" if b"\n" in text else text))
    return found, refused


def archive(run_folder: Path, envelopes: Sequence[Envelope]) -> Path | None:
    """Move indexed envelopes into the next ``done-<n>.jsonl`` of their run; returns the archive.

    A crash between the two steps leaves them in both places, which reads the same.
    """
    paths = [e.path for e in envelopes if e.path is not None]
    if not paths:
        return None
    target = run_folder / f"done-{_next_number(run_folder)}.jsonl"
    lines = [canonical_json(dict(e.payload)) for e in envelopes if e.path is not None]
    write_atomic(target, ("\n".join(lines) + "\n").encode())
    for path in paths:
        path.unlink(missing_ok=True)
    return target


def read_archives(folder: Path) -> tuple[list[Envelope], list[Refusal]]:
    """Every envelope of every archive below ``folder``, oldest first within a run."""
    found: list[Envelope] = []
    refused: list[Refusal] = []
    for path in sorted(folder.rglob("done-*.jsonl"), key=lambda p: (p.parent, _number(p))):
        for line_number, line in enumerate(path.read_bytes().splitlines(), start=1):
            origin = f"{path}:{line_number}"
            try:
                found.append(Envelope(_parse(line), origin, text=line))
            except ValueError as error:
                refused.append(Refusal(origin, f"not an envelope: {error}"))
    return found, refused


def set_aside(path: Path) -> Path:
    """Rename a refused envelope so that it is not read again but can be looked at."""
    aside = path.with_name(path.name + ".refused")
    path.replace(aside)
    return aside


def sweep(folder: Path) -> list[Path]:
    """Remove half-written files below ``folder`` and return them. Only for a folder that no worker writes to."""
    removed = sorted(folder.rglob(f"*{TMP}"))
    for path in removed:
        path.unlink(missing_ok=True)
    return removed


def by_run(spool: Path, envelopes: Iterable[Envelope]) -> Iterator[tuple[Path, list[Envelope]]]:
    """Group envelopes by the run folder they lie in."""
    groups: dict[Path, list[Envelope]] = {}
    for envelope in envelopes:
        if envelope.path is not None:
            groups.setdefault(spool / envelope.path.relative_to(spool).parts[0], []).append(envelope)
    yield from sorted(groups.items())


def _parse(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 ({error.reason})") from error
    if not isinstance(value, dict) or not isinstance(value.get("kind"), str):
        raise ValueError("expected an object with a 'kind'")
    return value


def _number(path: Path) -> int:
    match = _ARCHIVE.fullmatch(path.name)
    return int(match.group(1)) if match else -1


def _next_number(run_folder: Path) -> int:
    return 1 + max((_number(p) for p in run_folder.glob("done-*.jsonl")), default=0)
