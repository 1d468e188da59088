"""harness publish"""

from __future__ import annotations

import contextlib
import tempfile
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.commands.options import JSON, PLUGIN, RESULTS, SUITE, Place
from harness.errors import UsageError

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
    type=Place(exists=True, path_type=Path),
    multiple=True,
    help="Result files, folders of them, or a URL.  [default: RESULTS/published]",
)
@click.option("--local", is_flag=True, help="Also show what the results folder holds, exported on the fly.")
@click.option("--media", type=click.Choice(["all", "none"]), default="all", show_default=True, help="Videos or none.")
@click.option(
    "--single",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write one page as one file with everything but videos in it, and leave the site alone.",
)
@click.option("--page", default="index.html", show_default=True, metavar="PATH", help="The site's page for --single.")
@click.option("--serve", type=click.IntRange(0, 65535), metavar="PORT", help="Then serve it to this machine.")
@click.option("--open", "show", is_flag=True, help="Then open it in a browser.")
@SUITE
@RESULTS
@JSON
@PLUGIN
def command(
    out: Path,
    sources: tuple[Path | str, ...],
    local: bool,
    media: str,
    single: Path | None,
    page: str,
    serve: int | None,
    show: bool,
    suite: str,
    results: Path,
    as_json: bool,
    plugins: tuple[Path, ...],
) -> None:
    """Build the static site from result files.

    A result that is both in a file and, with --local, in the results folder is shown as it is in the folder.
    """
    from harness.commands.export import export_files
    from harness.paths import published
    from harness.published_at import readable
    from harness.terminal import emit

    _refuse_both(single, serve)
    if not sources and published(results).is_dir():
        sources = (published(results),)
    with tempfile.TemporaryDirectory() as scratch, readable(sources) as folders:
        if local:
            for _ in export_files(None, suite, results, Path(scratch), plugins):
                pass
        files = collect([*folders, Path(scratch)])
        site = Path(scratch) / "site" if single is not None else out
        report = _publish(files, results / "videos", site, media)
        if single is not None:
            _write_single(site, page, single)
    if as_json:
        emit({**asdict(report), "out": str(report.out)} | {"refused": [str(r) for r in report.refused]})
    else:
        _tell(report, single)
    _show(single or report.out / "index.html", serve, show=show)


def _refuse_both(single: Path | None, serve: int | None) -> None:
    if single is not None and serve is not None:
        raise UsageError("E-OPTION", "--single writes a file, and --serve serves a site.", fix="one of the two")


def _publish(files: list[Path], masters: Path, out: Path, media: str) -> PublishReport:
    from typing import cast

    from harness.disk import writing
    from harness.render import MediaChoice, publish
    from harness.shelf import shelf_of

    at_hand = masters.is_dir() or shelf_of(masters.parent) is not None
    with writing(out):
        return publish(files, masters if at_hand else None, out, cast(MediaChoice, media))


def _write_single(site: Path, page: str, target: Path) -> None:
    from harness.disk import writing
    from harness.site_single import single_file
    from harness.spool import write_atomic

    data = single_file(site, page)
    with writing(target, "a path in a folder that you may write to"):
        write_atomic(target, data)


def _show(page: Path, serve: int | None, *, show: bool) -> None:
    """Open what was made, and serve it until interrupted, where that was asked for."""
    import webbrowser

    if serve is None:
        if show:
            webbrowser.open(page.absolute().as_uri())
        return
    from harness.site_serve import address, server

    with server(page.parent, serve) as running:
        click.echo(f"serving  {address(running)}   Ctrl-C ends it", err=True)
        if show:
            webbrowser.open(address(running))
        with contextlib.suppress(KeyboardInterrupt):
            running.serve_forever()


def collect(sources: list[Path]) -> list[Path]:
    """Result files, a later one in place of an earlier one of the same name (``<suite>-<version>/<variant>.json``)."""
    found = {}
    for source in sources:
        for path in sorted(source.rglob("*.json")) if source.is_dir() else [source]:
            found[path.parent.name, path.name] = path
    return list(found.values())


def _tell(report: PublishReport, single: Path | None) -> None:
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
    made = (single or report.out / "index.html").absolute()
    click.echo(f"open     {made.as_uri()}")
