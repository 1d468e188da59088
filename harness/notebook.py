"""Results for notebooks: `harness.load` and the pandas frames it gives."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness import tables
from harness.errors import Refused
from harness.paths import DEFAULT_RESULTS, database, published, spool
from harness.submission import Submission, read
from harness.table_text import counted

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Results:
    """What was loaded. Every method returns a new tidy frame: one observation a row, one variable a column.

    Rows of all frames share the columns ``suite variant revision family role``. A score that is not a number has
    the value NaN, and its ``status`` and ``reason`` say why.
    """

    submissions: tuple[Submission, ...]

    def board(self) -> pd.DataFrame:
        """Per variant and metric: mean over items, 95 % interval, n; direction and unit of the metric."""
        return tables.board(self.submissions).frame()

    def scores(self) -> pd.DataFrame:
        """Per video and metric: value, status, reason, coverage."""
        return tables.scores(self.submissions).frame()

    def set_scores(self) -> pd.DataFrame:
        """Per variant and set metric: value, n, standard error, interval, noise floor."""
        return tables.set_scores(self.submissions).frame()

    def videos(self) -> pd.DataFrame:
        """Per video: prompt, seconds of generation, digests of the file and of its frames."""
        return tables.videos(self.submissions).frame()

    def profiles(self) -> pd.DataFrame:
        """Per video, metric and eighth of the clip (``window`` 0 to 7): value."""
        return tables.profiles(self.submissions).frame()

    def details(self) -> pd.DataFrame:
        """Per video, metric and secondary number (``detail``): value."""
        return tables.details(self.submissions).frame()

    def __repr__(self) -> str:
        names = ", ".join(
            f"{s.variant.label} on {s.suite.label} ({counted(len(s.rows), 'video')})" for s in self.submissions
        )
        return f"Results({names or 'nothing'})"


def load(*sources: str | Path, suite: str | None = None, plugins: Sequence[str | Path] = ()) -> Results:
    """Load results as pandas frames.

    Args:
        sources: result files, folders of them, or results folders of ``harness run``; ``results`` when empty.
        suite: only this one, ``name`` or ``name@version``; all by default.
        plugins: files with variants or metrics that a results folder's index needs to be understood.

    Raises:
        Refused: E-RESULT, a file is no result, or there is nothing to load.
        UsageError: E-UNKNOWN, no such suite.
    """
    chosen = [Path(source) for source in sources] or [DEFAULT_RESULTS]
    found = [s for source in chosen for s in _from(source, suite, [Path(p) for p in plugins])]
    kept = tuple(s for s in found if suite is None or suite in (s.suite.name, s.suite.label))
    if not kept:
        places = ", ".join(map(str, chosen))
        fix = "harness run makes some; harness.load(FOLDER) names another place"
        raise Refused("E-RESULT", f"There are no results{f' on {suite}' if suite else ''} in {places}.", fix=fix)
    return Results(kept)


def _from(source: Path, suite: str | None, plugins: Sequence[Path]) -> list[Submission]:
    """Where a results folder has an index, what is only in its ``published`` folder is left to be named itself."""
    if source.is_dir() and (database(source).is_file() or spool(source).is_dir()):
        return _indexed(source, suite, plugins)
    from harness.calibration_data import NAME

    folder = published(source) if published(source).is_dir() else source
    files = [source] if source.is_file() else sorted(folder.rglob("*.json"))
    return [read(path) for path in files if path.name != NAME]


def _indexed(results: Path, suite: str | None, plugins: Sequence[Path]) -> list[Submission]:
    from harness.compare_load import Library
    from harness.suite import suite_names

    found: list[Submission] = []
    for name in [suite] if suite else suite_names():
        with suppress(Refused), Library(name, results, plugins) as library:
            found += library.of_family(lambda spec: True)
    return found
