"""Putting published files to the rules of `harness.validate_rules`.

A file that cannot be parsed has one problem, its first; a file that can is put to every rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness import calibration_data
from harness.calibration import analyse
from harness.errors import HarnessError
from harness.jsonread import JsonError
from harness.model import Suite
from harness.submission import MAX_BYTES, Submission, parse, relative_path
from harness.suite import load_suite
from harness.validate_rules import RULES, Problem, Rule, Subject, digests

if TYPE_CHECKING:
    from harness.registry import MetricSpec

MAX_PROBLEMS = 12  # of one rule; more are counted, not listed


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


def validate(path: Path, base: Path | None = None) -> Report:
    """Put one file to every rule. Reads the file and, where they are installed, the suite and metrics that it names.

    A calibration, which is no result of a variant, is put to those rules that are about any file.

    Args:
        base: the folder of the files that are published already, against which a changed row must come from a new run.

    Raises:
        UsageError: E-CONFIG, a ``harness.toml`` here cannot be read.
    """
    try:
        content = _content(path)
        if path.name == calibration_data.NAME:
            return _calibration(path, content)
        submission = parse(content)
    except OSError as error:
        return Report(path, (Problem("schema", "error", "", f"cannot be read: {error.strerror}"),), None)
    except JsonError as error:
        return Report(path, (Problem(error.rule, "error", error.pointer, error.message),), None)
    known = _installed(submission.suite)
    subject = Subject(path, submission, known, len(content), _metrics(), _earlier(submission, base))
    return Report(path, tuple(problem for rule in RULES for problem in _apply(rule, subject)), submission)


def _content(path: Path) -> bytes:
    if path.stat().st_size > MAX_BYTES:
        raise JsonError("", f"is larger than {MAX_BYTES} bytes", "size")
    return path.read_bytes()


def _metrics() -> Mapping[str, MetricSpec]:
    """The installed metrics by name."""
    from harness.registry import load_plugins

    return load_plugins().metrics


def _earlier(submission: Submission, base: Path | None) -> Submission | None:
    """The result that a file would replace, None where that is new or no longer readable."""
    if base is None:
        return None
    suite, variant = submission.suite, submission.variant
    path = base / relative_path(suite.name, suite.version, variant.name, variant.revision)
    try:
        return parse(path.read_bytes()) if path.is_file() else None
    except JsonError:
        return None


def _calibration(path: Path, content: bytes) -> Report:
    found = calibration_data.parse(content)
    expected = calibration_data.place(found.suite.name, found.suite.version)
    problems = []
    if path.resolve().parts[-2:] != expected.parts:
        problems.append(Problem("name", "error", "", f"must be called {expected}"))
    for pointer, message in digests(found.suite_key, found.suite, _installed(found.suite)):
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
