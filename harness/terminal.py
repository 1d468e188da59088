"""What a person or a script sees: tables, two progress bars, plain lines without a terminal, JSON lines on request.

The result goes to stdout, the conversation to stderr. The only module that imports rich, which honours NO_COLOR.
"""

from __future__ import annotations

import json
import sys
import textwrap
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.console import Console as Rich
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

import harness
from harness import calibration_text
from harness.calibration import Calibration, folded_name
from harness.outcome import Failed, Outcome
from harness.plan import Plan, Row
from harness.ranks import MIN_ITEMS_FOR_RANKS
from harness.status import Status
from harness.summary import Summary, SummaryRow, as_record
from harness.table_text import with_arrow
from harness.tasks import Event
from harness.terminal_text import (
    MANY_ALIKE,
    alike,
    cell_text,
    decimals_for,
    failure_lines,
    footnotes,
    note_of,
    outcome_line,
    plan_line,
    several,
    status_line,
)
from harness.wishes import Wishes

PLAIN_SECONDS = 10.0
COLUMNS_ABREAST = 5
ALL_FAULTS_WIDTH = 130
WIDE = 200  # columns without a terminal: a log or a pipe must not wrap tables
LONG = 118  # of a line of words


class TextConsole:
    """Tables and progress for people."""

    def __init__(self) -> None:
        self.out = _rich(sys.stdout)
        self.err = _rich(sys.stderr)
        self.bars = _Bars(self.err) if self.err.is_terminal else _Lines(self.err)
        self.same_place = ""
        self.told: set[tuple[str, ...]] = set()

    def header(self, wishes: Wishes, results: Path) -> None:
        """Version, suite and folder."""
        suite, self.same_place = wishes.suite.suite, wishes.same_place
        self.err.print(
            f"exvideo-bench {harness.__version__} · suite {suite.label} "
            f"({len(suite.items)} items × {len(suite.seeds)} seed{'s' * (len(suite.seeds) != 1)}) · "
            f"results in {escape(_short(results))}\n"
        )

    def note(self, text: str) -> None:
        """One line."""
        self.err.print(Text(text))

    def plan(self, plan: Plan, free: int, dry_run: bool) -> None:
        """The plan with its totals."""
        self.err.print("Plan")
        self.err.print(_plan_table(plan))
        self.err.print("  " + escape(plan_line(plan, free)))
        if plan.remedies:
            self.err.print("  what is skipped can be had by")
        for remedy in plan.remedies:
            self.err.print(Text(f"    {remedy}"), soft_wrap=True)
        if dry_run:
            self.err.print("  dry run: nothing was made")
        elif not plan.to_do:
            self.err.print("  nothing to do: everything asked for is already there")
        self.err.print()

    def confirm(self, question: str) -> bool:
        """Ask, if somebody is there."""
        if not sys.stdin.isatty():
            return True
        return self.err.input(f"{question} [y/N] ").strip().lower() in ("y", "yes")

    def happened(self, event: Event) -> None:
        """A task started or ended."""
        pass

    def failed(self, failed: Failed) -> None:
        """A piece of work was given up. What happens alike to many videos is told once, and counted at the end."""
        if alike(failed) not in self.told:
            self.told.add(alike(failed))
            self.bars.say(Text(f"{failed.code}  {failed.label}: {failed.message}", style="red"))

    def progress(self, status: Status) -> None:
        """Move the bars, or say where the run is."""
        self.bars.show(status)

    def summary(self, summary: Summary, plan: Plan, outcome: Outcome, run_id: str) -> None:
        """The table on stdout, and what the run did on stderr."""
        self.bars.close()
        self.err.print()
        if summary.rows or not summary.calibration:
            self._table(summary)
        if summary.calibration:
            print_calibration(summary.calibration)
        if not run_id:
            return  # nothing was done, and the plan said so
        self.err.print()
        for line in failure_lines(outcome.failed):
            self.err.print(Text(line), soft_wrap=True)
        self.err.print(outcome_line(summary, plan, outcome, run_id))
        publish = f"harness publish --local{self.same_place}"
        again = "run the same command again to go on" if outcome.unfinished else publish
        self.err.print(Text(f"next   {again}"), soft_wrap=True)

    def _table(self, summary: Summary) -> None:
        ranks = "" if summary.ranked else f" · below {MIN_ITEMS_FOR_RANKS} items: no ranks"
        self.out.print(f"{summary.suite} · n = {summary.n_items} item{'s' * (summary.n_items != 1)}{ranks}")
        for first in range(0, max(1, len(summary.columns)), COLUMNS_ABREAST):
            self.out.print(_summary_table(summary, first))
        for line in footnotes(summary):
            self.out.print(Text(line))


