"""What a job does on whatever machine it begins, see `harness.engines.jobs`."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol, TextIO

from harness.engines.jobs import Order
from harness.engines.parcels import SILENT_SECONDS, Sender
from harness.errors import CannotStart
from harness.paths import run_folder
from harness.shelf import FILE, Shelf
from harness.status import STATUS_NAME
from harness.tasks import Event, dump_event, parse_task


class Desk(Protocol):
    """Where a job reports, and hears whether to go on."""

    def report(self, line: str) -> None:
        """Tell of an event."""
        ...

    def told_to_end(self) -> bool:
        """Whether to end before the next task."""
        ...


class SharedDesk:
    """On a node that sees the results folder."""

    def __init__(self, events: TextIO, folder: Path, name: str) -> None:
        self._events, self._folder, self._name = events, folder, name

    def report(self, line: str) -> None:
        """A line of the job's file."""
        self._events.write(line + "\n")

    def told_to_end(self) -> bool:
        """By a file, or because the coordinator, which writes its status every second, has not been heard of."""
        if (self._folder / "jobs" / f"{self._name}.stop").exists():
            return True
        try:
            return time.time() - (self._folder / STATUS_NAME).stat().st_mtime > SILENT_SECONDS
        except FileNotFoundError:
            return False  # not yet


def run_job(order: Order) -> int:
    """Do the tasks of an order; returns how many.

    Raises:
        CannotStart: E-ENGINE, this node does not see the results folder, and there is no shelf.
    """
    from harness.worker import Worker, open_bench

    with _desk(order) as (desk, results, plugins):
        options = argparse.Namespace(
            results=results,
            suite=order.settings.suite,
            run=order.settings.run_id,
            name=order.name,
            device=order.settings.devices[0],
            threads=order.settings.threads_each,
            plugin=list(plugins),
        )
        worker = Worker(open_bench(options))
        done = 0
        for line in order.lines:
            if desk.told_to_end():
                break
            task = parse_task(line)
            desk.report(dump_event(Event("started", task)))
            desk.report(dump_event(worker.handle(task)))
            done += 1
    return done


@contextmanager
def _desk(order: Order) -> Iterator[tuple[Desk, Path, Sequence[Path]]]:
    """The desk, the folder that serves as results folder on this node, and the plugin files."""
    settings = order.settings
    folder = run_folder(settings.results, settings.run_id)
    if (folder / "jobs").is_dir():  # no two runs have one id: it is the coordinator's
        with (folder / "jobs" / f"{order.name}.jsonl").open("a", buffering=1, encoding="utf-8") as events:
            yield SharedDesk(events, folder, order.name), settings.results, settings.plugins
        return
    if not order.shelf:
        raise CannotStart(
            *("E-ENGINE", "A job does not see the results folder."),
            where=str(settings.results),
            why="its node has no such folder, and there is no other place for results",
            fix="--results on a file system that the nodes share, or --artefacts s3://bucket/folder",
        )
    with TemporaryDirectory(prefix="exvideo-job-") as place:
        results = Path(place)
        (results / FILE).write_text(order.shelf + "\n", encoding="utf-8")
        (results / "plugins").mkdir()
        plugins = [results / "plugins" / name for name in order.plugins]
        for path in plugins:
            path.write_text(order.plugins[path.name], encoding="utf-8")
        yield Sender(Shelf(order.shelf), results, settings.run_id, order.name), results, plugins
