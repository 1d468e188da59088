"""A pull request of results: what may be in it, and that it is only read."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.contributed import changes, examine, main, report
from harness.errors import EXIT_DONE, EXIT_REFUSED, EXIT_USAGE
from tests.site.synthetic import LOOKS, result, small_suite, write_result

FILE = Path("results/published/demo-1")


@pytest.fixture
def trees(tmp_path: Path) -> tuple[Path, Path]:
    """A base with one published result, and a head with the same."""
    base, head = tmp_path / "base", tmp_path / "base" / "contributed"
    write_result(base / "results" / "published", result(small_suite(), LOOKS[0]))
    (base / "harness").mkdir()
    (base / "harness" / "cli.py").write_text("raise SystemExit('executed')\n")
    for folder in ("results", "harness"):
        shutil.copytree(base / folder, head / folder)
    return base, head


def published(tree: Path) -> Path:
    return next((tree / FILE).glob("*.json"))


def test_equal_trees_have_nothing_to_say(trees: tuple[Path, Path]) -> None:
    assert changes(*trees) == []
    assert examine(*trees) == []


def test_an_added_result_is_validated(trees: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    base, head = trees
    path = write_result(head / "results" / "published", result(small_suite(), LOOKS[1]))
    assert main([str(base), str(head)]) == EXIT_DONE
    out = capsys.readouterr().out
    assert f"ok       {path.relative_to(head)}  added: " in out
    assert "self-reported" in out
    assert "1 file, 0 errors" in out


def _edit_a_score(head: Path) -> None:
    content = json.loads(published(head).read_text())
    content["rows"][0]["seconds"] = 99.0
    write_result(head / "results" / "published", content)


def _not_json(head: Path) -> None:
    (head / FILE / "run.sh").write_text("echo")


def _broken(head: Path) -> None:
    (head / FILE / "odd-1.json").write_text("{")


def _code(head: Path) -> None:
    (head / "harness" / "cli.py").write_text("import os\n")


def _workflow(head: Path) -> None:
    (head / ".github").mkdir()
    (head / ".github" / "ci.yml").write_text("on: push\n")


def _link(head: Path) -> None:
    (head / FILE / "link-1.json").symlink_to("/etc/hostname")


def _linked_folder(head: Path) -> None:
    (head / "results" / "replications").symlink_to("/etc")


def _replication(head: Path) -> None:
    (head / "results" / "replications").mkdir()
    (head / "results" / "replications" / "odd.json").write_text("{}")


def _maintained(head: Path) -> None:
    (head / "results" / "MAINTAINED").write_text("0" * 64)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_edit_a_score, "has changed in seconds"),
        (lambda head: published(head).unlink(), "removed: published results stay"),
        (_not_json, "is no JSON file"),
        (_broken, "is not JSON"),
        (_code, "changed: a pull request of results changes nothing else"),
        (_workflow, "added: a pull request of results changes nothing else"),
        (_link, "is no JSON file"),
        (_linked_folder, "is no JSON file"),
        (_replication, "has no 'schema'"),
        (_maintained, "changes nothing else"),
    ],
)
def test_what_is_refused(
    change: Callable[[Path], None], words: str, trees: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    base, head = trees
    change(head)
    assert main([str(base), str(head)]) == EXIT_REFUSED
    out = capsys.readouterr().out
    assert out.startswith("error ")
    assert words in out


def test_too_many_files_are_not_looked_at(trees: tuple[Path, Path]) -> None:
    for number in range(201):
        (trees[1] / FILE / f"row-{number}.json").write_text("{")
    assert "201 files differ" in report(examine(*trees))


def test_two_folders_are_needed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["one"]) == EXIT_USAGE
    assert "BASE HEAD" in capsys.readouterr().err
