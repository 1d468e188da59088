"""A pull request that adds results, held against the branch it is for.

    python -m harness.contributed BASE HEAD

Both are folders with a checkout. Files of HEAD are read as data: nothing of it is imported, run or followed. Prints a
report for people and ends with 0 if it may be merged as far as a program can tell, 5 if not.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import EXIT_DONE, EXIT_REFUSED, EXIT_USAGE, HarnessError
from harness.replication import level_of
from harness.replication import read as read_replication
from harness.submission import MAX_BYTES, Submission
from harness.table_text import counted
from harness.validate import validate

PUBLISHED, REPLICATIONS = Path("results/published"), Path("results/replications")
RESULTS = (PUBLISHED, REPLICATIONS)
MAX_FILES = 200


@dataclass(frozen=True)
class Change:
    """One path that is not the same in both trees: ``added``, ``changed`` or ``removed``."""

    path: Path
    kind: str


@dataclass(frozen=True)
class Line:
    """One line of the report. ``severity`` is ``error``, ``warning`` or ``ok``."""

    severity: str
    path: Path
    text: str


def changes(base: Path, head: Path) -> list[Change]:
    """Every file that differs between two checkouts, git's own and HEAD's own folder inside BASE left out."""
    before, after = _files(base, skip=head), _files(head, skip=base)
    found = [Change(path, "removed") for path in before - after]
    found += [Change(path, "added") for path in after - before]
    found += [Change(path, "changed") for path in before & after if not _equal(base / path, head / path)]
    return sorted(found, key=lambda change: change.path)


def examine(base: Path, head: Path) -> list[Line]:
    """What there is to say of a pull request; empty when the two trees are equal."""
    found = changes(base, head)
    if len(found) > MAX_FILES:
        return [Line("error", Path(), f"{len(found)} files differ, at most {MAX_FILES} are looked at")]
    return [line for change in found for line in _judge(change, base, head)]


def report(lines: Sequence[Line]) -> str:
    """The lines as text, errors first."""
    order = ("error", "warning", "ok")
    told = [f"{line.severity:<8} {line.path}  {line.text}" for s in order for line in lines if line.severity == s]
    errors = sum(line.severity == "error" for line in lines)
    files = counted(len({line.path for line in lines}), "file")
    return "\n".join([*told, f"{files}, {counted(errors, 'error')}"])


def _judge(change: Change, base: Path, head: Path) -> Iterator[Line]:
    path = change.path
    inside = any(path.is_relative_to(folder) for folder in RESULTS)
    if not inside:
        yield Line("error", path, f"{change.kind}: a pull request of results changes nothing else")
    elif change.kind == "removed":
        yield Line("error", path, "removed: published results stay; a new revision is a file of its own")
    elif path.suffix != ".json" or (head / path).is_symlink():
        yield Line("error", path, "is no JSON file")
    elif path.is_relative_to(REPLICATIONS):
        yield _replication(path, head)
    else:
        yield from _result(change, base, head)


def _replication(path: Path, head: Path) -> Line:
    try:
        record = read_replication(head / path)
    except HarnessError as error:
        return Line("error", path, error.why)
    same = sum(row.same for row in record.rows)
    return Line("ok", path, f"{record.variant} on {record.suite}: {same} of {len(record.rows)} rows the same")


def _result(change: Change, base: Path, head: Path) -> Iterator[Line]:
    path = change.path
    checked = validate(head / path, base / PUBLISHED)
    for problem in checked.problems:
        yield Line(problem.severity, path, f"{problem.pointer or '/'} {problem.message}")
    if checked.accepted:
        yield Line("ok", path, f"{change.kind}{_summary(checked.submission, head / path)}")


def _summary(result: Submission | None, path: Path) -> str:
    if result is None:  # a calibration
        return ""
    label = f"{result.variant.label} on {result.suite.label}"
    return f": {label}, {len(result.rows)} videos, {len(result.metrics)} metrics, {level_of(path, result)}"


def _files(root: Path, skip: Path) -> set[Path]:
    found = set()
    for name_of_folder, folders, files in os.walk(root):
        folder = Path(name_of_folder)
        folders[:] = [name for name in folders if name != ".git" and folder / name != skip]
        found |= {(folder / name).relative_to(root) for name in files if name != ".git"}
        # A link to a folder is listed among folders and is not followed: it counts as the file that it is in git.
        found |= {(folder / name).relative_to(root) for name in folders if (folder / name).is_symlink()}
    return found


def _equal(first: Path, second: Path) -> bool:
    if first.is_symlink() or second.is_symlink():
        return first.is_symlink() == second.is_symlink() and first.readlink() == second.readlink()
    if first.stat().st_size != second.stat().st_size:
        return False
    return first.stat().st_size <= MAX_BYTES and first.read_bytes() == second.read_bytes()


def main(arguments: Sequence[str]) -> int:
    """Print the report on two checkouts and give the exit code."""
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return EXIT_USAGE
    lines = examine(*(Path(argument).absolute() for argument in arguments))
    print(report(lines))
    return EXIT_REFUSED if any(line.severity == "error" for line in lines) else EXIT_DONE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
