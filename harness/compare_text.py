"""A comparison as lines of text, Markdown, LaTeX, or a record for JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from harness.compare import NOT_SEEN, Column, Comparison, Estimate
from harness.compare_pairs import LeftOut
from harness.compare_power import count_text
from harness.power import SEEDS
from harness.table_text import (
    counted,
    decimals,
    escape_markdown,
    latex,
    latex_list,
    markdown,
    number,
    p_text,
    signed,
    size_text,
    with_arrow,
)

HEADERS = ("metric", "A", "B", "B − A", "interval", "d", "n", "p", "verdict")
GAPS = "Largest item-level gaps, and their pages on the site"
GAP_HEADERS = ("metric", "item", "A", "B", "page")
MAX_NAMES = 6
EVEN = 1e-6  # of an interval's width, by which its halves may differ


def title(found: Comparison) -> str:
    """What is compared with what, and how."""
    most = max(column.n for column in found.columns)
    seeds = _averaged([column.seeds for column in found.columns if column.seeds])
    tests = counted(found.family, "metric")
    family = f"Holm-adjusted over {tests}" if found.family else "p not adjusted for several metrics"
    level = f"{100 * (1 - found.alpha):g} % intervals"
    chosen = f" with {found.where}" if found.where else ""
    paired = f"paired over {most} of {counted(found.items, 'item')}{chosen}{seeds}"
    return f"{found.suite} · {paired} · B − A · {level} · {family}"


def _averaged(seeds: Sequence[tuple[int, int]]) -> str:
    """How many seeds the items' means are over, empty where it is one."""
    low, high = min((low for low, _ in seeds), default=1), max((high for _, high in seeds), default=1)
    if high == 1:
        return ""
    return f" ({high} seeds averaged)" if low == high else f" ({low} to {high} seeds averaged)"


def names(found: Comparison) -> str:
    """Who is A and who is B."""
    return f"A {found.a}      B {found.b}"


def rows(found: Comparison) -> list[list[str]]:
    """One row a metric under `HEADERS`, and the time that a video takes."""
    made = [column_row(column) for column in found.columns]
    a, b = found.seconds
    if a is not None and b is not None:
        places = decimals((a, b))
        made.append(
            ["s/video ↓", number(a, places), number(b, places), signed(b - a, places), *[""] * 4, "cost: not tested"]
        )
    return made


def notes(found: Comparison, every: bool = False) -> Iterator[str]:
    """What has to be known to read the table: notes on columns, items lost, metrics left out.

    Of many lost items some are named; ``every`` one if asked for.
    """
    for who, seeds in found.absent.items():
        some = f"seed{'s' * (len(seeds) != 1)} {', '.join(map(str, seeds))}"
        yield f"! {some} of the suite left out: no video by {who}"
    for note in dict.fromkeys(column.note for column in found.columns if column.note):
        yield f"! {', '.join(c.metric.label for c in found.columns if c.note == note)}: {note}"
    for column in found.columns:
        if column.doubt:
            yield f"! {column.metric.label}: {column.doubt}"
        for told, which in _left_out(column.left_out):
            most = len(which) if every else MAX_NAMES
            listed = ", ".join(which[:most]) + (", …" if len(which) > most else "")
            yield f"! {column.metric.label}: {told} ({listed})"
    for reason in dict.fromkeys(found.omitted.values()):
        labels = [label for label, why in found.omitted.items() if why == reason]
        yield f"! left out: {', '.join(labels)} ({reason})"


def _left_out(left: LeftOut) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What is not compared and why, with the names."""
    for side, lost in zip("AB", left.one, strict=True):
        for reason, items in lost.items():
            yield f"{counted(len(items), 'item')} only the other has, {side}: {reason}", items
    for reason, items in left.both.items():
        yield f"{counted(len(items), 'item')} that neither has, {reason}", items
    if left.apart:
        yield f"{counted(len(left.apart), 'item')} with no seed that both have a value for", left.apart
    for reason, videos in left.videos.items():
        yield f"{counted(len(videos), 'pair')} of videos left out of an item's mean, {reason}", videos


def gap_rows(found: Comparison) -> list[list[str]]:
    """The item on which the sides are furthest apart, for every metric."""
    made = []
    for column in found.columns:
        for gap in column.gaps[:1]:
            places = max(decimals((gap.a, gap.b)), decimals((gap.b - gap.a,), 2))
            page = item_page(found.suite, gap.item)
            label = column.metric.label
            made.append([label, gap.item, f"A {number(gap.a, places)}", f"B {number(gap.b, places)}", page])
    return made


def power_rows(found: Comparison) -> tuple[list[str], list[list[str]]]:
    """Items that find a difference of the wanted share of A's mean, by the number of seeds averaged."""
    made = []
    for column in found.columns:
        if column.needed and found.power_percent is not None:
            wanted = abs(column.a.value) * found.power_percent / 100
            by_seeds = {need.seeds: count_text(need.items) for need in column.needed}
            cells = [by_seeds.get(seeds, "?") for seeds in SEEDS]
            made.append([_label(column), number(wanted, decimals((wanted,))), *cells])
    return ["metric", "difference", *(counted(seeds, "seed") for seeds in SEEDS)], made


