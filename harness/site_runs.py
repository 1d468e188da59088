"""The pages of runs: which command made which results, on what machine, with which failures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from harness.keys import digest
from harness.site_text import NEVER, Facts, facts, instant, plain, when
from harness.submission import PublishedRun, Submission

FEED_LENGTH = 50
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

    @property
    def by_suite(self) -> tuple[tuple[str, tuple[Submission, ...]], ...]:
        """Its results by the suite's label, both in order."""
        labels = sorted({s.suite.label for s in self.submissions})
        mine = sorted(self.submissions, key=lambda s: s.variant.label)
        return tuple((label, tuple(s for s in mine if s.suite.label == label)) for label in labels)


@dataclass(frozen=True)
class Entry:
    """A run in the feed; ``id`` and ``updated`` as Atom (RFC 4287) wants them."""

    id: str
    title: str
    updated: str
    path: str
    summary: str


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
    groups: list[tuple[Facts, list[Submission]]] = []
    for submission in page.submissions:
        told = facts(submission.environment)
        known = next((group for group in groups if group[0] == told), None)
        if known is None:
            groups.append((told, [submission]))
        else:
            known[1].append(submission)
    return {"page": page, "facts_of_run": run_facts(page.run), "environments": groups, "title": f"Run {page.run.id}"}


def run_facts(run: PublishedRun) -> Facts:
    """A run in words: its command, when it was, and the source that it ran."""
    sources = {
        None: "not known",
        True: "with changes that are in no commit: listed as unverified",
        False: "as committed",
    }
    return (
        ("command", plain(" ".join(run.argv))),
        ("started", when(run.started_at)),
        ("ended", when(run.finished_at) if run.finished_at else "it did not end cleanly"),
        ("harness", run.harness_version),
        ("commit", run.git_commit or "not known"),
        ("source", sources[run.git_dirty]),
    )


def feed_context(pages: Sequence[RunPage]) -> dict[str, Any]:
    """What the template of the Atom feed is given: the newest runs, of those that say when they were."""
    entries = [_entry(page) for page in pages if instant(page.run.started_at) != NEVER][:FEED_LENGTH]
    updated = entries[0].updated if entries else _atom_time(NEVER)
    return {"entries": entries, "feed_id": _uuid("feed", "exvideo-bench"), "updated": updated}


def _entry(page: RunPage) -> Entry:
    count, suites = len(page.submissions), [label for label, _ in page.by_suite]
    title = f"{count} result{'' if count == 1 else 's'} on {', '.join(suites)}"
    names = ", ".join(s.variant.label for _, group in page.by_suite for s in group)
    return Entry(_uuid("run", page.run.id), title, _atom_time(instant(page.run.started_at)), page.path, names)


def _atom_time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _uuid(*parts: str) -> str:
    """A name that stays the same from one building of the site to the next."""
    return UUID(digest(*parts)[:32]).urn


def _latest(group: Sequence[Submission]) -> Submission:
    return max(group, key=lambda s: (s.run.finished_at or "", s.variant.label))
