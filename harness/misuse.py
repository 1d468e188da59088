"""What click says of a command line that it cannot use, as an error with a code and four parts like any other."""

from __future__ import annotations

import click

from harness.errors import UsageError
from harness.project import PROJECT, is_from_file


def misuse(error: click.ClickException) -> UsageError:
    """The error for an option or argument that is missing, unknown, or of another type; E-OPTION, or
    E-CONFIG where the value is that of ``harness.toml``.

    ``where`` is the command, ``why`` how it is called or what is wrong with a value, ``fix`` the near name or the help.
    """
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    where = ctx.command_path if ctx else "harness"
    usage, hints = ctx.get_usage().removeprefix("Usage: ") if ctx else "", getattr(error, "possibilities", None) or ()
    what, why = error.format_message(), f"it is called: {' '.join(usage.split())}" if usage else ""
    if isinstance(error, click.BadParameter) and not isinstance(error, click.MissingParameter):
        what, why = f"{_name(error)} cannot be used.", error.message
        if ctx and error.param and is_from_file(ctx, error.param):
            where = f"{PROJECT}, {where}"
            return UsageError("E-CONFIG", what, where=where, why=why, fix=f"{ctx.command_path} --help")
    elif hints:
        what = error.message
    near = f"did you mean {hints[0]}? All: " if hints else ""
    return UsageError("E-OPTION", f"{what.rstrip('.')}.", where=where, why=why, fix=f"{near}{where} --help")


def _name(error: click.BadParameter) -> str:
    """``--limit`` or ``NAME``: what the command's help calls it."""
    param = error.param
    if param is None:
        return str(error.param_hint or "A value")
    return " / ".join(param.opts) if isinstance(param, click.Option) else str(param.name).upper()
