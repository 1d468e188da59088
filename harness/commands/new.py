"""harness new"""

from __future__ import annotations

import shlex
from pathlib import Path

import click


@click.command("new")
@click.argument("kind", type=click.Choice(["variant", "metric", "suite"]))
@click.argument("name")
@click.option("--from", "parent", metavar="VARIANT", help="A variant: begin from the settings of this one.")
@click.option("--set", "of_sets", is_flag=True, help="A metric: a distance between sets of videos, with its extractor.")
@click.option(
    "--images",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="A suite: the pictures. fox.txt beside fox.jpg has its prompt. Without: only write the digests of a change.",
)
@click.option(
    "--like", metavar="SUITE", help="A suite: take size, frames and frame rate from this one.  [default: mini]"
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    show_default="the current folder",
    help="Where to write.",
)
def command(
    kind: str, name: str, parent: str | None, of_sets: bool, images: Path | None, like: str | None, out: Path
) -> None:
    """Begin a variant, a metric or a suite of one's own.

    A variant or metric is a file NAME.py that works, with its test. A suite is a folder NAME; after a change to its
    suite.toml the same command without --images writes the digests of the new version.
    """
    from harness.disk import writing

    _check(kind, {"from": ("variant", parent), "set": ("metric", of_sets), "images": ("suite", images)})
    _check(kind, {"like": ("suite", like)})
    with writing(out):
        if kind == "suite":
            _suite(out / name, images, like)
            return
        paths, suite = _files(kind, name, parent, of_sets, out)
    for path in paths:
        click.echo(f"wrote {path} ({len(path.read_text(encoding='utf-8').splitlines())} lines)")
    file, on = shlex.quote(str(paths[0])), f" --suite {suite}" if suite else ""
    click.echo(f"next  harness validate {file}{on}", err=True)
    click.echo(f"      harness run --plugin {file} --{kind}s {name}{on} --limit 4", err=True)


def _files(kind: str, name: str, parent: str | None, of_sets: bool, out: Path) -> tuple[list[Path], str]:
    """The files written, the plugin first, and the suite to try it on, empty for the usual one."""
    from harness.errors import UsageError
    from harness.new import new_metric, new_variant
    from harness.registry import load_plugins
    from harness.wishes import own_suite

    registry = load_plugins()
    held = (registry.variants if kind == "variant" else registry.metrics).get(name)
    if held:
        what = f"There is a {kind} {name} already."
        raise UsageError("E-EXISTS", what, where=held.source, fix=f"harness new {kind} my-{name}")
    if kind == "variant":
        origin = registry.variant(parent.partition("@")[0]) if parent else None
        suite = own_suite(origin) if origin else ""
        return new_variant(name, out, origin, suite), suite
    return new_metric(name, out, of_sets), ""


def _suite(folder: Path, images: Path | None, like: str | None) -> None:
    from harness.errors import UsageError
    from harness.new_suite import make, seal
    from harness.suite import FILE, load_suite

    if images is None and like:
        raise UsageError("E-OPTION", "--like is for a new suite.", fix=f"harness new suite {folder.name} --images DIR")
    suite = seal(folder) if images is None else make(folder, images, load_suite(like or "mini"))
    shape = suite.protocol
    size = f"{shape.num_frames} frames of {shape.width}x{shape.height} at {shape.fps} a second"
    click.echo(f"wrote {folder / FILE}   {suite.label}, {len(suite.items)} items, {size}")
    click.echo(f"next  harness validate {folder}\n      harness run --suite {folder} --variants all", err=True)


def _check(kind: str, options: dict[str, tuple[str, object]]) -> None:
    from harness.errors import UsageError

    for option, (owner, value) in options.items():
        if value and kind != owner:
            raise UsageError("E-OPTION", f"--{option} is for a {owner}.", fix=f"harness new {owner} NAME --{option} …")
