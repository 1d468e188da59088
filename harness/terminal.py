"""What a person or a script sees: tables, two progress bars, plain lines without a terminal, JSON lines on request.

The result goes to stdout, the conversation to stderr. The only module that imports rich, which honours NO_COLOR.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console as Rich
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

import harness
from harness.coordinator import Failed, Outcome
from harness.plan import Plan, Row
from harness.ranks import MIN_ITEMS_FOR_RANKS
from harness.status import Status
from harness.summary import ARROWS, Cell, Summary, SummaryRow, as_record
from harness.tasks import Event
from harness.wishes import Wishes

PLAIN_SECONDS = 10.0
COLUMNS_ABREAST = 5
WIDE = 200  # columns without a terminal: a log or a pipe must not wrap tables


class TextConsole:
    """Tables and progress for people."""

    def __init__(self) -> None:
        self.out = _rich(sys.stdout)
        self.err = _rich(sys.stderr)
        self.bars = _Bars(self.err) if self.err.is_terminal else _Lines(self.err)

    def header(self, wishes: Wishes, results: Path) -> None:
        """Version, suite and folder."""
        suite = wishes.suite.suite
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
        """A piece of work was given up."""
        self.bars.say(Text(f"{failed.code}  {failed.label}: {failed.message}", style="red"))

    def progress(self, status: Status) -> None:
        """Move the bars, or say where the run is."""
        self.bars.show(status)

    def summary(self, summary: Summary, plan: Plan, outcome: Outcome, run_id: str) -> None:
        """The table on stdout, and what the run did on stderr."""
        self.bars.close()
        self.err.print()
        ranks = "" if summary.ranked else f" · below {MIN_ITEMS_FOR_RANKS} items: no ranks"
        self.out.print(f"{summary.suite} · n = {summary.n_items} item{'s' * (summary.n_items != 1)}{ranks}")
        for first in range(0, max(1, len(summary.columns)), COLUMNS_ABREAST):
            self.out.print(_summary_table(summary, first))
        for line in footnotes(summary):
            self.out.print(Text(line))
        if not run_id:
            return  # nothing was done, and the plan said so
        self.err.print()
        for failed in outcome.failed[:10]:
            self.err.print(Text(f"{failed.code}  {failed.label}: {failed.message}"))
        if len(outcome.failed) > 10:
            self.err.print(f"… and {len(outcome.failed) - 10} more failures")
        self.err.print(outcome_line(summary, plan, outcome, run_id))
        again = "run the same command again to go on" if outcome.left or outcome.failed else "harness publish --local"
        self.err.print(f"next   {again}")


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
        note = _note(status)
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


def status_line(status: Status) -> str:
    """A run's counts in one line."""
    parts = [
        f"run {status.run_id[:8]}",
        f"{status.videos_done}/{status.videos_total} videos",
        f"{status.scores_done}/{status.scores_total} scores",
    ]
    return "  ".join([*parts, *([_note(status)] if _note(status) else [])])


def plan_line(plan: Plan, free: int) -> str:
    """The totals under the plan."""
    estimate = plan.estimate
    parts = [
        f"{len(plan.runnable)} of {len(plan.rows)} variants",
        f"{plan.videos_to_do} videos to make, {plan.videos_reused} reused",
        f"{plan.scores_to_do} scores to compute",
    ]
    if plan.to_do:
        unknown = "time unknown until it has run once"
        parts.append(unknown if estimate.seconds is None else f"about {duration(estimate.seconds)} of work")
    if plan.videos_to_do:
        parts.append(f"needs {size(estimate.disk_bytes)}, {size(free)} free")
    return " · ".join(parts)


def outcome_line(summary: Summary, plan: Plan, outcome: Outcome, run_id: str) -> str:
    """What the run did, in one line."""
    parts = [f"{outcome.made} made", f"{plan.videos_reused} reused", f"{len(outcome.failed)} failed"]
    if outcome.left:
        parts.append(f"{outcome.left} to do")
    if summary.skipped:
        parts.append(f"{len(summary.skipped)} variants skipped")
    state = " interrupted, nothing lost" if outcome.interrupted else ""
    return f"{', '.join(parts)} · run {run_id[:8]}{state}"


