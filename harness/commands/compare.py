"""harness compare"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.commands.options import JSON, PLUGIN, RESULTS, SUITE

if TYPE_CHECKING:
    from harness.ablation import Ablation
    from harness.compare import Comparison


@click.command("compare")
@click.argument("first", metavar="[A]", required=False)
@click.argument("second", metavar="[B]", required=False)
@SUITE
@RESULTS
@click.option(
    "--against", type=click.Choice(["best"]), help="In place of B: the best row is A, and the one that is named is B."
)
@click.option("--ablation", is_flag=True, help="Instead of A and B: what each part buys, from the variants' factors.")
@click.option(
    "--alpha",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.05,
    show_default=True,
    help="Level of the tests; intervals are at 1 - alpha.",
)
@click.option("--no-adjust", is_flag=True, help="Leave p values as they are, without Holm's correction.")
@click.option(
    "--power",
    type=click.FloatRange(0, min_open=True),
    metavar="PERCENT",
    help="Also say how many items and seeds find a difference of this share of A's mean.",
)
@click.option("--where", metavar="tag=NAME", help="Only the items with a tag. Metrics of sets are left out.")
@click.option("--show-failures", is_flag=True, help="Name every item that only one side has a value for.")
@click.option(
    "--all", "everything", is_flag=True, help="With --ablation: every metric, p value and eighth of the clip."
)
@click.option("--markdown", is_flag=True, help="Markdown on stdout.")
@click.option("--latex", is_flag=True, help="LaTeX on stdout.")
@JSON
@PLUGIN
def command(
    first: str | None,
    second: str | None,
    suite: str,
    results: Path,
    against: str | None,
    ablation: bool,
    everything: bool,
    alpha: float,
    no_adjust: bool,
    power: float | None,
    where: str | None,
    show_failures: bool,
    markdown: bool,
    latex: bool,
    as_json: bool,
    plugins: tuple[Path, ...],
) -> None:
    """Compare two variants item by item, or see what each part buys.

    A and B are variants with results, or published files. The difference is B minus A.
    """
    form = _form(markdown, latex, as_json)
    if ablation:
        if first or where or against or power is not None:
            raise _usage("--ablation takes neither A and B nor --power nor --where", "harness compare --ablation")
        _show_ablation(_ablation(suite, results, plugins, alpha, not no_adjust), form, everything)
        return
    if first is None or (second is None) == (against is None):
        fix = "harness compare A B, harness compare A --against best, or harness compare --ablation"
        raise _usage("a comparison needs two variants", fix)
    with_ = (suite, results, plugins, alpha, not no_adjust, power, where)
    _show(_comparison(first, second, *with_), form, show_failures)


def _comparison(
    first: str,
    second: str | None,
    suite: str,
    results: Path,
    plugins: tuple[Path, ...],
    alpha: float,
    adjust: bool,
    power: float | None,
    where: str | None,
) -> Comparison:
    from harness.compare import check_comparable, compare
    from harness.compare_best import best_but
    from harness.compare_load import Library, set_differences
    from harness.compare_where import items_where, restricted

    with Library(suite, results, plugins) as library:
        found = [library.find(first)]
        if second is None:  # the named one is held against the best
            best = best_but(found[0].submission, library.of_family(lambda spec: True))
            found.insert(0, library.find(best))
        else:
            found.append(library.find(second))
        a, b = (source.submission for source in found)
        check_comparable(a, b)
        sets, unread = {} if where else set_differences(library, found[0], found[1], alpha), library.unread(found)
    if where:
        a, b = restricted([a, b], items_where(a, where))
    return compare(a, b, alpha=alpha, adjust=adjust, sets=sets, power_percent=power, where=where or "", unread=unread)


def _ablation(suite: str, results: Path, plugins: tuple[Path, ...], alpha: float, adjust: bool) -> list[Ablation]:
    from harness.ablation import analyse
    from harness.compare_load import Library, set_contrasts

    with Library(suite, results, plugins) as library:
        sources, absent = library.with_factors()
        return analyse(
            [source.submission for source in sources],
            alpha=alpha,
            adjust=adjust,
            sets=lambda weights: set_contrasts(library, sources, weights, alpha),
            absent=absent,
        )


def _show(found: Comparison, form: str, every: bool = False) -> None:
    from harness import compare_text as text
    from harness.terminal import emit, print_table

    if form == "json":
        emit(text.as_record(found))
        return
    if form in ("markdown", "latex"):
        click.echo(text.as_markdown(found) if form == "markdown" else text.as_latex(found))
        return
    click.echo(f"{text.title(found)}\n{text.names(found)}\n")
    print_table(text.HEADERS, text.rows(found))
    if gaps := text.gap_rows(found):
        click.echo(f"\n{text.GAPS}")
        print_table(["metric", "item", "", "", "page"], gaps)
    if found.power_percent is not None:
        click.echo(f"\n{text.power_title(found)}")
        print_table(*text.power_rows(found))
    for note in text.notes(found, every):
        click.echo(note)


def _show_ablation(found: list[Ablation], form: str, everything: bool) -> None:
    from harness import ablation_text as text
    from harness.terminal import emit, print_table, print_wrapped

    for part in found:
        if form == "json":
            emit(text.as_record(part))
        elif form == "markdown":
            click.echo(text.as_markdown(part, everything))
        elif form == "latex":
            click.echo(text.as_latex(part, everything))
        else:
            print_wrapped(text.title(part))
            for heading, headers, rows in text.tables(part, everything, "\n"):
                print_wrapped(f"\n{heading}")
                print_table(headers, rows)
            for note in text.notes(part, everything):
                print_wrapped(note)


def _form(markdown: bool, latex: bool, as_json: bool) -> str:
    chosen = [name for name, on in (("markdown", markdown), ("latex", latex), ("json", as_json)) if on]
    if len(chosen) > 1:
        raise _usage(f"--{chosen[0]} and --{chosen[1]} exclude each other", f"harness compare … --{chosen[0]}")
    return chosen[0] if chosen else "text"


def _usage(what: str, fix: str) -> Exception:
    from harness.errors import UsageError

    return UsageError("E-OPTION", f"{what[0].upper()}{what[1:]}.", fix=fix)
