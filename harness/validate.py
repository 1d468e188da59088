"""What a published result must satisfy, as data: `harness validate`, the tests and the site use this one table.

A file that cannot be parsed has one problem, its first; a file that can is put to every rule.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from harness import calibration_data
from harness.calibration import analyse
from harness.errors import HarnessError
from harness.jsonread import JsonError
from harness.model import Suite
from harness.submission import MAX_BYTES, Submission, parse, relative_path
from harness.suite import load_suite

MAX_SECONDS = 24 * 3600
MAX_PROBLEMS = 12  # of one rule; more are counted, not listed


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong. ``severity`` is ``error`` (refused) or ``warning`` (shown on the site)."""

    rule: str
    severity: str
    pointer: str
    message: str


@dataclass(frozen=True)
class Subject:
    """A parsed file and what it is held against. ``known`` is the installed suite of that name, if any."""

    path: Path
    submission: Submission
    known: Suite | None


@dataclass(frozen=True)
class Rule:
    """One rule: its name, how bad a breach is, what it demands, and the check that yields (pointer, message)."""

    name: str
    severity: str
    demand: str
    check: Callable[[Subject], Iterator[tuple[str, str]]]


@dataclass(frozen=True)
class Report:
    """The outcome for one file; ``submission`` is None when it could not be parsed."""

    path: Path
    problems: tuple[Problem, ...]
    submission: Submission | None

    @property
    def accepted(self) -> bool:
        """Whether there is no error (warnings are accepted)."""
        return not any(problem.severity == "error" for problem in self.problems)


