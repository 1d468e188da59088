"""harness publish"""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.commands.options import JSON, PLUGIN, RESULTS, SUITE

if TYPE_CHECKING:
    from harness.render import PublishReport


@click.command("publish")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("site/public"),
    show_default=True,
    help="The site's folder; what is there is replaced in one rename.",
)
@click.option(
    "--from",
    "sources",
    type=click.Path(exists=True, path_type=Path),
    multiple=True,
    help="Result files, or folders of them.  [default: RESULTS/published]",
)
@click.option("--local", is_flag=True, help="Also show what the results folder holds, exported on the fly.")
@click.option("--media", type=click.Choice(["all", "none"]), default="all", show_default=True, help="Videos or none.")
@SUITE
@RESULTS
@JSON
@PLUGIN
def command(
    out: Path,
    sources: tuple[Path, ...],
    local: bool,
    media: str,
    suite: str,
    results: Path,
    as_json: bool,
    plugins: tuple[Path, ...],
) -> None:
    """Build the static site from result files.

    A result that is both in a file and, with --local, in the results folder is shown as it is in the folder.
    """
    from typing import cast

    from harness.commands.export import export_files
    from harness.paths import published
    from harness.render import MediaChoice, publish
    from harness.terminal import emit

    if not sources:
        sources = (published(results),) if published(results).is_dir() else ()
    with tempfile.TemporaryDirectory() as scratch:
        if local:
            for _ in export_files(None, suite, results, Path(scratch), plugins):
                pass
        files = collect([*sources, Path(scratch)])
        masters = results / "videos"
        report = publish(files, masters if masters.is_dir() else None, out, cast(MediaChoice, media))
    if as_json:
        emit({**asdict(report), "out": str(report.out)} | {"refused": [str(r) for r in report.refused]})
    else:
        _tell(report)


def collect(sources: list[Path]) -> list[Path]:
    """Result files, a later one in place of an earlier one of the same name (``<suite>-<version>/<variant>.json``)."""
    found = {}
    for source in sources:
        for path in sorted(source.rglob("*.json")) if source.is_dir() else [source]:
            found[path.parent.name, path.name] = path
    return list(found.values())


def _tell(report: PublishReport) -> None:
    from harness.terminal_text import size

    click.echo(
        f"render   {report.variants} variants, {report.items} items, {report.metrics} metrics → "
        f"{report.pages} pages, {size(report.bytes)} (media {size(report.media_bytes)})"
    )
    click.echo(f"check    {report.links} links ok · largest page {report.largest[0]} {size(report.largest[1])}")
    click.echo(f"media    {report.previews} previews, {report.previews_made} made now")
    for refusal in report.refused:
        click.echo(f"refused  {refusal.file}: {refusal.why}", err=True)
    for why, count in Counter(problem.why for problem in report.media_problems).items():
        first = next(problem.video for problem in report.media_problems if problem.why == why)
        click.echo(f"media    {count} videos without a preview, {first[:12]}… first: {why}", err=True)
    click.echo(f"open     {(report.out / 'index.html').as_uri()}")
