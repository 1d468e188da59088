"""harness run"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from harness.commands.options import JSON, PLUGIN, RESULTS, SUITE, VARIANTS


@click.command("run")
@VARIANTS
@SUITE
@click.option("--metrics", default="all", show_default=True, metavar="SELECTOR", help="Which metrics to compute.")
@click.option("--limit", type=int, metavar="N", help="Only the first N items of the suite; results stay valid.")
@RESULTS
@click.option("--dry-run", is_flag=True, help="Show the plan and stop.")
@JSON
@click.option("--yes", is_flag=True, help="Do not ask before a long run.")
@PLUGIN
@click.option("--offload", is_flag=True, help="Less GPU memory: parts of a model wait on the CPU. Same videos, slower.")
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads per worker.  [default: cores / workers]")
def command(
    variants: str | None,
    suite: str,
    metrics: str,
    limit: int | None,
    results: Path,
    dry_run: bool,
    as_json: bool,
    yes: bool,
    plugins: tuple[Path, ...],
    offload: bool,
    threads: int | None,
) -> int:
    """Make the videos that are missing, measure them, show the table.

    Work that is done is never done again: the same command resumes an interrupted run.
    """
    from harness.run import run
    from harness.terminal import JsonConsole, TextConsole
    from harness.wishes import RunOptions

    options = RunOptions(
        variants, suite, metrics, limit, results, dry_run, yes, plugins, threads or 0, tuple(sys.argv[1:]), offload
    )
    return run(options, JsonConsole() if as_json else TextConsole())
