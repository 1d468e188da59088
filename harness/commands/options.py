"""Options that several verbs share."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click


class Place(click.Path):
    """A path, or the URL of a place that fsspec can open; a URL stays text."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """As `click.Path`, but for what has a scheme."""
        return value if "://" in str(value) else super().convert(value, param, ctx)


def duration(_context: click.Context, _parameter: click.Parameter, value: str) -> float:
    """Seconds of a time with or without a unit: 90, 90s, 30m, 8h, 2d. The callback of an option."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", value.strip())
    if found is None:
        raise click.BadParameter(f"'{value}' is no time, such as 90s, 30m or 8h.")
    return float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[found[2]]


RESULTS = click.option(
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("results"),
    show_default="./results",
    help="The results folder.",
)
PLUGIN = click.option(
    "--plugin",
    "plugins",
    type=click.Path(dir_okay=False, path_type=Path),
    multiple=True,
    help="A Python file with more variants or metrics; may be given several times.",
)
VARIANTS = click.option(
    "--variants",
    show_default="what the suite says, mostly 'all'",
    metavar="SELECTOR",
    help="'all', a name, a comma list, a glob, '-' to leave out: 'all,-control-*'.",
)
SUITE = click.option(
    "--suite",
    default="mini",
    show_default=True,
    metavar="NAME[@VERSION]",
    help="The suite, or a folder of videos or pictures.",
)
JSON = click.option("--json", "as_json", is_flag=True, help="JSON lines on stdout, nothing else.")
WORKERS = click.option(
    "--workers",
    type=click.IntRange(min=1),
    help="Processes here. One makes and measures, and takes least memory; more measure side by side, and on a CPU make "
    "videos too.  [default: one, or one per GPU, and one that measures]",
)
THREADS = click.option(
    "--threads", type=click.IntRange(min=1), help="CPU threads per worker.  [default: cores / workers]"
)
