"""Where things lie inside a results folder."""

from __future__ import annotations

from pathlib import Path

DEFAULT_RESULTS = Path("results")


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
    """The index."""
    return results / "cache" / "harness.duckdb"


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
