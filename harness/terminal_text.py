"""A run in lines of text: counts, plans, outcomes, footnotes, and how numbers, durations and sizes are written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from harness.outcome import Failed, Outcome
from harness.plan import Plan
from harness.status import Status
from harness.summary import Cell, Summary
from harness.table_text import counted

MOST_REASONS = 10  # that things failed for, in the summary
MANY_ALIKE = 3  # more rows than these that are skipped for one reason are one line


def several(names: Sequence[str]) -> str:
    """Many names in a few words: the first, the last, and how many there are."""
    return f"{names[0]} … {names[-1]}, {len(names)} rows"


def status_line(status: Status) -> str:
    """A run's counts in one line."""
    parts = [
        f"run {status.run_id[:8]}",
        f"{status.videos_done}/{status.videos_total} videos",
        f"{status.scores_done}/{status.scores_total} scores",
    ]
    return "  ".join([*parts, *([note_of(status)] if note_of(status) else [])])


def plan_line(plan: Plan, free: int) -> str:
    """The totals under the plan."""
    estimate = plan.estimate
    parts = [
        f"{len(plan.runnable)} of {len(plan.rows)} variants",
        f"{counted(plan.videos_to_do, 'video')} to make, {plan.videos_reused} reused",
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
    if outcome.redone:
        equal = sum(redone.bitwise for redone in outcome.redone)
        parts.insert(1, f"{len(outcome.redone)} made again, {equal} of them bitwise equal")
    if outcome.left:
        parts.append(f"{outcome.left} to do")
    if summary.skipped:
        parts.append(f"{counted(len(summary.skipped), 'variant')} skipped")
    state = " interrupted, nothing lost" if outcome.interrupted else ""
    return f"{', '.join(parts)} · run {run_id[:8]}{state}"


def alike(failed: Failed) -> tuple[str, ...]:
    """What is equal in failures that are told together: what went wrong, for which row and metric."""
    return (failed.code, failed.row, failed.subject, failed.stage, failed.message)


def failure_lines(failures: Sequence[Failed]) -> list[str]:
    """What was given up: each reason once, with its count, what to do, and the log that has the traceback."""
    groups: dict[tuple[str, ...], list[Failed]] = {}
    for failed in failures:
        groups.setdefault(alike(failed), []).append(failed)
    lines = []
    for found in list(groups.values())[:MOST_REASONS]:
        first, pad = found[0], " " * (len(found[0].code) + 2)
        of = f"{first.subject} on {len(found)} videos of {first.row}" if first.row else f"{len(found)} times"
        many = f"{of}, {first.label} first".strip()
        lines.append(f"{first.code}  {first.label if len(found) == 1 else many}: {first.message}")
        lines += [f"{pad}{word:<5}{text}" for word, text in (("Fix", first.fix), ("Log", first.log)) if text]
    if len(groups) > MOST_REASONS:
        lines.append(f"… and {len(groups) - MOST_REASONS} more reasons")
    return lines


def footnotes(summary: Summary) -> list[str]:
    """What the table's signs mean, and why a cell is empty or has fewer items."""
    lines = ["± half-width of a 95 % interval over items · ↓ lower is better, ↑ higher is better", *_floors(summary)]
    if any(cell.half_width is None and cell.low is not None for row in summary.rows for cell in row.cells):
        lines.append("[low, high] a 95 % interval that is not even about its value, as that of a rate")
    if any(cell.rank for row in summary.rows for cell in row.cells):
        lines.append("# rank in the column, shared by rows that paired tests cannot separate (Holm, 5 %)")
    if any(cell.rank and cell.rank.possible for row in summary.rows for cell in row.cells):
        lines.append("  in brackets the ranks that are possible for this row, from who is shown to be better or worse")
    for row in summary.rows:
        for column, cell in zip(summary.columns, row.cells, strict=True):
            if cell.n_ok < cell.n_total:
                lines.append(f"  {row.name} {column.spec.label}: {cell.n_ok} of {cell.n_total} items ({cell.why})")
    for why, group in groupby(summary.skipped, lambda pair: pair[1]):
        names = [name for name, _ in group]
        lines += [f"  {name}: not run: {why}" for name in ([several(names)] if len(names) > MANY_ALIKE else names)]
    for why in dict.fromkeys(why for _, why in summary.omitted):
        labels = ", ".join(label for label, reason in summary.omitted if reason == why)
        lines.append(f"  {labels}: not run: {why}")
    return lines


def _floors(summary: Summary) -> Iterator[str]:
    """The noise floor of each set metric: what no set of this size can be expected to fall below."""
    for index, column in enumerate(summary.columns):
        cells = [row.cells[index] for row in summary.rows]
        if (cell := next((cell for cell in cells if cell.floor is not None), None)) is not None:
            value = f"{cell.floor:.{decimals_for([cell.floor or 0.0])}f}"
            yield f"  {column.spec.label}: noise floor {value} (real against real clips, n = {cell.floor_n})"
            above = [(row.name, row.cells[index].above) for row in summary.rows]
            places = decimals_for(gap for _, gap in above if gap is not None)
            if text := ", ".join(f"{name} {gap:+.{places}f}" for name, gap in above if gap is not None):
                yield f"    above it: {text}"
        if any(cell.small_n for cell in cells):
            yield f"  {column.spec.label}: small n, fewer items than features: compare rows of equal n only"


def cell_text(cell: Cell, decimals: int) -> str:
    """``0.012 ± 0.004`` or ``0.05 [0.02, 0.13]``, the count where items are missing, and the rank; ``n/a``."""
    if cell.mean is None:
        return "n/a"
    text = f"{cell.mean:.{decimals}f}"
    if cell.half_width is not None:
        text += f" ± {cell.half_width:.{decimals}f}"
    elif cell.low is not None and cell.high is not None:
        text += f" [{cell.low:.{decimals}f}, {cell.high:.{decimals}f}]"
    else:
        text += " ± ?"
    text = text if cell.n_ok == cell.n_total else f"{text} ({cell.n_ok}/{cell.n_total})"
    if cell.rank is None:
        return text
    return f"{text} #{cell.rank.text}" + (f" ({cell.rank.possible})" if cell.rank.possible else "")


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


def note_of(status: Status) -> str:
    """What a run's progress bar says beside its counts."""
    parts = [f"{status.failed} failed"] if status.failed else []
    if status.eta_seconds is not None:
        parts.append(f"eta {duration(status.eta_seconds)}")
    return " · ".join(parts)
