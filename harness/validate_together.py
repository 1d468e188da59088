"""What result files must satisfy side by side: each may be sound, and two of them in each other's way.

The command line and the site both ask here, so that what is accepted is also shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from harness.submission import Submission
from harness.validate import Installed, Report, validate
from harness.validate_rules import Problem


def validate_all(paths: Sequence[Path], base: Path | None = None) -> list[Report]:
    """`harness.validate.validate` for every file, with what is wrong between those that are accepted.

    Of two files of one variant on a suite, the first in the order of ``paths`` stays.

    Raises:
        UsageError: E-CONFIG, a ``harness.toml`` here cannot be read.
    """
    installed = Installed()
    reports = [validate(path, base, installed) for path in paths]
    digests = _digests([report.submission for report in reports if report.accepted and report.submission])
    seen: set[tuple[str, str]] = set()
    return [_beside(report, digests, seen) for report in reports]


def _digests(submissions: Sequence[Submission]) -> dict[str, str]:
    """The digest of each suite, by label, that most of its files have."""
    votes: dict[str, Counter[str]] = {}
    for submission in submissions:
        votes.setdefault(submission.suite.label, Counter())[submission.suite_key] += 1
    return {label: min(count, key=lambda key: (-count[key], key)) for label, count in votes.items()}


def _beside(report: Report, digests: dict[str, str], seen: set[tuple[str, str]]) -> Report:
    """The report with what is wrong beside the others; what it has is added to ``seen``, by suite and variant."""
    found = report.submission
    if not report.accepted or found is None:
        return report
    label, place = found.suite.label, (found.suite.label, found.variant.label)
    if found.suite_key != digests[label]:
        why = f"made with another {label} (key {found.suite_key}, the others have {digests[label]})"
        return _with(report, "one-digest", "/suite/key", why)
    if place in seen:
        return _with(report, "one-file", "/variant", f"{place[1]} on {place[0]} is already given by another file")
    seen.add(place)
    return report


def _with(report: Report, rule: str, pointer: str, message: str) -> Report:
    return replace(report, problems=(*report.problems, Problem(rule, "error", pointer, message)))
