"""What each part buys, as tables of text, Markdown, LaTeX, or a record for JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from textwrap import fill
from typing import Any

from harness.ablation import Ablation, Answer, Finding
from harness.submission import PublishedMetric
from harness.table_text import (
    ARROWS,
    decimals,
    escape_markdown,
    latex,
    latex_list,
    markdown,
    number,
    p_text,
    signed,
    size_text,
)

Table = tuple[str, list[str], list[list[str]]]  # heading, column names, rows
NARROW = 34  # characters of an effect's name where the table must be narrow


def title(found: Ablation) -> str:
    """What is analysed, and how."""
    correction = "Holm-adjusted over the effects on one metric" if found.adjusted else "p not adjusted"
    return (
        f"{found.suite} · {found.family} · what each part buys · paired by item · "
        f"{100 * (1 - found.alpha):g} % intervals · {correction}"
    )


def tables(found: Ablation, every: bool = False, brk: str = " ") -> Iterator[Table]:
    """One page: the effects on the headline metrics. ``every`` adds each metric with intervals and p, and over time.

    ``brk`` stands between a number and its half-width: a line break keeps a terminal's table narrow.
    """
    yield _overview(found, brk)
    if not every:
        return
    for metric in found.metrics():
        yield _detail(found, metric)
    for metric in found.metrics():
        if any(finding.windows for finding in found.of(metric)):
            yield _over_time(found, metric, brk)


def notes(found: Ablation, every: bool = False) -> Iterator[str]:
    """What has to be known to read the tables."""
    yield f"* adjusted p ≤ {found.alpha:g} · ± half-width of the interval · ↓ lower is better, ↑ higher is better"
    yield "Rows: " + "; ".join(f"{label} ({_levels(levels)})" for label, levels in found.rows.items())
    yield "An interaction is how much the first part's effect changes when the second is there."
    if every:
        yield "d is the difference in standard deviations of the items' differences."
    elif len(_headline(found)) < len(found.metrics()):
        yield f"All {len(found.metrics())} metrics, p values, and effects over time: --all"
    else:
        yield "Intervals, p values, and effects over time: --all"
    if any(metric.scope == "set" for metric in found.metrics()):
        yield "Set metrics: intervals and p from a jackknife that deletes an item from all rows at once."
    if found.absent:
        absent = ", ".join(found.absent)
        yield f"! without results on {found.suite}, so that effects that need them are left out: {absent}"


def as_markdown(found: Ablation, every: bool = False) -> str:
    """For a pull request or a page."""
    parts = [f"## {escape_markdown(title(found))}"]
    parts += [
        f"### {escape_markdown(heading)}\n\n{markdown(headers, rows)}"
        for heading, headers, rows in tables(found, every)
    ]
    return "\n\n".join([*parts, "\n".join(f"- {escape_markdown(note)}" for note in notes(found, every))])


def as_latex(found: Ablation, every: bool = False) -> str:
    """For a paper: one ``table`` for each table, and what has to be known to read them."""
    made = [latex(headers, rows, f"{heading} ({title(found)})") for heading, headers, rows in tables(found, every)]
    return "\n\n".join([*made, latex_list(notes(found, every))])


def as_record(found: Ablation) -> dict[str, Any]:
    """For ``--json``: every number, unrounded."""
    findings = [
        {
            "metric": finding.metric.label,
            "better": finding.metric.better,
            "kind": finding.effect.kind,
            "effect": finding.effect.name,
            "weights": dict(finding.effect.weights),
            **asdict(finding.answer),
            "verdict": finding.verdict,
            "windows": [None if window is None else asdict(window) for window in finding.windows],
        }
        for finding in found.findings
    ]
    head = {name: getattr(found, name) for name in ("suite", "family", "alpha", "adjusted", "absent")}
    return {**head, "rows": {label: dict(levels) for label, levels in found.rows.items()}, "findings": findings}


def _headline(found: Ablation) -> list[PublishedMetric]:
    """The metrics of the first page: the headline ones, all where none is."""
    metrics = found.metrics()
    return [metric for metric in metrics if metric.headline] or metrics


def _overview(found: Ablation, brk: str) -> Table:
    metrics = _headline(found)
    cells = {(f.effect.kind, f.effect.name, f.metric.label): f for f in found.findings}
    places = {metric.label: _places([f.answer for f in found.of(metric)]) for metric in metrics}
    rows = []
    for effect in found.effects:
        name = _kind(effect.kind) + effect.name
        line = [fill(name, NARROW, break_long_words=False) if brk == "\n" else name]
        for metric in metrics:
            finding = cells.get((effect.kind, effect.name, metric.label))
            line.append("–" if finding is None else _short(finding.answer, places[metric.label], found.alpha, brk))
        rows.append(line)
    return "What each part buys", ["effect", *(_label(metric, brk) for metric in metrics)], rows


def _detail(found: Ablation, metric: PublishedMetric) -> Table:
    findings = found.of(metric)
    places = _places([finding.answer for finding in findings])
    rows = [_detail_row(finding, places) for finding in findings]
    return _label(metric), ["effect", "difference", "interval", "d", "n", "p", "verdict"], rows


def _detail_row(finding: Finding, places: int) -> list[str]:
    answer = finding.answer
    places = _fine(answer, places)
    verdict = finding.verdict
    if verdict == "no effect seen" and answer.detectable:
        verdict += f" (one test could see ≥ {number(answer.detectable, places)})"
    interval = "–"
    if answer.low is not None and answer.high is not None:
        interval = f"[{signed(answer.low, places)}, {signed(answer.high, places)}]"
    name = _kind(finding.effect.kind) + finding.effect.name
    value = signed(answer.value, places)
    return [name, value, interval, size_text(answer.size), str(answer.n), p_text(answer.p_adjusted), verdict]


def _over_time(found: Ablation, metric: PublishedMetric, brk: str) -> Table:
    findings = [finding for finding in found.of(metric) if finding.windows]
    places = _places([window for finding in findings for window in finding.windows])
    rows = [
        [_kind(f.effect.kind) + f.effect.name, *(_window(window, places, found.alpha, brk) for window in f.windows)]
        for f in findings
    ]
    count = max(len(finding.windows) for finding in findings)
    family = ", p adjusted over effects and eighths" if found.adjusted else ""
    what = f" ({metric.over_time})" if metric.profile else ""
    heading = f"{_label(metric)} over time{what}, by eighth of the clip{family}"
    return heading, ["effect", *map(str, range(1, count + 1))], rows


def _window(window: Answer | None, places: int, alpha: float, brk: str) -> str:
    return "–" if window is None else _short(window, places, alpha, brk)


def _short(answer: Answer, places: int, alpha: float, brk: str) -> str:
    """``+0.12 ± 0.03 *``, the star right behind the number where the half-width has its own line."""
    places, half, star = _fine(answer, places), "", _star(answer, alpha)
    if answer.low is not None and answer.high is not None:
        half = f"{brk}± {number((answer.high - answer.low) / 2, places)}"
    value = signed(answer.value, places)
    return value + star + half if brk == "\n" else value + half + star


def _star(answer: Answer, alpha: float) -> str:
    return " *" if answer.p_adjusted is not None and answer.p_adjusted <= alpha else ""


def _places(answers: Sequence[Answer | None]) -> int:
    return decimals((a.value for a in answers if a is not None), 3)


def _fine(answer: Answer, places: int) -> int:
    """More decimals for an effect that would vanish among those of its table: one that is found is never shown as 0."""
    return max(places, decimals([answer.value], 1)) if answer.value and answer.p_adjusted is not None else places


def _label(metric: PublishedMetric, brk: str = " ") -> str:
    signs = f"{ARROWS[metric.better]}{' (set)' if metric.scope == 'set' else ''}".strip()
    return f"{metric.label}{brk}{signs}" if signs else metric.label


def _kind(kind: str) -> str:
    return {"main": "main effect, ", "interaction": "interaction, ", "contrast": ""}[kind]


def _levels(levels: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {level}" for name, level in levels.items())
