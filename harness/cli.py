"""The command line: a verb is a module of `harness.commands`, imported when it is used; errors are shown once, here."""

from __future__ import annotations

import gc
import importlib
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import click
from click.exceptions import NoArgsIsHelpError

import harness
from harness.errors import EXIT_BUG, EXIT_DONE, EXIT_INTERRUPTED, EXIT_USAGE, HarnessError, unknown_name
from harness.memory import leave
from harness.misuse import misuse
from harness.project import PROJECT, check_commands, defaults, read_project


@dataclass(frozen=True)
class Verb:
    """Where a command lives and what ``--help`` says of it, so that help needs no import."""

    module: str
    help: str
    attribute: str = "command"


# In the order of work, which is also the order of the help.
VERBS = {
    "list": Verb("harness.commands.list", "List variants, metrics, suites or extractors."),
    "show": Verb(
        "harness.commands.show",
        "Show one variant, metric or suite in full, what each metric sees, or what harness.toml says.",
    ),
    "doctor": Verb("harness.commands.doctor", "Check what this machine has, and what a variant lacks here."),
    "run": Verb("harness.commands.run", "Make the videos that are missing, measure them, show the table."),
    "import": Verb("harness.commands.import_videos", "Measure videos that something else made."),
    "status": Verb("harness.commands.status", "Look at the run that is going, from any terminal."),
    "compare": Verb("harness.commands.compare", "Compare two variants item by item, or see what each part buys."),
    "power": Verb(
        "harness.commands.power",
        "Say how many items and seeds tell two variants apart, from the spread of their results.",
    ),
    "export": Verb("harness.commands.export", "Write results as files for git, one per variant, or as a table."),
    "validate": Verb("harness.commands.validate", "Check result files, plugins or suites before they are shared."),
    "publish": Verb("harness.commands.publish", "Build the static site from result files."),
    "new": Verb("harness.commands.new", "Begin a variant, a metric or a suite of one's own."),
    "posttune": Verb("harness.exvideo.posttune_cli", "Post-tune a variant's checkpoint.", "posttune"),
    "convert": Verb(
        "harness.commands.convert", "Rewrite an extension checkpoint in ExVideo's published format, or in ours."
    ),
    "help": Verb("harness.commands.help", "Explain an error code such as E-WEIGHTS."),
}


class Verbs(click.Group):
    """A group whose commands are imported on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs in the order of work."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of a verb."""
        verb = VERBS.get(cmd_name)
        if verb is None:
            return None
        command: click.Command = getattr(importlib.import_module(verb.module), verb.attribute)
        if cmd_name != "help":  # which explains what is wrong with the file
            project = read_project(Path(PROJECT))
            check_commands(project, VERBS)
            ctx.default_map = {**(ctx.default_map or {}), cmd_name: defaults(project, cmd_name, command)}
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with near names for an unknown verb."""
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            error = unknown_name("command", args[0], VERBS)
            error.fix = error.fix.replace("harness list commands", "harness --help")
            raise error
        return super().resolve_command(ctx, args)

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """As click does; it prints the help already."""
        with _reader_may_leave():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """As click does, except that it would call it a failure that the reader of stdout has left."""
        with _reader_may_leave():
            return super().invoke(ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of verbs, from the table instead of from their modules."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, verb.help) for name, verb in VERBS.items()])


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(harness.__version__, prog_name="exvideo-bench")
def app() -> None:
    """An evaluation harness and leaderboard for post-tuned ExVideo configurations.

    A first run:  harness run --variants all && harness publish
    """


def run_app(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; every error of the user's is printed in its four parts."""
    try:
        code = app.main(list(argv) if argv is not None else None, prog_name="harness", standalone_mode=False)
        sys.stdout.flush()
    except HarnessError as error:
        click.echo(str(error), err=True)
        return error.exit_status
    except click.ClickException as error:
        error.show() if isinstance(error, NoArgsIsHelpError) else click.echo(str(misuse(error)), err=True)
        return EXIT_USAGE
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted, safe to run again", err=True)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        return _reader_gone()
    except Exception:
        traceback.print_exc()
        click.echo("This is a bug in exvideo-bench. Please report it with the text above.", err=True)
        return EXIT_BUG
    return code if isinstance(code, int) else EXIT_DONE


@contextmanager
def _reader_may_leave() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise click.exceptions.Exit(_reader_gone()) from None


def _reader_gone() -> int:
    """Whoever read stdout has left (``| head``): nothing more can be said, and flushing at exit must not complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return EXIT_DONE


def main() -> NoReturn:
    """The console script."""
    # Imports and the index make a million objects that stay; looking through them again and again takes a fifth of a
    # short command's time.
    gc.set_threshold(100_000, 20, 20)
    leave(run_app())
