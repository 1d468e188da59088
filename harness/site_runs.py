"""The pages of runs: which command made which results, on what machine, with which failures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.keys import digest
from harness.site_text import facts
from harness.submission import PublishedRun, Submission

FILE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


@dataclass(frozen=True)
class RunPage:
    """One run with the results that it contributed to last; they may differ in where they were made."""

    run: PublishedRun
    submissions: tuple[Submission, ...]

    @property
    def path(self) -> str:
        """Where the page lies."""
        return run_path(self.run.id)


def run_path(run: str) -> str:
    """Where the page of a run lies: its id, or a digest of one that is no safe file name."""
    return f"runs/{run if FILE_NAME.fullmatch(run) else digest('run', run)}.html"


def run_pages(submissions: Sequence[Submission]) -> list[RunPage]:
    """A page for every run, newest first."""
    found: dict[str, list[Submission]] = {}
    for submission in submissions:
        found.setdefault(submission.run.id, []).append(submission)
    pages = [RunPage(_latest(group).run, tuple(group)) for group in found.values()]
    return sorted(pages, key=lambda page: (page.run.started_at, page.run.id), reverse=True)


def run_context(page: RunPage) -> dict[str, Any]:
    """What the template of a run's page is given."""
    groups: list[tuple[tuple[tuple[str, str], ...], list[Submission]]] = []
    for submission in page.submissions:
        told = facts(submission.environment)
        known = next((group for group in groups if group[0] == told), None)
        if known is None:
            groups.append((told, [submission]))
        else:
            known[1].append(submission)
    return {"page": page, "environments": groups, "title": f"Run {page.run.id}"}


def _latest(group: Sequence[Submission]) -> Submission:
    return max(group, key=lambda s: (s.run.finished_at or "", s.variant.label))
