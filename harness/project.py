"""``harness.toml`` of the current folder: a project's plugins, and the options of its commands unless told otherwise.

plugins = ["fade.py", "mine/*.py"]
results = "/data/results"        # of every command that has --results
[run]
workers = 2                      # of `harness run` alone
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import UsageError, unknown_name

if TYPE_CHECKING:
    import click

PROJECT = "harness.toml"
PLUGINS = "plugins"
SHARED = ("results", "suite", "threads", "variants", "workers")  # options that stand for all commands that have them


@dataclass(frozen=True)
class Project:
    """What a file says. ``shared`` are options of all commands, ``own`` those of one, by its name."""

    path: Path
    plugins: tuple[str, ...] = ()
    shared: Mapping[str, Any] = field(default_factory=dict)
    own: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def read_project(path: Path) -> Project:
    """The project of a folder; an empty one where the file is not there.

    Raises:
        UsageError: E-CONFIG, the file is no TOML, or has a member that there is none of.
    """
    if not path.is_file():
        return Project(path)
    import tomllib

    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise _bad(path, str(error)) from error
    plugins = table.pop(PLUGINS, [])
    if not isinstance(plugins, list) or not all(isinstance(pattern, str) and pattern for pattern in plugins):
        raise _bad(path, "'plugins' is a list of file names or patterns")
    own = {name: value for name, value in table.items() if isinstance(value, dict)}
    shared = {name: value for name, value in table.items() if name not in own}
    if unknown := sorted(shared.keys() - set(SHARED)):
        known = ", ".join((PLUGINS, *SHARED))
        raise _bad(
            path, f"it has no '{unknown[0]}', there is: {known}; options of one command go under its name, [run]"
        )
    return Project(path, tuple(plugins), shared, own)


def check_commands(project: Project, commands: Iterable[str]) -> None:
    """Raises UsageError E-CONFIG for a table that is not named as a command is."""
    known = list(commands)
    for name in project.own:
        if name not in known:
            raise _bad(project.path, f"there is no command '{name}': {unknown_name('command', name, known).fix}")


def defaults(project: Project, name: str, command: click.Command) -> dict[str, Any]:
    """The values that a command's parameters have from the file, by the name of the parameter.

    Raises:
        UsageError: E-CONFIG, an option that the command does not have, or a value that none can be.
    """
    options = {flag: param for param in command.params for flag in flags(param)}
    given = {key: value for key, value in project.shared.items() if key in options} | dict(project.own.get(name, {}))
    found: dict[str, Any] = {}
    for key, value in given.items():
        param = options.get(key)
        if param is None:
            near = unknown_name("option", key, options).fix.partition("   ")[0]
            raise _bad(project.path, f"[{name}] has '{key}', which is no option of `harness {name}`: {near}")
        several = isinstance(value, list)
        if isinstance(value, dict) or (several and not param.multiple):
            raise _bad(project.path, f"'{key}' of [{name}] is one value")
        found[str(param.name)] = [value] if param.multiple and not several else value
    return found


def flags(param: click.Parameter) -> list[str]:
    """The long names of an option, without dashes in front; none of an argument."""
    return [flag[2:] for flag in param.opts if flag.startswith("--")]


def from_project(context: click.Context) -> tuple[str, ...]:
    """What a command has from the file, as words that would say the same on the command line."""
    words = []
    for param in context.command.params:
        if is_from_file(context, param):
            value = context.params[str(param.name)]
            words += [_word(flags(param)[0], each) for each in (value if isinstance(value, tuple) else (value,))]
    return tuple(filter(None, words))


def is_from_file(context: click.Context, param: click.Parameter) -> bool:
    """Whether a parameter has its value from the file."""
    source = context.get_parameter_source(str(param.name))
    return source is not None and source.name == "DEFAULT_MAP"


def _word(flag: str, value: object) -> str:
    """An option as it is typed; empty for a flag that is not set."""
    return f"--{flag}" if value is True else f"--{flag}={value}" if value is not False else ""


def _bad(path: Path, why: str) -> UsageError:
    return UsageError(
        "E-CONFIG",
        f"{path.name} cannot be used.",
        where=str(path.absolute()),
        why=why,
        fix="harness help E-CONFIG shows one",
    )