class JsonConsole:
    """One JSON object per line on stdout and nothing else."""

    def header(self, wishes: Wishes, results: Path) -> None:
        """Version, suite and folder."""
        self._emit("start", version=harness.__version__, suite=wishes.suite.suite.label, results=str(results))

    def note(self, text: str) -> None:
        """One line."""
        self._emit("note", text=text)

    def plan(self, plan: Plan, free: int, dry_run: bool) -> None:
        """The plan with its totals."""
        rows = [
            {
                "variant": row.spec.name,
                "revision": row.spec.revision,
                "videos": len(row.units),
                "reused": row.reused,
                "to_make": len(row.make),
                "to_redo": len(row.redo),
                "scores_to_do": row.scores_to_do,
                "skip": row.skip.reason,
                "remedy": row.skip.remedy,
            }
            for row in plan.rows
        ]
        metrics = [{"metric": c.spec.label, "skip": c.skip.reason, "remedy": c.skip.remedy} for c in plan.columns]
        estimate = asdict(plan.estimate) | {"free_bytes": free}
        self._emit("plan", rows=rows, metrics=metrics, estimate=estimate, dry_run=dry_run, to_do=plan.to_do)

    def confirm(self, question: str) -> bool:
        """Ask, if somebody is there."""
        return True  # a script cannot be asked

    def happened(self, event: Event) -> None:
        """A task started or ended."""
        if event.kind == "started":
            return
        self._emit(
            "task",
            kind=event.task.kind,
            task=event.task.id,
            label=event.task.label,
            state=event.kind,
            seconds=event.seconds,
            worker=event.worker,
        )

    def failed(self, failed: Failed) -> None:
        """A piece of work was given up."""
        self._emit("failure", **asdict(failed))

    def progress(self, status: Status) -> None:
        """Move the bars, or say where the run is."""
        self._emit("progress", **asdict(status))

    def summary(self, summary: Summary, plan: Plan, outcome: Outcome, run_id: str) -> None:
        """The table on stdout, and what the run did on stderr."""
        counts = {
            "run_id": run_id,
            "made": outcome.made,
            "reused": plan.videos_reused,
            "scored": outcome.scored,
            "failed": len(outcome.failed),
            "redone": [asdict(redone) for redone in outcome.redone],
            "left": outcome.left,
            "interrupted": outcome.interrupted,
        }
        self._emit("summary", **counts, table=as_record(summary))

    def _emit(self, event: str, **fields: Any) -> None:
        emit({"event": event, **fields})


