"""harness validate"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from harness.commands.options import JSON


@click.command("validate")
@click.argument("targets", type=click.Path(exists=True, path_type=Path), nargs=-1)
@JSON
def command(targets: tuple[Path, ...], as_json: bool) -> int:
    """Check result files before they are published.

    TARGETS are files, or folders of them.  [default: results/published]
    """
    from harness.errors import EXIT_DONE, EXIT_REFUSED, UsageError
    from harness.paths import DEFAULT_RESULTS, published
    from harness.terminal import emit
    from harness.validate import published_files, validate

    wanted = targets or (published(DEFAULT_RESULTS),)
    files = [file for target in wanted for file in published_files(target)]
    if not files:
        raise UsageError(
            "E-OPTION", f"There is no result file in {', '.join(map(str, wanted))}.", fix="harness export writes them"
        )
    reports = [validate(file) for file in files]
    for report in reports:
        if as_json:
            emit({"file": str(report.path), "ok": report.accepted, "problems": [asdict(p) for p in report.problems]})
            continue
        if not report.problems:
            click.echo(f"{report.path}   ok")
        for problem in report.problems:
            click.echo(f"{report.path}   {problem.severity:<8} {problem.pointer or '/'} {problem.message}")
    errors = sum(p.severity == "error" for report in reports for p in report.problems)
    warnings = sum(p.severity == "warning" for report in reports for p in report.problems)
    if not as_json:
        click.echo(f"{len(files)} files, {errors} errors, {warnings} warnings")
    return EXIT_REFUSED if errors else EXIT_DONE
