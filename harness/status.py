"""The state of a run in one small file, so that any terminal can look without touching the database."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from harness.lock import is_held
from harness.spool import write_atomic

STATUS_NAME = "status.json"


@dataclass(frozen=True)
class Status:
    """Counts of a run. ``updated_at`` is ISO 8601 with zone; ``eta_seconds`` is None while it cannot be known.

    ``state`` is ``running`` or how the run ended: ``complete``, ``partial``, ``interrupted``.
    """

    run_id: str
    state: str
    started_at: str
    updated_at: str
    videos_done: int
    videos_total: int
    scores_done: int
    scores_total: int
    failed: int
    workers: dict[str, str]  # worker name -> what it has in hand
    eta_seconds: float | None = None


def write_status(folder: Path, status: Status) -> None:
    """Replace ``folder/status.json`` in one rename."""
    write_atomic(folder / STATUS_NAME, json.dumps(dataclasses.asdict(status), indent=1).encode())


def read_latest(results: Path) -> Status | None:
    """The status of the run that was updated last under ``results``; None when there is none.

    A run whose process is gone is told apart from a running one: its state becomes ``crashed``.
    """
    found = [s for path in (results / "runs").glob(f"*/{STATUS_NAME}") if (s := _read(path))]
    if not found:
        return None
    latest = max(found, key=lambda s: datetime.fromisoformat(s.updated_at))
    if latest.state == "running" and not is_held(results):
        return dataclasses.replace(latest, state="crashed")
    return latest


def now() -> str:
    """The time as the store and the status keep it: UTC, ISO 8601, microseconds."""
    return datetime.now(UTC).isoformat()


def age_seconds(status: Status) -> float:
    """How long ago a status was written."""
    return (datetime.now(UTC) - datetime.fromisoformat(status.updated_at)).total_seconds()


def _read(path: Path) -> Status | None:
    try:
        return Status(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None  # written by another version: it says nothing we could show
