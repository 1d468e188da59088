"""harness run"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.commands.options import JSON, PLUGIN, RESULTS, SUITE, THREADS, VARIANTS, WORKERS, duration
from harness.errors import UsageError
from harness.project import from_project

if TYPE_CHECKING:
    from harness.run import EngineFactory
    from harness.wishes import RunOptions


@click.command("run")
@VARIANTS
@SUITE
@click.option("--metrics", default="all", show_default=True, metavar="SELECTOR", help="Which metrics to compute.")
@click.option("--limit", type=int, metavar="N", help="Only the first N items of the suite; results stay valid.")
@RESULTS
@click.option("--dry-run", is_flag=True, help="Show the plan and stop.")
@JSON
@click.option("--yes", is_flag=True, help="Do not ask before a long run.")
@click.option(
    "--confirm-above",
    callback=duration,
    default="1h",
    show_default=True,
    metavar="TIME",
    help="Ask before a run that takes longer by estimate: 90s, 30m, 8h.",
)
@PLUGIN
@click.option("--offload", is_flag=True, help="Less GPU memory: parts of a model wait on the CPU. Same videos, slower.")
@click.option("--artefacts", default="", metavar="URL", help="Keep masters and features there too: s3://bucket/folder.")
@click.option("--engine", type=click.Choice(["local", "slurm", "ray"]), default="local", show_default=True)
@click.option(
    "--slurm",
    default="",
    metavar="NAME=VALUE,...",
    help="For the slurm engine: partition=gpu,gpus_per_node=1,timeout_min=240,jobs=32; cluster=local for this machine.",
)
@click.option("--ray", default="", metavar="NAME=VALUE,...", help="For the ray engine: address=auto,num_gpus=1,jobs=8.")
@click.option("--strict", is_flag=True, help="Do not start when a row or column would be skipped.")
@click.option(
    "--redo",
    multiple=True,
    metavar="VARIANT[:ITEM]",
    help="Make these videos again beside the first, and say whether they are bitwise equal. May be repeated.",
)
@click.option(
    "--accept-source",
    "accept_sources",
    multiple=True,
    metavar="VARIANT@REVISION",
    help="The plugin's file changed and the change alters no frame: its videos are reused without a word.",
)
@click.option("--max-failures", metavar="N[%]", help="Stop at N failures, or at a share of the work.  [default: never]")
@click.option(
    "--task-timeout",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Give up a task that takes longer; 0 for no limit.  [default: 20 times what its kind took, 30 min or more]",
)
@click.option(
    "--replicate",
    type=click.IntRange(min=1),
    metavar="N",
    help="Instead: make N rows of each published file again, compare, and write RESULTS/replications.",
)
@WORKERS
@THREADS
def command(
    variants: str | None,
    suite: str,
    metrics: str,
    limit: int | None,
    results: Path,
    dry_run: bool,
    as_json: bool,
    yes: bool,
    confirm_above: float,
    plugins: tuple[Path, ...],
    offload: bool,
    artefacts: str,
    engine: str,
    slurm: str,
    ray: str,
    strict: bool,
    redo: tuple[str, ...],
    accept_sources: tuple[str, ...],
    max_failures: str | None,
    task_timeout: float | None,
    replicate: int | None,
    workers: int | None,
    threads: int | None,
) -> int:
    """Make the videos that are missing, measure them, show the table.

    Work that is done is never done again: the same command resumes an interrupted run.
    """
    from harness.run import run
    from harness.terminal import JsonConsole, TextConsole
    from harness.wishes import RunOptions

    factory, gpus_elsewhere = _engine(engine, slurm, ray)
    if workers and engine != "local":
        raise UsageError("E-OPTION", "--workers is for the local engine.", fix=f"--{engine} jobs={workers}")
    options = RunOptions(
        variants,
        suite,
        metrics,
        limit,
        results,
        dry_run,
        yes,
        plugins,
        threads or 0,
        (*sys.argv[1:], *from_project(click.get_current_context())),
        offload,
        strict,
        math.inf if task_timeout == 0 else task_timeout,
        max_failures,
        redo,
        artefacts,
        workers=workers or 0,
        gpus_elsewhere=gpus_elsewhere,
        confirm_above=confirm_above,
        accept_sources=accept_sources,
    )
    if replicate is not None:
        return _replicate(options, replicate, as_json)
    return run(options, JsonConsole() if as_json else TextConsole(), factory)


def _engine(name: str, slurm: str, ray: str) -> tuple[EngineFactory, bool]:
    """What starts the workers, and whether GPUs are to be looked for on a cluster's nodes instead of here."""
    from functools import partial

    from harness.engines.local import LocalEngine
    from harness.engines.ray import ray_engine, ray_settings
    from harness.engines.slurm import slurm_engine, slurm_settings

    for option, text in (("slurm", slurm), ("ray", ray)):
        if text and name != option:
            raise UsageError("E-OPTION", f"--{option} is for the {option} engine.", fix=f"--engine {option}")
    if name == "slurm":
        jobs = slurm_settings(slurm)
        return partial(slurm_engine, how=jobs), "gpus_per_node" in jobs.parameters
    if name == "ray":
        jobs = ray_settings(ray)
        return partial(ray_engine, how=jobs), "num_gpus" in jobs.parameters
    return LocalEngine, False


def _replicate(options: RunOptions, count: int, as_json: bool) -> int:
    from harness.errors import EXIT_DONE, EXIT_REFUSED
    from harness.replicate import replicate
    from harness.terminal import emit

    found = replicate(options, count, lambda text: click.echo(text, err=True))
    for path, record in found:
        same = sum(row.same for row in record.rows)
        bitwise = sum(row.bitwise for row in record.rows)
        if as_json:
            counts = {"rows": len(record.rows), "same": same, "bitwise": bitwise}
            emit({"variant": record.variant, "file": str(path), **counts})
        else:
            click.echo(
                f"{record.variant}: {same} of {len(record.rows)} rows the same, {bitwise} bitwise   wrote {path}"
            )
    return EXIT_DONE if all(row.same for _, record in found for row in record.rows) else EXIT_REFUSED
