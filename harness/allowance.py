"""`--max-failures`: after how many failures a run stops by itself."""

from __future__ import annotations

import re

from harness.errors import ItemError, UsageError

_FORM = re.compile(r"(\d+)(%?)")


def parse_allowance(text: str, work: int) -> int:
    """The number of failures at which a run stops: ``N``, or ``N%`` of its ``work`` (videos and scores to do).

    Raises:
        UsageError: E-OPTION, something else than a positive number or 1 to 100 %.
    """
    found = _FORM.fullmatch(text.strip())
    number, share = (int(found[1]), bool(found[2])) if found else (0, False)
    if number < 1 or (share and number > 100):
        raise UsageError(
            "E-OPTION",
            f"--max-failures {text} is no number of failures.",
            fix="--max-failures 10, or a share of the videos and scores to do: --max-failures 5%",
        )
    return max(1, -(-number * work // 100)) if share else number


def too_many(failed: int, first: str) -> ItemError:
    """Why a run stopped before its end."""
    return ItemError(
        "E-FAILURES",
        f"The run stopped at its limit of failures: {failed} failed.",
        why=f"the first was: {first}",
        fix="everything finished is safe; see to the cause and run the same command again",
    )
