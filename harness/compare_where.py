"""Comparing on a part of a suite: ``harness compare A B --where tag=camera``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.errors import UsageError
from harness.submission import Submission


def items_where(submission: Submission, condition: str) -> frozenset[str]:
    """The slugs of the items that a condition ``tag=NAME`` holds for.

    Raises:
        UsageError: E-OPTION, another condition, or a tag that no item has.
    """
    name, _, wanted = condition.partition("=")
    tags = sorted({tag for item in submission.suite.items for tag in item.tags})
    if name != "tag" or wanted not in tags:
        raise UsageError(
            "E-OPTION",
            f"--where {condition} chooses no items of {submission.suite.label}.",
            why=f"its tags: {', '.join(tags)}" if tags else "its items have no tags",
            fix="--where tag=NAME",
        )
    return frozenset(item.slug for item in submission.suite.items if wanted in item.tags)


def restricted(submissions: Sequence[Submission], slugs: frozenset[str]) -> list[Submission]:
    """The same results on some items. Scores of sets are left out: they are of other sets than the chosen items."""
    return [
        replace(
            submission,
            suite=replace(submission.suite, items=tuple(i for i in submission.suite.items if i.slug in slugs)),
            rows=tuple(row for row in submission.rows if row.item in slugs),
            set_scores=(),
        )
        for submission in submissions
    ]