def validate(path: Path) -> Report:
    """Put one file to every rule. Reads the file and, if it is installed, the suite that it names.

    A calibration, which is no result of a variant, is put to those rules that are about any file.
    """
    if path.name == calibration_data.NAME:
        return _calibration(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise JsonError("", f"is larger than {MAX_BYTES} bytes")
        submission = parse(path.read_bytes())
    except OSError as error:
        return Report(path, (Problem("schema", "error", "", f"cannot be read: {error.strerror}"),), None)
    except JsonError as error:
        return Report(path, (Problem("schema", "error", error.pointer, error.message),), None)
    subject = Subject(path, submission, _installed(submission.suite))
    return Report(path, tuple(problem for rule in RULES for problem in _apply(rule, subject)), submission)


def _calibration(path: Path) -> Report:
    try:
        found = calibration_data.parse(path.read_bytes())
    except OSError as error:
        return Report(path, (Problem("schema", "error", "", f"cannot be read: {error.strerror}"),), None)
    except JsonError as error:
        return Report(path, (Problem("schema", "error", error.pointer, error.message),), None)
    expected = calibration_data.place(found.suite.name, found.suite.version)
    problems = []
    if path.resolve().parts[-2:] != expected.parts:
        problems.append(Problem("name", "error", "", f"must be called {expected}"))
    for pointer, message in _digests(found.suite_key, found.suite, _installed(found.suite)):
        problems.append(Problem("suite-digest", "error", pointer, message))
    if analyse(found.experiment) is None:
        problems.append(Problem("complete", "error", "/steps", "lack the clip without fault, or any fault"))
    if found.run.git_dirty:
        problems.append(Problem("clean", "warning", "/run/git_dirty", "the source had changes that are in no commit"))
    return Report(path, tuple(problems), None)


def published_files(target: Path) -> list[Path]:
    """The result files at or below a path, sorted."""
    return [target] if target.is_file() else sorted(target.rglob("*.json"))


def _apply(rule: Rule, subject: Subject) -> Iterator[Problem]:
    found = list(rule.check(subject))
    for pointer, message in found[:MAX_PROBLEMS]:
        yield Problem(rule.name, rule.severity, pointer, message)
    if len(found) > MAX_PROBLEMS:
        yield Problem(rule.name, rule.severity, "", f"and {len(found) - MAX_PROBLEMS} more of this kind")


def _installed(suite: Suite) -> Suite | None:
    try:
        return load_suite(suite.label).suite
    except HarnessError:
        return None


def _name(subject: Subject) -> Iterator[tuple[str, str]]:
    suite, variant = subject.submission.suite, subject.submission.variant
    expected = relative_path(suite.name, suite.version, variant.name, variant.revision)
    if subject.path.resolve().parts[-2:] != expected.parts:
        yield "", f"must be called {expected}"


def _digest(subject: Subject) -> Iterator[tuple[str, str]]:
    return _digests(subject.submission.suite_key, subject.submission.suite, subject.known)


def _digests(claimed: str, suite: Suite, known: Suite | None) -> Iterator[tuple[str, str]]:
    if claimed != suite.key:
        yield "/suite/key", f"is {claimed}, the content has digest {suite.key}"
    if known and known.key != suite.key:
        yield "/suite", f"differs from the installed {known.label}, whose digest is {known.key}"


def _suite_known(subject: Subject) -> Iterator[tuple[str, str]]:
    if subject.known is None:
        yield "/suite", f"{subject.submission.suite.label} is not installed here, so it could not be compared"


def _unique(subject: Subject) -> Iterator[tuple[str, str]]:
    yield from _repeated("/rows", [(row.item, row.seed) for row in subject.submission.rows])
    yield from _repeated("/metrics", [metric.label for metric in subject.submission.metrics])
    yield from _repeated("/set_scores", [score.metric for score in subject.submission.set_scores])
    yield from _repeated("/suite/items", [item.slug for item in subject.submission.suite.items])


def _repeated(pointer: str, names: Sequence[object]) -> Iterator[tuple[str, str]]:
    seen: set[object] = set()
    for index, name in enumerate(names):
        if name in seen:
            yield f"{pointer}/{index}", f"{name} is there twice"
        seen.add(name)


def _sorted(subject: Subject) -> Iterator[tuple[str, str]]:
    order = [(row.item, row.seed) for row in subject.submission.rows]
    for index, (before, after) in enumerate(itertools.pairwise(order), start=1):
        if after < before:
            yield f"/rows/{index}", f"{after} comes after {before}: rows are sorted by item, then seed"


def _belongs(subject: Subject) -> Iterator[tuple[str, str]]:
    suite = subject.submission.suite
    slugs, seeds = {item.slug for item in suite.items}, set(suite.seeds)
    for index, row in enumerate(subject.submission.rows):
        if row.item not in slugs:
            yield f"/rows/{index}/item", f"{row.item} is no item of {suite.label}"
        if row.seed not in seeds:
            yield f"/rows/{index}/seed", f"{row.seed} is no seed of {suite.label}"


def _declared(subject: Subject) -> Iterator[tuple[str, str]]:
    scopes = {metric.label: metric.scope for metric in subject.submission.metrics}
    for index, row in enumerate(subject.submission.rows):
        for label in row.scores:
            if scopes.get(label) != "video":
                yield f"/rows/{index}/scores/{label}", "is not declared in /metrics as a video metric"
    for index, score in enumerate(subject.submission.set_scores):
        if scopes.get(score.metric) != "set":
            yield f"/set_scores/{index}/metric", f"{score.metric} is not declared in /metrics as a set metric"


def _beside(subject: Subject) -> Iterator[tuple[str, str]]:
    names = {metric.name for metric in subject.submission.metrics}
    for index, metric in enumerate(subject.submission.metrics):
        if metric.beside and metric.beside not in names:
            yield f"/metrics/{index}/beside", f"{metric.label} misleads without {metric.beside}, which is missing"


def _complete(subject: Subject) -> Iterator[tuple[str, str]]:
    suite = subject.submission.suite
    have = {(row.item, row.seed) for row in subject.submission.rows}
    missing = [f"{item.slug} s{seed}" for item in suite.items for seed in suite.seeds if (item.slug, seed) not in have]
    if missing:
        some = ", ".join(missing[:3]) + (", …" if len(missing) > 3 else "")
        yield "/rows", f"{len(suite.items) * len(suite.seeds) - len(missing)} videos, missing {len(missing)} ({some})"


def _plausible(subject: Subject) -> Iterator[tuple[str, str]]:
    for index, row in enumerate(subject.submission.rows):
        if not 0 <= row.seconds < MAX_SECONDS:
            yield f"/rows/{index}/seconds", f"{row.seconds} is not between 0 and {MAX_SECONDS}"
        for label, score in row.scores.items():
            if score.coverage is not None and not 0 <= score.coverage <= 1:
                yield f"/rows/{index}/scores/{label}/coverage", f"{score.coverage} is not between 0 and 1"
    limit = len(subject.submission.suite.items)
    for index, done in enumerate(subject.submission.set_scores):
        if done.n > limit:
            yield f"/set_scores/{index}/n", f"{done.n} items, the suite has {limit}"
        if done.ci_low is not None and done.ci_high is not None and done.ci_low > done.ci_high:
            yield f"/set_scores/{index}", f"its interval ends before it begins: {done.ci_low} to {done.ci_high}"


def _times(subject: Subject) -> Iterator[tuple[str, str]]:
    run = subject.submission.run
    for name, text in (("started_at", run.started_at), ("finished_at", run.finished_at)):
        if text is None:
            yield f"/run/{name}", "is missing: the run did not end cleanly"
        elif not _is_time(text):
            yield f"/run/{name}", f"{text!r} is not a time with its zone"


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _clean(subject: Subject) -> Iterator[tuple[str, str]]:
    run = subject.submission.run
    if run.git_dirty:
        yield "/run/git_dirty", "the source had changes that are in no commit"


RULES: tuple[Rule, ...] = (
    Rule("name", "error", "the file lies under the name that its content gives it", _name),
    Rule("suite-digest", "error", "the suite is the one that its name and version stand for", _digest),
    Rule("suite-known", "warning", "the suite is installed, so that it can be compared", _suite_known),
    Rule("unique", "error", "no row, metric or item is there twice", _unique),
    Rule("sorted", "error", "rows are sorted by item, then seed", _sorted),
    Rule("belongs", "error", "every row is of an item and a seed of the suite", _belongs),
    Rule("declared", "error", "every score is of a declared metric of its scope", _declared),
    Rule("beside", "error", "a metric that misleads alone comes with the one that must stand beside it", _beside),
    Rule("plausible", "error", "times, coverage, counts and intervals are possible", _plausible),
    Rule("times", "warning", "the run's start and end are times with a zone", _times),
    Rule("complete", "warning", "every item and seed of the suite has a row", _complete),
    Rule("clean", "warning", "the source was committed", _clean),
)
