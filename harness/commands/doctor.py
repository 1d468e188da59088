"""harness doctor"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.commands.options import JSON, PLUGIN, RESULTS

if TYPE_CHECKING:
    from harness.registry import Registry


@click.command("doctor")
@click.argument("names", metavar="[VARIANT | --fetch [NAME]...]", nargs=-1)
@click.option("--weights", "list_weights", is_flag=True, help="List every weight file with source, sha256 and state.")
@click.option("--fetch", "fetch_weights", is_flag=True, help="Download weights: of the names given, or all missing.")
@RESULTS
@JSON
@PLUGIN
def command(
    names: tuple[str, ...],
    list_weights: bool,
    fetch_weights: bool,
    results: Path,
    as_json: bool,
    plugins: tuple[Path, ...],
) -> int:
    """Check what this machine has, and what a variant lacks here.

    Only --fetch uses the network. Its names are those of weight files or of what uses them.
    """
    from harness.errors import UsageError
    from harness.registry import load_plugins

    if len(names) > 1 and not fetch_weights:
        raise UsageError("E-OPTION", "doctor looks at one variant at a time.", fix=f"harness doctor {names[0]}")
    registry = load_plugins(plugins)
    if fetch_weights:
        return _fetch(registry, names, as_json)
    if list_weights:
        return _list(registry, as_json)
    return _examine(registry, names[0] if names else None, results, as_json)


def _examine(registry: Registry, variant: str | None, results: Path, as_json: bool) -> int:
    from harness.doctor import examine
    from harness.errors import EXIT_CANNOT_START, EXIT_DONE
    from harness.terminal import emit

    findings = examine(registry, registry.variant(variant) if variant else None, results)
    for finding in findings:
        if as_json:
            emit(asdict(finding))
            continue
        remedy = f"   → {finding.remedy}" if finding.state != "ok" and finding.remedy else ""
        click.echo(f"  {finding.name:<26} {finding.state:<8} {finding.detail}{remedy}")
    lacking = sum(finding.state == "missing" for finding in findings)
    if not as_json and lacking:
        click.echo(f"{lacking} thing{'s' * (lacking != 1)} to fix before {variant or 'the harness'} can run here.")
    return EXIT_CANNOT_START if lacking else EXIT_DONE


def _list(registry: Registry, as_json: bool) -> int:
    from harness.errors import EXIT_CANNOT_START, EXIT_DONE
    from harness.terminal import emit
    from harness.terminal_text import size
    from harness.weights_report import report

    reports = report(registry)
    for weight in reports:
        if as_json:
            emit(asdict(weight))
            continue
        click.echo(f"  {weight.name:<24} {weight.state:<8} {size(weight.size) if weight.size else '?'}")
        lines = (
            ("sha256", weight.sha256),
            ("source", weight.source),
            ("licence", weight.licence),
            ("used by", ", ".join(weight.used_by)),
            ("file", weight.place),
            ("get it", weight.remedy),
        )
        for label, text in lines:
            if text:
                click.echo(f"    {label:<8} {text}")
    return EXIT_CANNOT_START if any(weight.state == "wrong" for weight in reports) else EXIT_DONE


def _fetch(registry: Registry, names: tuple[str, ...], as_json: bool) -> int:
    from harness.errors import EXIT_CANNOT_START, EXIT_DONE, CannotStart
    from harness.terminal import emit
    from harness.terminal_text import size
    from harness.weights_fetch import describe, fetch
    from harness.weights_report import choose

    wanted = choose(registry, names)
    failed = 0
    for weight in wanted:
        if not as_json:
            click.echo(f"{weight.name}  {describe(weight.source)}", err=True)
        try:
            path = fetch(weight)
        except CannotStart as error:
            failed += 1
            if as_json:
                emit(
                    {"name": weight.name, "state": "failed", "code": error.code, "message": f"{error.what} {error.why}"}
                )
            else:
                click.echo(str(error), err=True)
            continue
        if as_json:
            emit({"name": weight.name, "state": "ok", "path": str(path), "bytes": path.stat().st_size})
        else:
            click.echo(f"  {weight.name:<24} ok       {size(path.stat().st_size):>8}  {path}")
    if not wanted and not as_json:
        click.echo("nothing to fetch: every weight file with a known source is here", err=True)
    return EXIT_CANNOT_START if failed else EXIT_DONE
