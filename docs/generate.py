"""Write the pages that are made from the code: cli.md, errors.md and plugins.md.

python docs/generate.py
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import TypeVar

import click

from harness.calibration import folded_name
from harness.cli import VERBS, app
from harness.codes import PAGES
from harness.registry import ExtractorSpec, MetricSpec, VariantSpec, load_plugins
from harness.suite import card_path, load_suite, suite_names

DOCS = Path(__file__).resolve().parent
NOTE = "<!-- Written by `python docs/generate.py`. -->\n"
WIDTH = 110
SOURCES = ("harness", "variants", "metrics", "suites")
RAISED = re.compile(r"\b(UsageError|CannotStart|Refused|ItemError|NoSetScore)\(\s*\n?\s*\"(E-[A-Z-]+)\"")
STATUS = {
    "UsageError": "2, usage",
    "CannotStart": "4, cannot start",
    "Refused": "5, refused",
    "ItemError": "3, finished with failed items",
    "NoSetScore": "none: it is recorded in place of a number",
}
Spec = TypeVar("Spec", VariantSpec, MetricSpec, ExtractorSpec)


def pages() -> dict[str, str]:
    """The generated pages by file name."""
    return {"cli.md": _cli(), "errors.md": _errors(), "plugins.md": _plugins()}


def _cli() -> str:
    """Every verb with the help it prints."""
    parts = [NOTE, "# Command line\n", _CONVENTIONS]
    context = click.Context(app, info_name="harness", terminal_width=WIDTH, max_content_width=WIDTH)
    for name in VERBS:
        command = app.get_command(context, name)
        assert command is not None  # noqa: S101 -- VERBS is what get_command looks in
        inner = click.Context(command, context, name, terminal_width=WIDTH, max_content_width=WIDTH)
        parts.append(f"## harness {name}\n\n```text\n{_without_help(command.get_help(inner))}\n```\n")
    return "\n".join(parts)


def _without_help(text: str) -> str:
    """Every verb has it, and click remembers it in the form in which a process first asked."""
    return re.sub(r"\n\s+(-h, )?--help\s+Show this message and exit\.", "", text).removesuffix("\n\nOptions:")


_CONVENTIONS = """\
Results go to stdout and conversation to stderr; `--json` gives JSON lines and nothing else on stdout. A selector is
`all`, a name, a comma list, a glob, any of them with `-` in front to leave out, any with `@N` behind to insist on a
revision. Every verb explains itself with `--help`.

Exit codes: 0 done, 1 a bug, 2 usage, 3 finished with failed items, 4 cannot start, 5 refused, 130 interrupted and safe
to run again. `harness help CODE` explains an error code; all are in [errors.md](errors.md).
"""


def _errors() -> str:
    """A heading for every error code."""
    statuses = _statuses()
    parts = [NOTE, "# Error codes\n", "Also on the command line: `harness help CODE`.\n"]
    for code, page in sorted(PAGES.items()):
        ends = "; or ".join(STATUS[kind] for kind in STATUS if kind in statuses.get(code, ()))
        parts.append(f"## {code}\n\n{page}\n" + (f"\nExit code: {ends}.\n" if ends else ""))
    return "\n".join(parts)


def _statuses() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for folder in SOURCES:
        for path in sorted((DOCS.parent / folder).rglob("*.py")):
            for kind, code in RAISED.findall(path.read_text(encoding="utf-8")):
                found.setdefault(code, set()).add(kind)
    return found


def _plugins() -> str:
    """What the harness comes with."""
    registry = load_plugins()
    parts = [NOTE, "# What the harness comes with\n", _INTRODUCTION]
    # By family, whichever file was imported first; inside of one as its file has them.
    variants = sorted(_own(registry.variants), key=lambda v: v.family)
    parts += ["## Variants\n", _table(("variant", "family", "role", "what"), _rows(variants))]
    metrics = sorted(_own(registry.metrics), key=lambda m: (m.scope != "video", m.name))
    parts += ["## Metrics\n", _table(("metric", "better", "unit", "of a", "what"), map(_column, metrics))]
    networks = sorted(_own(registry.extractors), key=lambda e: e.name)
    parts += ["## Extractors\n", _table(("extractor", "what"), ((f"`{e.label}`", e.summary) for e in networks))]
    parts += ["## Suites\n", _table(("suite", "items", "frames", "size", "what"), map(_suite, suite_names()))]
    return "\n".join(parts)


_INTRODUCTION = """\
`harness list variants` (metrics, suites, extractors) says which of it is ready on a machine, `harness show` has one in
full. More comes through [four doors](add-a-variant.md#four-doors).
"""


def _own(table: Mapping[str, Spec]) -> list[Spec]:
    """Without what came through another door than the folders of this checkout."""
    folders = [DOCS.parent / folder for folder in ("variants", "metrics")]
    return [spec for spec in table.values() if Path(spec.source).parent in folders]


def _rows(variants: Iterable[VariantSpec]) -> Iterator[tuple[str, ...]]:
    """One row a variant; the steps of a graded fault are one."""
    for name, group in groupby(variants, folded_name):
        first, *others = group
        label = f"`{name}`" if others else f"`{first.name}@{first.revision}`"
        yield label, first.family, first.role, first.summary.partition(": ")[0] if others else first.summary


def _column(metric: MetricSpec) -> tuple[str, ...]:
    better = {"none": ""}.get(metric.better, metric.better)
    return f"`{metric.label}`", better, metric.unit, metric.scope, metric.summary


def _suite(name: str) -> tuple[str, ...]:
    suite = load_suite(name).suite
    shape = suite.protocol
    card = card_path(name)
    label = f"[`{suite.label}`](../suites/{card.parent.name}/CARD.md)" if card else f"`{suite.label}`"
    return label, str(len(suite.items)), str(shape.num_frames), f"{shape.width}x{shape.height}", suite.summary


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


if __name__ == "__main__":
    for file, text in pages().items():
        (DOCS / file).write_text(text, encoding="utf-8")
        print(f"wrote docs/{file}")
