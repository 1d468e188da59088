"""What a published result must satisfy, as data: one table for `harness validate`, the tests and the site.

`STRUCTURE` are the rules that reading a file finds broken, `RULES` those that a file which can be read is put to, and
`TOGETHER` those that files are put to which are published side by side (`harness.validate_together`).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from harness.jsonread import shown
from harness.model import Score, Suite
from harness.set_detail import SetDetail
from harness.stats_sets import recombined
from harness.submission import PublishedMetric, PublishedRun, PublishedSetScore, Submission, relative_path
from harness.table_text import counted
from harness.validate_earlier import result_changes

if TYPE_CHECKING:
    from harness.registry import MetricSpec

MAX_SECONDS = 24 * 3600
WELCOME_BYTES = 1_000_000  # of a file in git
AGREE = 1e-3  # relative, of a standard error and the values that it was computed from


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong. ``severity`` is ``error`` (refused) or ``warning`` (shown on the site)."""

    rule: str
    severity: str
    pointer: str
    message: str


@dataclass(frozen=True)
class Subject:
    """A parsed file and what it is held against.

    ``known`` is the installed suite of that name, if any; ``metrics`` are the installed ones by name; ``earlier`` is
    the result that the file would replace. ``keys`` are those of the installed metrics, by label.
    """

    path: Path
    submission: Submission
    known: Suite | None
    size: int = 0  # bytes
    metrics: Mapping[str, MetricSpec] = field(default_factory=dict)
    earlier: Submission | None = None
    keys: Mapping[str, str] = field(default_factory=dict)

    def scores(self) -> Iterator[tuple[str, str, Score]]:
        """Every score of a video: its pointer, its metric's label, itself."""
        for index, row in enumerate(self.submission.rows):
            for label, score in row.scores.items():
                yield f"/rows/{index}/scores/{label}", label, score


@dataclass(frozen=True)
class Rule:
    """One rule: its name, how bad a breach is, what it demands, and the check that yields (pointer, message)."""

    name: str
    severity: str
    demand: str
    check: Callable[[Subject], Iterator[tuple[str, str]]]


def _name(subject: Subject) -> Iterator[tuple[str, str]]:
    suite, variant = subject.submission.suite, subject.submission.variant
    expected = relative_path(suite.name, suite.version, variant.name, variant.revision)
    if subject.path.resolve().parts[-2:] != expected.parts:
        yield "", f"must be called {expected}"


def _digest(subject: Subject) -> Iterator[tuple[str, str]]:
    return digests(subject.submission.suite_key, subject.submission.suite, subject.known)


def digests(claimed: str, suite: Suite, known: Suite | None) -> Iterator[tuple[str, str]]:
    """What is wrong with the digest that a file claims for its suite, as (pointer, message)."""
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
        there = counted(len(suite.items) * len(suite.seeds) - len(missing), "video")
        yield "/rows", f"{there}, missing {len(missing)} ({some})"


def _rows(subject: Subject) -> Iterator[tuple[str, str]]:
    if not subject.submission.rows:
        yield "/rows", "is empty: there is nothing to show"


def _plausible(subject: Subject) -> Iterator[tuple[str, str]]:
    yield from backwards(subject.submission.run)
    for index, row in enumerate(subject.submission.rows):
        if row.seconds is not None and not 0 < row.seconds < MAX_SECONDS:
            yield f"/rows/{index}/seconds", f"{row.seconds} is not above 0 and below {MAX_SECONDS}"
    for pointer, _, score in subject.scores():
        if score.coverage is not None and not 0 <= score.coverage <= 1:
            yield f"{pointer}/coverage", f"{score.coverage} is not between 0 and 1"
    limit = len(subject.submission.suite.items)
    for index, done in enumerate(subject.submission.set_scores):
        if done.n > limit:
            yield f"/set_scores/{index}/n", f"{counted(done.n, 'item')}, the suite has {limit}"
        yield from _impossible_spread(f"/set_scores/{index}", done)


def _impossible_spread(pointer: str, score: PublishedSetScore) -> Iterator[tuple[str, str]]:
    low, high = score.ci_low, score.ci_high
    if low is not None and high is not None and low > high:
        yield pointer, f"its interval ends before it begins: {low} to {high}"
    elif (low is not None and score.value < low) or (high is not None and score.value > high):
        yield f"{pointer}/value", f"{score.value} lies outside its own interval, {low} to {high}"
    if score.stderr is not None and score.stderr < 0:
        yield f"{pointer}/stderr", f"{score.stderr} is below 0"
    elif not _agrees(score):
        yield f"{pointer}/stderr", f"{score.stderr} is not that of the values in detail/jackknife"


def backwards(run: PublishedRun) -> Iterator[tuple[str, str]]:
    """What is wrong with the order of a run's times, as (pointer, message)."""
    start, end = _time(run.started_at), _time(run.finished_at or "")
    if start is not None and end is not None and end < start:
        yield "/run/finished_at", f"is {run.finished_at}, before the start at {run.started_at}"


def _agrees(score: PublishedSetScore) -> bool:
    """Whether a standard error is that of the recorded values of its jackknife, where there are any."""
    without = SetDetail.read(score.detail).jackknife
    if not without:
        return True
    found = recombined([score.value], [without], [1.0], score.n).spread.stderr
    if found is None or score.stderr is None:
        return False
    return math.isclose(found, score.stderr, rel_tol=AGREE, abs_tol=1e-9)


