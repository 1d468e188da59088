"""harness power"""

from __future__ import annotations

import math
from pathlib import Path

import click

from harness.commands.options import JSON, PLUGIN, RESULTS, SUITE

PERCENT = 10.0


@click.command("power")
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@SUITE
@RESULTS
@click.option(
    "--percent",
    type=click.FloatRange(0, min_open=True),
    show_default=f"{PERCENT:g}, where no --difference is given",
    help="The difference to find, as a share of A's mean.",
)
@click.option(
    "--difference",
    "differences",
    multiple=True,
    metavar="METRIC=NUMBER",
    help="The difference to find in one metric, in its unit; may be given several times.",
)
@click.option(
    "--power",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.8,
    show_default=True,
    help="The probability of finding it.",
)
@click.option(
    "--alpha",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.05,
    show_default=True,
    help="Level of the test.",
)
@JSON
@PLUGIN
def command(
    first: str,
    second: str,
    suite: str,
    results: Path,
    percent: float | None,
    differences: tuple[str, ...],
    power: float,
    alpha: float,
    as_json: bool,
    plugins: tuple[Path, ...],
) -> None:
    """Say how many items and seeds tell two variants apart, from the spread of their results.

    A and B are variants with results, or published files, as for harness compare.
    """
    from harness import compare_power as text
    from harness.compare import compare
    from harness.compare_load import Library
    from harness.terminal import emit, print_table

    wanted = dict(_difference(given) for given in differences)
    share = PERCENT if percent is None and not wanted else percent
    with Library(suite, results, plugins) as library:
        a, b = library.find(first), library.find(second)
        unread = library.unread([a, b])
    found = text.plan(compare(a.submission, b.submission, unread=unread), share, wanted, power, alpha)
    if as_json:
        emit(text.as_record(found))
        return
    click.echo(f"{text.title(found)}\nA {found.a}      B {found.b}\n")
    if found.demands:
        print_table(text.HEADERS, text.rows(found))
    for note in text.notes(found):
        click.echo(note)


def _difference(given: str) -> tuple[str, float]:
    """``warp_error=0.01`` as a pair."""
    from harness.errors import UsageError

    name, _, value = given.partition("=")
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not name or not math.isfinite(number) or not number:
        raise UsageError(
            "E-OPTION",
            f"--difference {given} is not a metric and a difference that is not 0.",
            fix="--difference METRIC=NUMBER, such as warp_error=0.001",
        )
    return name, abs(number)
