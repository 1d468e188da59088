"""harness status"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from harness.commands.options import JSON, RESULTS


@click.command("status")
@RESULTS
@JSON
def command(results: Path, as_json: bool) -> None:
    """Look at the run that is going, from any terminal.

    Reads one small file and never the index, so that it cannot disturb the run.
    """
    from harness.status import age_seconds, read_latest
    from harness.terminal import emit
    from harness.terminal_text import duration, status_line

    status = read_latest(results)
    if as_json:
        emit(asdict(status) if status else {"state": "none"})
        return
    if status is None:
        click.echo(f"no run in {results}")
        return
    click.echo(f"{status_line(status)}  {status.state}  (updated {duration(age_seconds(status))} ago)")
    if status.state == "running":
        for worker, label in status.workers.items():
            click.echo(f"  {worker:<12} {label or 'idle'}")
