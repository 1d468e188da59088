"""harness doctor"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from harness.commands.options import JSON, PLUGIN, RESULTS


@click.command("doctor")
@click.argument("variant", required=False)
@RESULTS
@JSON
@PLUGIN
def command(variant: str | None, results: Path, as_json: bool, plugins: tuple[Path, ...]) -> int:
    """Check what this machine has, and what a variant lacks here."""
    from harness.doctor import examine
    from harness.errors import EXIT_CANNOT_START, EXIT_DONE
    from harness.registry import load_plugins
    from harness.terminal import emit

    registry = load_plugins(plugins)
    findings = examine(registry, registry.variant(variant) if variant else None, results)
    for finding in findings:
        if as_json:
            emit(asdict(finding))
            continue
        remedy = f"   → {finding.remedy}" if finding.state != "ok" and finding.remedy else ""
        click.echo(f"  {finding.name:<24} {finding.state:<8} {finding.detail}{remedy}")
    lacking = sum(finding.state == "missing" for finding in findings)
    if not as_json and lacking:
        click.echo(f"{lacking} thing{'s' * (lacking != 1)} to fix before {variant or 'the harness'} can run here.")
    return EXIT_CANNOT_START if lacking else EXIT_DONE
