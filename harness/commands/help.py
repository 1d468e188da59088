"""harness help"""

from __future__ import annotations

import click


@click.command("help")
@click.argument("code", required=False)
def command(code: str | None) -> None:
    """Explain an error code such as E-WEIGHTS.

    Without one, list them all.
    """
    from harness.codes import PAGES
    from harness.errors import UsageError, unknown_name

    if code is None:
        for known, page in sorted(PAGES.items()):
            click.echo(f"{known:<18} {page.splitlines()[0]}")
        return
    if code.upper() not in PAGES:
        error: UsageError = unknown_name("error code", code.upper(), PAGES)
        error.fix = error.fix.replace("harness list error codes", "harness help")
        raise error
    click.echo(f"{code.upper()}\n\n{PAGES[code.upper()]}")
