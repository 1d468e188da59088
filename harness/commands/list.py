"""harness list"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from harness.commands.options import JSON, PLUGIN, RESULTS

Records = list[dict[str, Any]]


@click.command("list")
@click.argument("kind", type=click.Choice(["variants", "metrics", "suites", "extractors"]))
@RESULTS
@JSON
@PLUGIN
def command(kind: str, results: Path, as_json: bool, plugins: tuple[Path, ...]) -> None:
    """List variants, metrics, suites or extractors.

    Among the variants are the rows that were imported into the results folder.
    """
    from harness.imported import load_all
    from harness.terminal import emit, print_table

    registry = load_all(results, plugins)
    listers: dict[str, Callable[[Any], Records]] = {
        "variants": _variants,
        "metrics": _metrics,
        "suites": _suites,
        "extractors": _extractors,
    }
    records = listers[kind](registry)
    if as_json:
        for record in records:
            emit(record)
    else:
        records = _folded(registry, records) if kind == "variants" else records
        print_table(list(records[0]) if records else [], ([str(v) for v in record.values()] for record in records))
    if kind != "suites":
        for broken in registry.broken:
            click.echo(f"broken: {broken.source}: {broken.reason}", err=True)


def _variants(registry: Any) -> Records:
    from harness.machine import look
    from harness.plan import skip_of
    from harness.weights import missing

    machine = look()
    records = []
    for spec in registry.variants.values():
        needs = spec.needs
        records.append(
            {
                "variant": f"{spec.name}@{spec.revision}",
                "family": spec.family,
                "role": spec.role,
                "here": skip_of(needs, machine, missing(needs.weights), has_real=True).reason or "ready",
                "summary": spec.summary,
            }
        )
    return records


def _folded(registry: Any, records: Records) -> Records:
    """The steps of one fault as one line: the glob that selects them, and what the weakest and the strongest do."""
    from itertools import groupby

    from harness.calibration import folded_name

    lines = []
    pairs = zip(registry.variants.values(), records, strict=True)
    for name, group in groupby(pairs, lambda pair: folded_name(pair[0])):
        (first, record), *others = group
        last = others[-1][0].summary.partition(": ")[2] if others else ""
        label = f"{name}@{first.revision}" if others else record["variant"]
        lines.append({**record, "variant": label, "summary": first.summary + (f" … {last}" if last else "")})
    return lines


def _metrics(registry: Any) -> Records:
    from harness.weights import missing

    records = []
    for m in registry.metrics.values():
        weights = registry.extractor(m.extractor).weights if m.extractor else m.weights
        here = "n/a (weights)" if missing(weights) else "ready"
        records.append(
            {"metric": m.label, "better": m.better, "unit": m.unit, "of a": m.scope, "here": here, "summary": m.summary}
        )
    return records


def _suites(registry: Any) -> Records:
    from harness.suite import load_suite, suite_names

    suites = [load_suite(name).suite for name in suite_names()]
    return [
        {
            "suite": s.label,
            "items": len(s.items),
            "seeds": len(s.seeds),
            "frames": s.protocol.num_frames,
            "size": f"{s.protocol.width}x{s.protocol.height}",
            "reference": s.reference_size,
            "summary": s.summary,
        }
        for s in suites
    ]


def _extractors(registry: Any) -> Records:
    from harness.weights import missing

    return [
        {"extractor": e.label, "here": "no weights" if missing(e.weights) else "ready", "summary": e.summary}
        for e in registry.extractors.values()
    ]
