"""harness import"""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.commands.options import JSON, PLUGIN, RESULTS, SUITE, THREADS, WORKERS
from harness.project import from_project

if TYPE_CHECKING:
    from harness.importing import Report

ROLES = ("method", "ablation", "baseline", "control")


@click.command("import")
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--as", "name", required=True, metavar="NAME", help="The row that the videos become.")
@SUITE
@RESULTS
@click.option("--revision", type=click.IntRange(min=1), default=1, show_default=True, help="Of the row.")
@click.option("--summary", default="imported videos", show_default=True, help="What made them, for the board.")
@click.option("--role", type=click.Choice(ROLES), default="baseline", show_default=True)
@click.option("--family", default="imported", show_default=True, help="Rows of one family stand together.")
@click.option("--first-frames", is_flag=True, help="Of videos that are longer, take the first frames.")
@click.option("--any-rate", is_flag=True, help="Take the frames as they are, whatever a file says of its rate.")
@click.option("--metrics", default="all", show_default=True, metavar="SELECTOR", help="Which metrics to compute.")
@click.option("--only-import", is_flag=True, help="Do not measure now; `harness run` does it later.")
@click.option("--dry-run", is_flag=True, help="Say what would be imported and what refused, and stop.")
@JSON
@PLUGIN
@WORKERS
@THREADS
def command(
    source: Path,
    name: str,
    suite: str,
    results: Path,
    revision: int,
    summary: str,
    role: str,
    family: str,
    first_frames: bool,
    any_rate: bool,
    metrics: str,
    only_import: bool,
    dry_run: bool,
    as_json: bool,
    plugins: tuple[Path, ...],
    workers: int | None,
    threads: int | None,
) -> int:
    """Measure videos that something else made.

    SOURCE is a folder of mp4, webm, mkv, gif or frame folders named ITEM or ITEM-s0, or a manifest (.csv, .json) with
    the columns item, path, seed, and frames, fps, seconds where known. They are kept as lossless masters, frame by
    frame as they decode. What does not fit the suite's protocol is listed with its reason; the rest is measured.
    """
    from harness.errors import EXIT_DONE, EXIT_PARTIAL
    from harness.import_check import Rules
    from harness.imported import Record
    from harness.importing import ImportOptions, import_videos
    from harness.run import run
    from harness.terminal import JsonConsole, TextConsole, emit
    from harness.wishes import RunOptions

    record = Record(name, revision, family, role, summary, suite)
    rules, argv = Rules(first_frames, any_rate), (*sys.argv[1:], *from_project(click.get_current_context()))
    report = import_videos(ImportOptions(source, record, results, rules, plugins, argv, dry_run))
    if as_json:
        emit({"event": "import", "dry_run": dry_run, **asdict(report)})
    else:
        _say(report, dry_run)
    partial = EXIT_PARTIAL if report.refused else EXIT_DONE
    if dry_run or only_import or not (report.taken or report.known):
        return partial
    processes, cores = workers or 0, threads or 0
    wanted = RunOptions(
        name, suite, metrics, None, results, plugins=plugins, threads=cores, argv=argv, workers=processes
    )
    return run(wanted, JsonConsole() if as_json else TextConsole()) or partial


def _say(report: Report, dry_run: bool) -> None:
    for refusal in report.refused:
        click.echo(f"E-IMPORT  {refusal.name}: {refusal.why}", err=True)
    there = f", {len(report.known)} there already" if report.known else ""
    done = "would be imported" if dry_run else "imported"
    click.echo(f"{len(report.taken)} {done}{there}, {len(report.refused)} refused · {report.label}", err=True)
