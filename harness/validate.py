"""Putting published files to the rules of `harness.validate_rules`.

A file that cannot be parsed has one problem, its first; a file that can is put to every rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from harness import calibration_data
from harness.calibration import analyse
from harness.calibration_data import CalibrationFile
from harness.errors import HarnessError
from harness.jsonread import JsonError
from harness.model import Suite
from harness.submission import MAX_BYTES, Submission, parse, relative_path
from harness.suite import load_suite
from harness.validate_earlier import calibration_changes
from harness.validate_rules import RULES, Problem, Rule, Subject, backwards, digests, redeclared

if TYPE_CHECKING:
    from harness.registry import Registry

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


class Installed:
    """The plugins and suites that are installed here, each looked up once and not before it is asked for."""

    def __init__(self) -> None:
        self._suites: dict[str, Suite | None] = {}

    @cached_property
    def registry(self) -> Registry:
        """The plugins.

        Raises:
            UsageError: E-CONFIG, a ``harness.toml`` here cannot be read.
        """
        return _registry()

    @cached_property
    def keys(self) -> dict[str, str]:
        """The metrics' keys by label; a set metric without its extractor has none."""
        return {
            spec.label: self.registry.metric_key(spec)
            for spec in self.registry.metrics.values()
            if not spec.extractor or spec.extractor in self.registry.extractors
        }

    def suite(self, label: str) -> Suite | None:
        """The suite of that label, None where there is none."""
        if label not in self._suites:
            try:
                self._suites[label] = load_suite(label).suite
            except HarnessError:
                self._suites[label] = None
        return self._suites[label]


def validate(path: Path, base: Path | None = None, installed: Installed | None = None) -> Report:
    """Put one file to every rule. Reads the file and, where they are installed, the suite and metrics that it names.

    A calibration, which is no result of a variant, is put to those rules that are about any file.

    Args:
        base: the folder of the files that are published already, against which a changed row must come from a new run.
        installed: to look up what is installed once for many files.

    Raises:
        UsageError: E-CONFIG, a ``harness.toml`` here cannot be read.
    """
    installed = installed or Installed()
    try:
        content = _content(path)
        if path.name == calibration_data.NAME:
            return _calibration(path, content, base, installed)
        submission = parse(content)
    except OSError as error:
        return Report(path, (Problem("schema", "error", "", f"cannot be read: {error.strerror}"),), None)
    except JsonError as error:
        return Report(path, (Problem(error.rule, "error", error.pointer, error.message),), None)
    known, registry = installed.suite(submission.suite.label), installed.registry
    subject = Subject(
        path, submission, known, len(content), registry.metrics, _earlier(submission, base), installed.keys
    )
    return Report(path, tuple(problem for rule in RULES for problem in _apply(rule, subject)), submission)


def _content(path: Path) -> bytes:
    if path.stat().st_size > MAX_BYTES:
        raise JsonError("", f"is larger than {MAX_BYTES} bytes", "size")
    return path.read_bytes()


def _registry() -> Registry:
    from harness.registry import load_plugins

    return load_plugins()


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


def _earlier_calibration(found: CalibrationFile, base: Path | None) -> CalibrationFile | None:
    """The calibration that a file would replace, None where that is new or no longer readable."""
    if base is None:
        return None
    path = base / calibration_data.place(found.suite.name, found.suite.version)
    try:
        return calibration_data.parse(path.read_bytes()) if path.is_file() else None
    except JsonError:
        return None


def _calibration(path: Path, content: bytes, base: Path | None, installed: Installed) -> Report:
    found = calibration_data.parse(content)
    expected, before = calibration_data.place(found.suite.name, found.suite.version), _earlier_calibration(found, base)
    misplaced = [] if path.resolve().parts[-2:] == expected.parts else [("", f"must be called {expected}")]
    lacking = [("/steps", "lack the clip without fault, or any fault")] if analyse(found.experiment) is None else []
    checked: dict[str, Iterable[tuple[str, str]]] = {
        "name": misplaced,
        "suite-digest": digests(found.suite_key, found.suite, installed.suite(found.suite.label)),
        "as-installed": redeclared(found.metrics, installed.registry.metrics),
        "plausible": backwards(found.run),
        "unchanged": [] if before is None else calibration_changes(before, found),
        "complete": lacking,
    }
    problems = [p for rule, told in checked.items() for p in _listed(rule, "error", told)]
    if found.run.git_dirty:
        problems.append(Problem("clean", "warning", "/run/git_dirty", "the source had changes that are in no commit"))
    return Report(path, tuple(problems), None)


def published_files(target: Path) -> list[Path]:
    """The result files at or below a path, sorted."""
    return [target] if target.is_file() else sorted(target.rglob("*.json"))


def _apply(rule: Rule, subject: Subject) -> Iterator[Problem]:
    return _listed(rule.name, rule.severity, rule.check(subject))


def _listed(rule: str, severity: str, told: Iterable[tuple[str, str]]) -> Iterator[Problem]:
    found = list(told)
    for pointer, message in found[:MAX_PROBLEMS]:
        yield Problem(rule, severity, pointer, message)
    if len(found) > MAX_PROBLEMS:
        yield Problem(rule, severity, "", f"and {len(found) - MAX_PROBLEMS} more of this kind")
