"""harness show"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from harness.commands.options import JSON, PLUGIN, RESULTS


@click.command("show")
@click.argument("kind", type=click.Choice(["variant", "metric", "suite", "calibration", "config"]))
@click.argument("name", required=False)
@RESULTS
@click.option("--markdown", is_flag=True, help="Markdown on stdout, for a calibration.")
@JSON
@PLUGIN
def command(
    kind: str, name: str | None, results: Path, markdown: bool, as_json: bool, plugins: tuple[Path, ...]
) -> None:
    """Show one variant, metric or suite in full, what each metric sees, or what harness.toml says.

    A calibration is that of the results folder, or the published one; its name is the suite's.  [default: calibration]
    The name of a config is a command: all its options, with where each value comes from.  [default: what is set]
    """
    from harness.errors import UsageError
    from harness.imported import load_all
    from harness.terminal import emit

    if kind == "config":
        _config(name, as_json)
        return
    if kind == "calibration":
        _calibration(name or "calibration", results, plugins, markdown, as_json)
        return
    if name is None or markdown:
        what = "--markdown is for a calibration." if name else f"Which {kind}?"
        raise UsageError("E-OPTION", what, fix=f"harness list {kind}s, then harness show {kind} NAME")
    if kind == "suite":
        record = _suite(name)
    else:
        registry = load_all(results, plugins)
        bare = name.partition("@")[0]
        found = registry.variant(bare) if kind == "variant" else registry.metric(bare)
        record = _variant(registry, found) if kind == "variant" else _metric(registry, found)
    if as_json:
        emit(record)
        return
    width = max(map(len, record))
    for field, value in record.items():
        if field == "items":
            _echo_items(value)
            continue
        if field == "differs" or (field == "parameters" and "differs" in record):
            continue  # of a variant that derives from another, what differs is what there is to see
        if field == "parent":
            _echo_parent(record, width)
            continue
        text = value if isinstance(value, str) else _json(value)
        click.echo(f"{field:<{width}}  {text}")


def _echo_parent(record: dict[str, Any], width: int) -> None:
    """What a variant has otherwise than the one it derives from: `steps 24 ← 50 in exvideo@1`."""
    parent, differs = record["parent"], record["differs"]
    lines = [f"{name}  {_json(own)} ← {_json(other)} in {parent}" for name, (own, other) in differs.items()]
    rest = len(record["parameters"]) - len(differs)
    if rest or not lines:
        lines.append(f"{rest} {'others ' if lines else ''}as in {parent}: harness show variant {parent}")
    for index, line in enumerate(lines):
        click.echo(f"{'' if index else 'parameters':<{width}}  {line}")


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _echo_items(items: list[dict[str, Any]]) -> None:
    width = max(len(item["item"]) for item in items)
    click.echo(f"items, with motion bucket, tags and prompt: {len(items)}")
    for item in items:
        tags = ", ".join(item["tags"])
        click.echo(f"  {item['item']:<{width}}  {item['motion bucket']:>3}  [{tags}]  {item['prompt']}")


def _calibration(suite: str, results: Path, plugins: tuple[Path, ...], markdown: bool, as_json: bool) -> None:
    from harness.calibration import analyse, as_records
    from harness.calibration_data import load
    from harness.calibration_text import as_markdown
    from harness.errors import Refused
    from harness.terminal import emit, print_calibration

    found = analyse(load(suite, results, plugins))
    if found is None:
        raise Refused(
            "E-RESULT",
            f"The calibration on {suite} lacks the clip without fault, or any fault.",
            where=str(results),
            fix=f"harness run --suite {suite}",
        )
    if as_json:
        for record in as_records(found):
            emit(record)
    elif markdown:
        click.echo(as_markdown(found))
    else:
        print_calibration(found)


def _variant(registry: Any, spec: Any) -> dict[str, Any]:
    """``differs`` has what each changed parameter is here and in the parent, None where it has no such parameter."""
    needs, parent = spec.needs, registry.parent(spec)
    record = {
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
    if parent is None:
        return record
    differs = {name: [own, parent.params.get(name)] for name, own in spec.params.items()}
    differs = {name: pair for name, pair in differs.items() if pair[0] != pair[1] or name not in parent.params}
    return {**record, "parent": f"{parent.name}@{parent.revision}", "differs": differs}


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
    from harness.suite import card_path, load_suite

    loaded = load_suite(name)
    suite, card = loaded.suite, card_path(loaded.suite.name)
    items = [
        {"item": item.slug, "motion bucket": item.motion_bucket, "tags": list(item.tags), "prompt": item.prompt}
        for item in suite.items
    ]
    return {
        "suite": suite.label,
        "summary": suite.summary,
        "key": suite.key,
        "protocol": vars(suite.protocol),
        "seeds": list(suite.seeds),
        "reference clips": suite.reference_size,
        "reference key": loaded.reference_key,
        "variants": loaded.variants,
        "sources, licences, limits": str(card) if card else "",
        "items": items,
    }


def _config(name: str | None, as_json: bool) -> None:
    """The options of one command, or those of all that ``harness.toml`` sets, with where each value comes from."""
    from harness.cli import VERBS, app
    from harness.errors import unknown_name
    from harness.project import PROJECT, defaults, flags, read_project
    from harness.terminal import emit

    if name is not None and name not in VERBS:
        raise unknown_name("command", name, VERBS)
    project = read_project(Path(PROJECT))
    rows = []
    for verb in [name] if name else VERBS:
        command = app.get_command(click.Context(app), verb) or app
        given, plain = defaults(project, verb, command), click.Context(command)
        for param in command.params:
            if (told := param.name in given) or name:
                value, source = (
                    (given[str(param.name)], PROJECT) if told else (_plain(param.get_default(plain)), "default")
                )
                rows += [
                    {"command": verb, "option": f"--{f}", "value": value, "source": source} for f in flags(param)[:1]
                ]
    if as_json:
        emit({"file": str(project.path.absolute()), "plugins": list(project.plugins), "options": rows})
        return
    for pattern in project.plugins:
        click.echo(f"plugins  {pattern}  {PROJECT}")
    for row in rows:
        click.echo(f"harness {row['command']}  {row['option']}={row['value']}  {row['source']}")
    if not rows and not project.plugins:
        click.echo(f"no {PROJECT} here" if not project.path.is_file() else f"{PROJECT} sets nothing", err=True)


def _plain(value: object) -> object:
    """A default as text or a number; None where there is none, for which click has an object of its own."""
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, Path) else value if isinstance(value, str | int | float) else None
