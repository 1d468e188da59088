"""Whether an index has seen all that the results folder holds, where other machines have indexes of their own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.paths import database, spool

if TYPE_CHECKING:
    from harness.queries import Connection

KEY = "extent"


def covers(connection: Connection, results: Path) -> bool:
    """An index inside the folder does: nobody else writes to the folder. Another says how much it had seen."""
    if not is_elsewhere(results):
        return True
    known = connection.execute("SELECT value FROM meta WHERE key = ?", [KEY]).fetchone()
    return bool(known == (extent(results),))


def note(connection: Connection, results: Path) -> None:
    """Write down that everything has been seen."""
    if is_elsewhere(results):
        connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", [KEY, extent(results)])


def is_elsewhere(results: Path) -> bool:
    """Whether the index lies outside of the results folder."""
    return not database(results).is_relative_to(results)


def extent(results: Path) -> str:
    """Files and bytes of the archives, which only grow."""
    sizes = [path.stat().st_size for path in spool(results).glob("*/done-*.jsonl")]
    return f"{len(sizes)} {sum(sizes)}"
