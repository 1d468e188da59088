"""harness validate"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.commands.options import JSON

if TYPE_CHECKING:
    from harness.acceptance import Verdict
    from harness.laws import Finding

SHOWN = 3  # clips of one message before the rest is counted


@click.command("validate")
@click.argument("targets", type=click.Path(exists=True, path_type=Path), nargs=-1)
@click.option(
    "--suite", default="mini", show_default=True, metavar="NAME", help="What a plugin's variants are tried on."
)
@click.option(
    "--base",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIRECTORY",
    help="The results/published of another checkout: what differs from it must come from a new run.",
)
@click.option("--rules", is_flag=True, help="List the rules that result files are put to, and stop.")
@JSON
def command(targets: tuple[Path, ...], suite: str, base: Path | None, rules: bool, as_json: bool) -> int:
    """Check result files, plugins or suites before they are shared.

    TARGETS are result files or folders of them, Python files with variants or metrics, or folders with a suite.toml.
    Exit status: 5 where something is refused, 4 where a plugin could not be tried here.  [default: results/published]
    """
    from harness.errors import EXIT_CANNOT_START, EXIT_DONE, EXIT_REFUSED
    from harness.paths import DEFAULT_RESULTS, published
    from harness.suite import FILE

    if rules:
        _rules(as_json)
        return EXIT_DONE
    wanted = targets or (published(DEFAULT_RESULTS),)
    plugins = [target for target in wanted if target.suffix == ".py"]
    suites = [target for target in wanted if (target / FILE).is_file()]
    results = tuple(target for target in wanted if target not in (*plugins, *suites))
    tried = [_plugin(path, suite, as_json) for path in plugins]
    broken = sum(laws for laws, _ in tried) + sum(_suite(path, as_json) for path in suites)
    if results:
        broken += _results(results, base, as_json)
    if broken:
        return EXIT_REFUSED
    return EXIT_CANNOT_START if any(skipped for _, skipped in tried) else EXIT_DONE


def _rules(as_json: bool) -> None:
    """One rule a line."""
    from harness.terminal import emit, print_table
    from harness.validate_rules import demands

    if as_json:
        for name, severity, demand in demands():
            emit({"rule": name, "severity": severity, "demand": demand})
    else:
        print_table(["rule", "a breach is", "demands"], [list(row) for row in demands()])


def _results(targets: tuple[Path, ...], base: Path | None, as_json: bool) -> int:
    """The number of errors in result files."""
    from harness.errors import UsageError
    from harness.replication import level_of
    from harness.table_text import counted
    from harness.terminal import emit
    from harness.validate import published_files
    from harness.validate_together import validate_all

    files = [file for target in targets for file in published_files(target)]
    if not files:
        where = ", ".join(map(str, targets))
        raise UsageError("E-OPTION", f"There is no result file in {where}.", fix="harness export writes them")
    reports = validate_all(files, base)
    for report in reports:
        level = level_of(report.path, report.submission) if report.accepted and report.submission else ""
        if as_json:
            record = {"file": str(report.path), "ok": report.accepted, "level": level}
            emit({**record, "problems": [asdict(p) for p in report.problems]})
            continue
        if level:
            click.echo(f"{report.path}   ok       {level}")
        elif not report.problems:
            click.echo(f"{report.path}   ok")
        for problem in report.problems:
            click.echo(
                f"{report.path}   {problem.severity:<8} {problem.rule:<12} {problem.pointer or '/'} {problem.message}"
            )
    errors = sum(p.severity == "error" for report in reports for p in report.problems)
    warnings = sum(p.severity == "warning" for report in reports for p in report.problems)
    if not as_json:
        told = ((len(files), "file"), (errors, "error"), (warnings, "warning"))
        click.echo(", ".join(counted(count, noun) for count, noun in told))
    return errors


def _plugin(path: Path, suite: str, as_json: bool) -> tuple[int, int]:
    """How many laws the plugins of a file break, and how many of the plugins could not be tried."""
    from harness.acceptance import examine_plugin
    from harness.terminal import emit

    verdicts = examine_plugin(path, suite)
    for verdict in verdicts:
        if as_json:
            emit({"file": str(path), **asdict(verdict), "ok": not verdict.findings and not verdict.skipped})
        else:
            click.echo("\n".join(_told(verdict)))
    broken = {(verdict.label, finding.law) for verdict in verdicts for finding in verdict.findings}
    return len(broken), sum(bool(verdict.skipped) for verdict in verdicts)


def _told(verdict: Verdict) -> Iterator[str]:
    from harness.law_text import KINDS

    yield str(verdict)
    if verdict.skipped:
        yield f"  not tried   {verdict.skipped}"
    if verdict.remedy:
        yield f"              {verdict.remedy}"
    for law in verdict.kept:
        yield f"  kept    {law:<11} {KINDS[verdict.kind][law].demand}"
    for law in dict.fromkeys(finding.law for finding in verdict.findings):
        yield f"  BROKEN  {law:<11} {KINDS[verdict.kind][law].demand}"
        yield from _breaches([found for found in verdict.findings if found.law == law], KINDS[verdict.kind][law].hint)
    for law, why in verdict.untried.items():
        yield f"  -       {law:<11} not tried: {why}"


def _breaches(findings: Sequence[Finding], usual: str) -> Iterator[str]:
    """What was found, each message once with the clips that it holds for, and what to look at."""
    places: dict[str, list[str]] = {}
    for found in findings:
        places.setdefault(found.message, []).append(found.specimen)
    for message, names in places.items():
        shown = ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
        told = f"{shown}: {message}" if shown else message
        yield "            " + told.replace("\n", "\n            ")
    for hint in dict.fromkeys(found.hint or usual for found in findings):
        yield f"            look at   {hint}"


def _suite(folder: Path, as_json: bool) -> int:
    """1 if a suite's content is not what its digests say, whose first problem is told."""
    from harness.errors import Refused
    from harness.suite import load_suite
    from harness.terminal import emit

    label, problem = str(folder), ""
    try:
        loaded = load_suite(str(folder))
        label = f"{loaded.suite.label} in {folder}"
        for item in loaded.suite.items:
            loaded.image(item)
        for _ in loaded.reference():
            pass
    except Refused as refusal:
        problem = str(refusal)
    if as_json:
        emit({"suite": str(folder), "ok": not problem, "problem": problem})
    else:
        click.echo(f"{label}   {problem or 'ok'}")
    return int(bool(problem))
