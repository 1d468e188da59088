"""The error tree.

    HarnessError            code, what, where, why, fix; carries the exit status
    ├── UsageError          exit 2: an unknown name, a bad flag, a broken plugin that was selected
    ├── CannotStart         exit 4: no GPU, no weights, no disk, a lock held by another run
    ├── Refused             exit 5: validation or comparability refused
    └── ItemError           one video or score failed; recorded, the run goes on and exits with 3
        └── NoSetScore      a set metric has no number for these sets, and says why; recorded as such, no failure

A user's mistake is always one of these and never prints a traceback; anything else is a bug of ours (exit 1).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

EXIT_DONE, EXIT_BUG, EXIT_USAGE, EXIT_PARTIAL, EXIT_CANNOT_START, EXIT_REFUSED, EXIT_INTERRUPTED = 0, 1, 2, 3, 4, 5, 130


class HarnessError(Exception):
    """An error that a person can act on.

    Args:
        code: stable identifier such as ``E-UNKNOWN``.
        what: what happened, one sentence.
        where: the file, variant, item or option concerned.
        why: the reason, as far as it is known.
        fix: what to do or type.
    """

    exit_status = EXIT_BUG

    def __init__(self, code: str, what: str, *, where: str = "", why: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.code, self.what, self.where, self.why, self.fix = code, what, where, why, fix

    def __str__(self) -> str:
        pad = " " * (len(self.code) + 2)
        labelled = (("Where", self.where), ("Why", self.why), ("Fix", self.fix))
        lines = [f"{self.code}  {self.what}"]
        lines += [f"{pad}{label:<7}{_indent(text, len(pad) + 7)}" for label, text in labelled if text]
        return "\n".join(lines)

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.code, self.what, self.where, self.why, self.fix)


class UsageError(HarnessError):
    """What was asked for does not exist or does not fit."""

    exit_status = EXIT_USAGE


class CannotStart(HarnessError):
    """The machine or the results folder lacks something that the run needs."""

    exit_status = EXIT_CANNOT_START


class Refused(HarnessError):
    """Data that does not pass validation, or results that may not be compared."""

    exit_status = EXIT_REFUSED


class ItemError(HarnessError):
    """One unit of work failed.

    ``retryable`` is true only for faults that cannot depend on the content (out of memory, a lost worker, I/O).
    """

    exit_status = EXIT_PARTIAL

    def __init__(
        self, code: str, what: str, *, where: str = "", why: str = "", fix: str = "", retryable: bool = False
    ) -> None:
        super().__init__(code, what, where=where, why=why, fix=fix)
        self.retryable = retryable


class NoSetScore(ItemError):
    """A set metric's way to say that the quantity does not exist for these two sets: what `Score.undefined` is to a
    video. Its ``what`` is the reason, recorded in place of a number and not tried again."""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """The error for a name that does not exist, with at most three near ones."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    fix = f"harness list {kind}s"
    if near:
        fix = f"did you mean {' or '.join(near)}?   All names: {fix}"
    return UsageError("E-UNKNOWN", f"No {kind} named '{name}'.", fix=fix)


def _indent(text: str, width: int) -> str:
    return text.replace("\n", "\n" + " " * width)


def _rebuild(
    cls: type[HarnessError], code: str, what: str, where: str, why: str, fix: str
) -> HarnessError:  # pickling: keyword-only arguments do not survive the default protocol
    return cls(code, what, where=where, why=why, fix=fix)


def first_line(error: BaseException) -> str:
    """The first line of what a library's exception says, or its name where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
