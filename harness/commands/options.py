"""Options that several verbs share."""

from __future__ import annotations

from pathlib import Path

import click

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
