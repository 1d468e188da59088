"""A workbench in a folder, for what only needs somewhere to put its files."""

from __future__ import annotations

from pathlib import Path

from harness.registry import Registry
from harness.suite import LoadedSuite
from harness.workbench import Workbench
from tests.unit.run_helpers import suite


class _Nothing:
    """A provider of no pixels."""

    def image(self, table: object, protocol: object) -> object:
        raise NotImplementedError

    real = reference = image


def bench(results: Path) -> Workbench:
    loaded = LoadedSuite(suite(), "", (), _Nothing(), {})  # type: ignore[arg-type]
    return Workbench(results, loaded, Registry(), "run", "worker")
