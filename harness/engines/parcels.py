"""Events and envelopes of a job whose node does not see the results folder: they travel over the shelf.

    runs/<run>/jobs/<job>/<number>.json   one event line, and the envelopes that were written before it
    runs/<run>/jobs/<job>.stop            the job is to end
    runs/<run>/alive                      a number that the coordinator counts up

A parcel is taken off the shelf after what it holds has reached the results folder. What a coordinator that died has
left there is brought by the next run.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from harness.errors import HarnessError
from harness.paths import run_folder, spool
from harness.shelf import Shelf
from harness.spool import write_atomic

LOOK_SECONDS = 2.0
BEAT_SECONDS = 60.0
SILENT_SECONDS = 600.0
TRIES, PAUSE_SECONDS = 5, 2.0
T = TypeVar("T")


class Courier:
    """The coordinator's side. A shelf that does not answer is asked again for ten minutes."""

    def __init__(self, shelf: Shelf, results: Path, run_id: str) -> None:
        self.shelf, self.results, self.run_id = shelf, results, run_id
        self._looked = self._beaten = float("-inf")
        self._reached = time.monotonic()
        self._beats = 0
        self._brought: set[str] = set()

    def bring(self, *, at_once: bool = False) -> None:
        """Fetch what jobs have sent, every two seconds or at once.

        Raises:
            HarnessError: E-ARTEFACTS, the shelf has not answered for ten minutes.
        """
        now = time.monotonic()
        if not at_once and now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        try:
            self._beat(now)
            for relpath in parcels(self.shelf, f"runs/{self.run_id}/jobs"):
                if relpath not in self._brought:
                    self._take(relpath)
            self._reached = now
        except HarnessError:
            if now - self._reached > SILENT_SECONDS:
                raise

    def tell_to_end(self, name: str) -> None:
        """Have a job end before its next task; where the shelf does not answer, it ends by the silence."""
        with suppress(HarnessError):
            self.shelf.write(f"runs/{self.run_id}/jobs/{name}.stop", b"")

    def close(self) -> None:
        """Fetch the rest, and leave nothing of the run on the shelf."""
        with suppress(HarnessError):
            self.bring(at_once=True)
            self.shelf.remove(f"runs/{self.run_id}")

    def _beat(self, now: float) -> None:
        if now - self._beaten >= BEAT_SECONDS:
            self._beats += 1
            self.shelf.write(f"runs/{self.run_id}/alive", str(self._beats).encode())
            self._beaten = now

    def _take(self, relpath: str) -> None:
        line = unpack(self.shelf, self.results, relpath)
        with (run_folder(self.results, self.run_id) / "jobs" / f"{_job(relpath)}.jsonl").open("a") as events:
            events.write(line + "\n")
        self._brought.add(relpath)
        self.shelf.remove(relpath)


class Sender:
    """The job's side: what it has written under ``results``, a folder of its own, goes with its next event."""

    def __init__(self, shelf: Shelf, results: Path, run_id: str, name: str) -> None:
        self.shelf, self.run_id, self.name = shelf, run_id, name
        self._spool = spool(results) / run_id / name
        self._number = 0
        self._heard, self._heard_at = b"", time.monotonic()

    def report(self, line: str) -> None:
        """Send an event, after the envelopes that stand for what it tells.

        Raises:
            ItemError: E-ARTEFACTS, the shelf does not answer.
        """
        paths = sorted(self._spool.glob("*.json"))
        parcel = {"event": line, "envelopes": {path.name: path.read_text(encoding="utf-8") for path in paths}}
        self._number += 1
        relpath = f"runs/{self.run_id}/jobs/{self.name}/{self._number:06d}.json"
        _patiently(lambda: self.shelf.write(relpath, json.dumps(parcel).encode()))
        for path in paths:
            path.unlink()

    def told_to_end(self) -> bool:
        """Whether the coordinator said so, or has not been heard of for ten minutes."""
        now = time.monotonic()
        with suppress(HarnessError):
            if self.shelf.read(f"runs/{self.run_id}/jobs/{self.name}.stop") is not None:
                return True
            heard = self.shelf.read(f"runs/{self.run_id}/alive") or b""
            if heard != self._heard:
                self._heard, self._heard_at = heard, now
        return now - self._heard_at > SILENT_SECONDS


def bring_leftovers(shelf: Shelf, results: Path) -> int:
    """Fetch the envelopes that jobs of earlier runs of this folder sent to nobody; returns the number of parcels.

    Raises:
        HarnessError: E-ARTEFACTS, the shelf does not answer.
    """
    ours = {path.name for path in (results / "runs").glob("*")}
    left = [relpath for relpath in parcels(shelf, "runs") if relpath.split("/")[1] in ours]
    for relpath in left:
        unpack(shelf, results, relpath)
        shelf.remove(relpath)
    return len(left)


def parcels(shelf: Shelf, below: str) -> list[str]:
    """The relative paths of the parcels, in the order in which each job sent them."""
    return sorted(name for name in shelf.names(below) if name.endswith(".json"))


def unpack(shelf: Shelf, results: Path, relpath: str) -> str:
    """Put a parcel's envelopes into the spool; returns its event line."""
    parcel = json.loads(shelf.read(relpath) or b"{}")
    folder = spool(results) / relpath.split("/")[1] / _job(relpath)
    for name, text in parcel.get("envelopes", {}).items():
        write_atomic(folder / Path(name).name, text.encode())
    return str(parcel.get("event", ""))


def _job(relpath: str) -> str:
    return relpath.split("/")[-2]


def _patiently(action: Callable[[], T]) -> T:
    for left in reversed(range(TRIES)):
        try:
            return action()
        except HarnessError:
            if not left:
                raise
            time.sleep(PAUSE_SECONDS)
    raise AssertionError("the last try returns or raises")