class _Bars:
    """Two live bars; a failure is printed above them."""

    def __init__(self, console: Rich) -> None:
        self.console = console
        columns = (TextColumn("{task.description:<9}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self.live = Progress(*columns, TextColumn("{task.fields[note]}"), console=console, transient=False)
        self.ids: dict[str, TaskID] = {}

    def show(self, status: Status) -> None:
        if not self.ids:
            self.ids = {name: self.live.add_task(name, note="") for name in ("generate", "score")}
            self.live.start()
        note = note_of(status)
        self.live.update(self.ids["generate"], completed=status.videos_done, total=status.videos_total, note=note)
        self.live.update(self.ids["score"], completed=status.scores_done, total=status.scores_total, note="")

    def say(self, text: Text) -> None:
        self.console.print(text)

    def close(self) -> None:
        self.live.stop()


class _Lines:
    """One line every ten seconds, for logs."""

    def __init__(self, console: Rich) -> None:
        self.console = console
        self.last = time.monotonic()

    def show(self, status: Status) -> None:
        if time.monotonic() - self.last >= PLAIN_SECONDS:
            self.last = time.monotonic()
            self.console.print(status_line(status))

    def say(self, text: Text) -> None:
        self.console.print(text)

    def close(self) -> None:
        pass


def emit(record: Mapping[str, Any]) -> None:
    """One JSON object on one line of stdout."""
    print(json.dumps(record, ensure_ascii=False), flush=True)


def print_table(headers: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """A plain listing on stdout."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for header in headers:
        table.add_column(header, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    _rich(sys.stdout).print(table)


def print_wrapped(text: str) -> None:
    """Text on stdout, broken between words where the terminal ends or a line gets long; what goes on is set in."""
    width = max(40, min(LONG, _rich(sys.stdout).width))
    for line in text.split("\n"):
        print(textwrap.fill(line, width, subsequent_indent="  ", break_long_words=False))


def print_calibration(found: Calibration) -> None:
    """What each metric sees, on stdout; as many faults abreast as the terminal has room for."""
    console = _rich(sys.stdout)
    console.print(calibration_text.title(found))
    kinds = list(found.faults)
    abreast = len(kinds) if console.width >= ALL_FAULTS_WIDTH else COLUMNS_ABREAST
    for first in range(0, len(kinds), abreast):
        chosen = kinds[first : first + abreast]
        print_table(calibration_text.headers(found, chosen), calibration_text.rows(found, chosen))
    for note in calibration_text.notes(found):
        console.print(Text(note))


def _plan_table(plan: Plan) -> Table:
    table = Table(box=None, pad_edge=True, header_style="dim")
    for name in ("variant", "videos", "reused", "to make", "scores"):
        table.add_column(name, justify="left" if name == "variant" else "right")
    table.add_column("state", overflow="fold")
    for name, rows in _folded(plan.rows):
        skipped = bool(rows[0].skip.reason)
        counts = [(len(row.units), row.reused, len(row.make), row.scores_to_do) for row in rows]
        numbers = ("-",) * 4 if skipped else tuple(map(sum, zip(*counts, strict=True)))
        table.add_row(name, *(str(n) for n in numbers), Text(_state(rows), style="yellow" if skipped else ""))
    for column in plan.columns:
        if column.skip.reason:
            table.add_row(column.spec.label, "-", "-", "-", "-", Text(f"skip: {column.skip.reason}", style="yellow"))
    return table


def _folded(rows: Sequence[Row]) -> Iterator[tuple[str, list[Row]]]:
    """Rows with their names. The steps of one fault, as far as they are run or skipped alike, are one row, and so are
    many of one family that are skipped for one reason."""
    for (family, reason), group in groupby(rows, lambda row: (row.spec.family, row.skip.reason)):
        found = [(name, list(part)) for name, part in groupby(group, lambda row: folded_name(row.spec))]
        if reason and len(found) > MANY_ALIKE:
            yield f"{several([name for name, _ in found])} of {family}", [row for _, part in found for row in part]
        else:
            yield from found


def _state(rows: Sequence[Row]) -> str:
    if rows[0].skip.reason:
        return f"skip: {rows[0].skip.reason}"
    if again := sum(len(row.redo) for row in rows):
        return f"make {again} again, beside the first"
    return "run" if any(row.make for row in rows) else "score" if any(row.to_do for row in rows) else "reused"


def _summary_table(summary: Summary, first: int) -> Table:
    """One block of the summary: a table too wide for the screen would cut off the names of its rows."""
    chosen = range(first, min(first + COLUMNS_ABREAST, len(summary.columns)))
    table = Table(box=None, pad_edge=True, header_style="bold")
    table.add_column("variant", no_wrap=True)
    for spec in (summary.columns[i].spec for i in chosen):
        table.add_column(with_arrow(spec.label, spec.better), justify="right", no_wrap=True)
    table.add_column("s/video", justify="right")
    decimals = {i: decimals_for(row.cells[i].mean or 0.0 for row in summary.rows) for i in chosen}
    for row in (row for row in summary.rows if row.role != "control"):
        table.add_row(*_cells(row, decimals))
    if controls := [row for row in summary.rows if row.role == "control"]:
        table.add_section()
        table.add_row(Text("controls", style="dim italic"))
        for row in controls:
            table.add_row(*_cells(row, decimals), style="dim")
    return table


def _cells(row: SummaryRow, decimals: dict[int, int]) -> list[str]:
    cells = [cell_text(row.cells[i], places) for i, places in decimals.items()]
    return [f"{row.name}@{row.revision}", *cells, "-" if row.seconds is None else f"{row.seconds:.2f}"]


def _rich(stream: Any) -> Rich:
    return Rich(file=stream, highlight=False, width=None if stream.isatty() else WIDE)


def _short(path: Path) -> str:
    try:
        return f"./{path.relative_to(Path.cwd())}"
    except ValueError:
        return str(path)