def footnotes(summary: Summary) -> list[str]:
    """What the table's signs mean, and why a cell is empty or has fewer items."""
    lines = ["± half-width of a 95 % interval over items · ↓ lower is better, ↑ higher is better", *_floors(summary)]
    if any(cell.rank for row in summary.rows for cell in row.cells):
        lines.append("# rank in the column, shared by rows that paired tests cannot separate (Holm, 5 %)")
    for row in summary.rows:
        for column, cell in zip(summary.columns, row.cells, strict=True):
            if cell.n_ok < cell.n_total:
                lines.append(f"  {row.name} {column.spec.label}: {cell.n_ok} of {cell.n_total} items ({cell.why})")
    lines += [f"  {name}: not run: {why}" for name, why in (*summary.skipped, *summary.omitted)]
    return lines


def _floors(summary: Summary) -> Iterator[str]:
    """The noise floor of each set metric: what no set of this size can be expected to fall below."""
    for index, column in enumerate(summary.columns):
        cells = [row.cells[index] for row in summary.rows]
        if (cell := next((cell for cell in cells if cell.floor is not None), None)) is not None:
            value = f"{cell.floor:.{decimals_for([cell.floor or 0.0])}f}"
            yield f"  {column.spec.label}: noise floor {value} (real against real clips, n = {cell.floor_n})"


def cell_text(cell: Cell, decimals: int) -> str:
    """``0.012 ± 0.004``, with the count where items are missing and the rank where there is one; ``n/a`` if empty."""
    if cell.mean is None:
        return "n/a"
    text = f"{cell.mean:.{decimals}f}"
    text += f" ± {cell.half_width:.{decimals}f}" if cell.half_width is not None else " ± ?"
    text = text if cell.n_ok == cell.n_total else f"{text} ({cell.n_ok}/{cell.n_total})"
    return text if cell.rank is None else f"{text} #{cell.rank.text}"


def decimals_for(values: Iterable[float]) -> int:
    """Decimals that give the largest of ``values`` four significant digits."""
    largest = max((abs(v) for v in values), default=0.0)
    return next((d for bound, d in ((1000, 0), (100, 1), (10, 2), (1, 3)) if largest >= bound), 4)


def duration(seconds: float) -> str:
    """``45 s``, ``12 min``, ``3.4 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def size(count: float) -> str:
    """Bytes in decimal units."""
    for unit in ("B", "kB", "MB"):
        if count < 999.5:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def _note(status: Status) -> str:
    parts = [f"{status.failed} failed"] if status.failed else []
    if status.eta_seconds is not None:
        parts.append(f"eta {duration(status.eta_seconds)}")
    return " · ".join(parts)


def _plan_table(plan: Plan) -> Table:
    table = Table(box=None, pad_edge=True, header_style="dim")
    for name in ("variant", "videos", "reused", "to make", "scores"):
        table.add_column(name, justify="left" if name == "variant" else "right")
    table.add_column("state", overflow="fold")
    for row in plan.rows:
        skipped = bool(row.skip.reason)
        numbers = ("-",) * 4 if skipped else (len(row.units), row.reused, len(row.make), row.scores_to_do)
        table.add_row(row.spec.name, *(str(n) for n in numbers), Text(_state(row), style="yellow" if skipped else ""))
    for column in plan.columns:
        if column.skip.reason:
            table.add_row(column.spec.label, "-", "-", "-", "-", Text(f"skip: {column.skip.reason}", style="yellow"))
    return table


def _state(row: Row) -> str:
    if row.skip.reason:
        return f"skip: {row.skip.reason}"
    return "run" if row.make else "score" if row.to_do else "reused"


def _summary_table(summary: Summary, first: int) -> Table:
    """One block of the summary: a table too wide for the screen would cut off the names of its rows."""
    chosen = range(first, min(first + COLUMNS_ABREAST, len(summary.columns)))
    table = Table(box=None, pad_edge=True, header_style="bold")
    table.add_column("variant", no_wrap=True)
    for spec in (summary.columns[i].spec for i in chosen):
        table.add_column(f"{spec.label} {ARROWS[spec.better]}".strip(), justify="right", no_wrap=True)
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