def item_page(suite: str, item: str) -> str:
    """Where the site shows an item, relative to the site's folder."""
    return f"items/{suite.replace('@', '-')}/{item}.html"


def as_markdown(found: Comparison) -> str:
    """For a pull request."""
    parts = [escape_markdown(title(found)), f"A is {found.a}, B is {found.b}.", markdown(HEADERS, rows(found))]
    parts += ["\n".join(f"- {escape_markdown(note.removeprefix('! '))}" for note in notes(found))]
    if gaps := gap_rows(found):
        parts += [
            GAPS,
            markdown(GAP_HEADERS, [[m, i, a.removeprefix("A "), b.removeprefix("B "), p] for m, i, a, b, p in gaps]),
        ]
    if found.power_percent is not None:
        parts += [power_title(found), markdown(*power_rows(found))]
    return "\n\n".join(part for part in parts if part)


def as_latex(found: Comparison) -> str:
    """For a paper: the table, and what has to be known to read it."""
    table = latex(HEADERS, rows(found), f"{title(found)}. A is {found.a}, B is {found.b}.")
    told = latex_list(note.removeprefix("! ") for note in notes(found))
    return "\n\n".join(part for part in (table, told) if part)


def power_title(found: Comparison) -> str:
    """What the table of needed items answers."""
    return (
        f"Items that find a difference of {found.power_percent:g} % of A's mean with probability 0.8 "
        f"at level {found.alpha:g} (one test), by seeds averaged; ? where one seed cannot tell"
    )


def as_record(found: Comparison) -> dict[str, Any]:
    """For ``--json``."""
    columns = [_column_record(column) for column in found.columns]
    return {**asdict(found), "seconds": dict(zip("ab", found.seconds, strict=True)), "columns": columns}


def _column_record(column: Column) -> dict[str, Any]:
    record: dict[str, Any] = asdict(column)
    metric: Mapping[str, Any] = record.pop("metric")
    kept = {name: metric[name] for name in ("better", "scope", "unit")}
    left = record.pop("left_out")
    lost = dict(zip("ab", left.pop("one"), strict=True))
    return {"metric": column.metric.label, **kept, **record, "lost": lost, "left_out": left}


def column_row(column: Column) -> list[str]:
    """One metric under `HEADERS`."""
    test = column.test
    places = decimals((column.a.value, column.b.value))
    fine = max(places, decimals((test.difference, *(v for v in (test.low, test.high) if v is not None)), 2))
    interval = "–"
    if test.low is not None and test.high is not None:
        interval = f"[{signed(test.low, fine)}, {signed(test.high, fine)}]"
    return [
        _label(column),
        _side(column.a, places),
        _side(column.b, places),
        signed(test.difference, fine),
        interval,
        size_text(column.effect),
        str(column.n),
        p_text(test.p_adjusted),
        _verdict(column, fine),
    ]


def _label(column: Column) -> str:
    kind = " (set)" if column.metric.scope == "set" else ""
    return f"{with_arrow(column.metric.label, column.metric.better)}{kind}"


def _side(side: Estimate, places: int) -> str:
    if side.low is None or side.high is None:
        return number(side.value, places)
    below, above = side.value - side.low, side.high - side.value
    if abs(above - below) > EVEN * (above + below):
        return f"{number(side.value, places)} [{number(side.low, places)}, {number(side.high, places)}]"
    return f"{number(side.value, places)} ± {number(above, places)}"


def _verdict(column: Column, places: int) -> str:
    seen = column.test.detectable
    if column.verdict != NOT_SEEN or seen is None:
        return column.verdict
    return f"{NOT_SEEN} (could see ≥ {number(seen, places)})"
