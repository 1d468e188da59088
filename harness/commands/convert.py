"""harness convert"""

from __future__ import annotations

from pathlib import Path

import click


@click.command("convert")
@click.argument("source", metavar="IN", type=click.Path(path_type=Path))
@click.argument("target", metavar="OUT", type=click.Path(path_type=Path))
@click.option("--to", type=click.Choice(["published", "ours"]), help="The format to write.  [default: the other one]")
@click.option("--base", default="", metavar="BASE", help="The base it belongs to.  [default: SVD-XT, from no file]")
def command(source: Path, target: Path, to: str | None, base: str) -> None:
    """Rewrite an extension checkpoint in ExVideo's published format, or in ours.

    Published is what ECNU-CILab/ExVideo-SVD-128f-v1/model.fp16.safetensors uses; ours carries its history in the
    header. Every command reads both, so this is for other programs. The weights do not change.
    """
    from harness.exvideo.convert import convert

    written = convert(source, target, to or "", base)
    click.echo(f"written in the format '{written}'", err=True)
    click.echo(str(target))
