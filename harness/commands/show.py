"""harness show"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from harness.commands.options import JSON, PLUGIN


@click.command("show")
@click.argument("kind", type=click.Choice(["variant", "metric", "suite"]))
@click.argument("name")
@JSON
@PLUGIN
def command(kind: str, name: str, as_json: bool, plugins: tuple[Path, ...]) -> None:
    """Show one variant, metric or suite in full."""
    from harness.registry import load_plugins
    from harness.terminal import emit

    if kind == "suite":
        record = _suite(name)
    else:
        registry = load_plugins(plugins)
        bare = name.partition("@")[0]
        record = _variant(registry.variant(bare)) if kind == "variant" else _metric(registry, registry.metric(bare))
    if as_json:
        emit(record)
        return
    width = max(map(len, record))
    for field, value in record.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        click.echo(f"{field:<{width}}  {text}")


def _variant(spec: Any) -> dict[str, Any]:
    needs = spec.config.needs()
    return {
        "variant": f"{spec.name}@{spec.revision}",
        "summary": spec.summary,
        "family": spec.family,
        "role": spec.role,
        "key": spec.key,
        "source": spec.source,
        "needs": {"gpu": needs.gpu, "vram_bytes": needs.vram_bytes, "real": needs.real},
        "weights": {weight.name: weight.sha256 or "not made yet" for weight in needs.weights},
        "parameters": spec.params,
    }


def _metric(registry: Any, spec: Any) -> dict[str, Any]:
    return {
        "metric": spec.label,
        "summary": spec.summary,
        "better": spec.better,
        "unit": spec.unit,
        "of a": spec.scope,
        "needs": list(spec.needs),
        "extractor": spec.extractor,
        "beside": spec.beside,
        "parameters": dict(spec.params),
        "key": registry.metric_key(spec),
        "source": spec.source,
    }


def _suite(name: str) -> dict[str, Any]:
    from harness.suite import load_suite

    loaded = load_suite(name)
    suite = loaded.suite
    return {
        "suite": suite.label,
        "summary": suite.summary,
        "key": suite.key,
        "protocol": vars(suite.protocol),
        "seeds": list(suite.seeds),
        "reference clips": suite.reference_size,
        "reference key": loaded.reference_key,
        "items": [item.slug for item in suite.items],
    }
