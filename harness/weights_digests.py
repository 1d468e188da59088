"""Digests of large weight files, remembered between processes: hashing ten gigabytes for every command would be absurd.

A digest is remembered for a path, a modification time to the nanosecond and a size; any change forgets it. One small
file for each, in ``~/.cache/exvideo-bench/digests``: no process waits for another, and deleting them loses nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path

LARGE_BYTES = 100_000_000


def remembered(path: Path) -> str:
    """The sha256 of a large file that has not changed since it was computed on this machine; empty if unknown."""
    if path.stat().st_size < LARGE_BYTES:
        return ""
    try:
        record = json.loads(_place(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    same = isinstance(record, dict) and all(record.get(name) == value for name, value in _facts(path).items())
    return str(record.get("sha256", "")) if same else ""


def remember(path: Path, sha256: str) -> str:
    """Remember the digest of a file, if it is large and there is a place for it; returns the digest."""
    if path.stat().st_size >= LARGE_BYTES:
        place = _place(path)
        temporary = place.with_name(f"{place.name}.{os.getpid()}.tmp")
        with suppress(OSError):
            place.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(json.dumps({**_facts(path), "sha256": sha256}), encoding="utf-8")
            temporary.replace(place)
    return sha256


def _facts(path: Path) -> dict[str, object]:
    facts = path.stat()
    return {"path": str(path.resolve()), "mtime_ns": facts.st_mtime_ns, "size": facts.st_size}


def _place(path: Path) -> Path:
    name = hashlib.sha256(str(path.resolve()).encode()).hexdigest()
    return Path.home() / ".cache" / "exvideo-bench" / "digests" / f"{name[:32]}.json"
