"""Where things lie inside a results folder."""

from __future__ import annotations

import hashlib
import os
import shlex
from pathlib import Path

DEFAULT_RESULTS = Path("results")
CACHE_VARIABLE = "HARNESS_CACHE"
REMOTE = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "lustre", "gpfs", "beegfs", "ceph", "glusterfs", "fuse.glusterfs", "fuse.sshfs"}
)


def naming(results: Path) -> str:
    """The option that names a results folder in a command typed here; empty for the one that is meant without it."""
    if results.absolute() == DEFAULT_RESULTS.absolute():
        return ""
    return f" --results {shlex.quote(typed(results))}"


def typed(path: Path) -> str:
    """A path as one would type it in the current folder."""
    whole = path.absolute()
    return str(whole.relative_to(Path.cwd()) if whole.is_relative_to(Path.cwd()) else whole)


def video_relpath(sha256: str) -> str:
    """A master, named by the sha256 of the file."""
    return f"videos/{sha256[:2]}/{sha256}.mkv"


def feature_relpath(sha256: str) -> str:
    """Feature rows of one video under one extractor, named by the sha256 of the file."""
    return f"features/{sha256[:2]}/{sha256}.safetensors"


def reference_relpath(key: str) -> str:
    """Feature rows of a reference set under one extractor, named by the key of both."""
    return f"features/reference/{key}.rows"


def database(results: Path) -> Path:
    """The index: on a disk of this machine, see `index_folder`."""
    return index_folder(results) / "harness.duckdb"


def index_folder(results: Path) -> Path:
    """``cache`` in the results folder; elsewhere where ``$HARNESS_CACHE`` says so, or that is on a network file system.

    A database whose pages and locks travel over a network is slow at best. The index is made from what the results
    folder holds, so each machine may have one of its own, which it brings up to date when it opens it.
    """
    chosen = os.environ.get(CACHE_VARIABLE, "").strip()
    if not chosen and not is_remote(results):
        return results / "cache"
    base = Path(chosen).expanduser() if chosen else Path.home() / ".cache" / "exvideo-bench"
    return base / "index" / hashlib.sha256(os.fsencode(results.resolve())).hexdigest()[:16]


def is_remote(path: Path, mounts: Path = Path("/proc/mounts")) -> bool:
    """Whether a path is on a file system that other machines see (Linux; False where that cannot be told)."""
    try:
        lines = [line.split() for line in mounts.read_text(encoding="utf-8", errors="replace").splitlines()]
    except OSError:
        return False
    place = path.resolve()
    # A mount point's blanks are written as octal numbers. The last of the longest is what is seen.
    found = [(Path(fields[1].replace("\\040", " ")), fields[2]) for fields in lines if len(fields) > 2]
    over = [(len(point.parts), kind) for point, kind in found if place.is_relative_to(point)]
    deepest = max((depth for depth, _ in over), default=0)
    return next((kind in REMOTE for depth, kind in reversed(over) if depth == deepest), False)


def spool(results: Path) -> Path:
    """Where workers leave envelopes."""
    return results / "spool"


def scratch(results: Path) -> Path:
    """Files being written. Whatever lies here when no run is going is litter."""
    return results / "tmp"


def run_folder(results: Path, run_id: str) -> Path:
    """What is kept about one run: run.json, status.json, logs."""
    return results / "runs" / run_id


def published(results: Path) -> Path:
    """Result files for git."""
    return results / "published"