def _range(subject: Subject) -> Iterator[tuple[str, str]]:
    """Held against the installed metric of the same version; others cannot be known."""
    known = {spec.label: spec for spec in subject.metrics.values()}
    for pointer, label, score in subject.scores():
        if label in known and score.value is not None and (why := known[label].outside(score.value)):
            yield f"{pointer}/value", why
    for index, done in enumerate(subject.submission.set_scores):
        if done.metric in known and (why := known[done.metric].outside(done.value)):
            yield f"/set_scores/{index}/value", why


def _as_installed(subject: Subject) -> Iterator[tuple[str, str]]:
    return redeclared(subject.submission.metrics, subject.metrics)


def redeclared(metrics: Sequence[PublishedMetric], known: Mapping[str, MetricSpec]) -> Iterator[tuple[str, str]]:
    """Where columns are declared otherwise than the installed metrics (by name) of their versions: (pointer, message).

    A turned direction would turn every verdict, and rank the worst first.
    """
    for index, metric in enumerate(metrics):
        spec = known.get(metric.name)
        if spec is None or spec.version != metric.version:
            continue
        for name in ("better", "unit", "scope"):
            mine, theirs = getattr(metric, name), getattr(spec, name)
            if mine != theirs:
                yield f"/metrics/{index}/{name}", f"is {shown(mine)}, the installed {spec.label} has {theirs!r}"
        if metric.profile and metric.profile_unit != spec.profile_unit:
            why = f"is {shown(metric.profile_unit)}, the installed {spec.label} has {spec.profile_unit!r}"
            yield f"/metrics/{index}/profile_unit", why


def _current(subject: Subject) -> Iterator[tuple[str, str]]:
    for index, metric in enumerate(subject.submission.metrics):
        known, key = subject.metrics.get(metric.name), subject.keys.get(metric.label)
        if known is None:
            yield f"/metrics/{index}", f"{metric.label} is not installed here, so its range could not be checked"
        elif known.version != metric.version:
            yield f"/metrics/{index}/version", f"{metric.label} is not the installed {known.label}"
        elif key is not None and key != metric.key:
            yield f"/metrics/{index}/key", f"is {metric.key}, the installed has {key}: other parameters or weights"


def _unchanged(subject: Subject) -> Iterator[tuple[str, str]]:
    return iter(()) if subject.earlier is None else result_changes(subject.earlier, subject.submission)


def demands() -> list[tuple[str, str, str]]:
    """Every rule: its name, how bad a breach is, and what it demands."""
    structure, together = ([(name, "error", said) for name, said in told.items()] for told in (STRUCTURE, TOGETHER))
    return [*structure, *((rule.name, rule.severity, rule.demand) for rule in RULES), *together]


def _welcome(subject: Subject) -> Iterator[tuple[str, str]]:
    if subject.size > WELCOME_BYTES:
        yield "", f"has {subject.size:,} bytes; git is meant for files up to {WELCOME_BYTES:,}"


def _times(subject: Subject) -> Iterator[tuple[str, str]]:
    run = subject.submission.run
    for name, text in (("started_at", run.started_at), ("finished_at", run.finished_at)):
        if text is None:
            yield f"/run/{name}", "is missing: the run did not end cleanly"
        elif _time(text) is None:
            yield f"/run/{name}", f"{text!r} is not a time with its zone"


def _time(text: str) -> datetime | None:
    """A time with its zone, None for any other text."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if time.tzinfo is None else time


def _clean(subject: Subject) -> Iterator[tuple[str, str]]:
    run = subject.submission.run
    if run.git_dirty:
        yield "/run/git_dirty", "the source had changes that are in no commit"


STRUCTURE: Mapping[str, str] = {
    "schema": "the file has the members, types, names and digests of the schema",
    "text": "text and names are short, and without control characters and what has no width",
    "finite": "every number is finite",
    "size": "the file can be read at once",
}
TOGETHER: Mapping[str, str] = {
    "one-digest": "files of one suite have one digest: that of most of them",
    "one-file": "a variant has one file on a suite",
}
RULES: tuple[Rule, ...] = (
    Rule("name", "error", "the file lies under the name that its content gives it", _name),
    Rule("suite-digest", "error", "the suite is the one that its name and version stand for", _digest),
    Rule("suite-known", "warning", "the suite is installed, so that it can be compared", _suite_known),
    Rule("rows", "error", "there is at least one video", _rows),
    Rule("unique", "error", "no row, metric or item is there twice", _unique),
    Rule("sorted", "error", "rows are sorted by item, then seed", _sorted),
    Rule("belongs", "error", "every row is of an item and a seed of the suite", _belongs),
    Rule("declared", "error", "every score is of a declared metric of its scope", _declared),
    Rule("beside", "error", "a metric that misleads alone comes with the one that must stand beside it", _beside),
    Rule("as-installed", "error", "a metric has the direction, unit and scope of the installed version", _as_installed),
    Rule("plausible", "error", "times, coverage, counts, errors and intervals are possible", _plausible),
    Rule("range", "error", "a score lies in the range that the installed metric declares", _range),
    Rule("unchanged", "error", "what is published changes or disappears only with a new run (--base)", _unchanged),
    Rule("current", "warning", "metrics are installed, in the version and with the key that are current", _current),
    Rule("large", "warning", "the file is no larger than git is meant for", _welcome),
    Rule("times", "warning", "the run's start and end are times with a zone", _times),
    Rule("complete", "warning", "every item and seed of the suite has a row", _complete),
    Rule("clean", "warning", "the source was committed", _clean),
)
