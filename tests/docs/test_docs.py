"""The documentation is complete and true: generated pages are current, commands exist and do what is shown."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import click
import pytest

from harness import registry
from harness.cli import VERBS, app, run_app
from harness.codes import PAGES
from tests.docs.pages import LINK, ROOT, anchors, blocks, pages, shell, shown
from tests.unit.fresh import registry_apart

REGENERATE = "run: python docs/generate.py"
FOLLOWED = ("add-a-variant.md", "add-a-metric.md", "add-a-suite.md", "tutorial.md")
MAX_LINES = {"fade.py": 15, "exposure.py": 25}


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_pages_are_current(generator: ModuleType) -> None:
    for name, text in generator.pages().items():
        page = ROOT / "docs" / name
        assert page.is_file(), REGENERATE
        assert page.read_text(encoding="utf-8") == text, f"docs/{name} is not current; {REGENERATE}"


def test_every_command_flag_code_and_plugin_is_documented() -> None:
    cli = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    for name, options in flags().items():
        section = cli.partition(f"## harness {name}\n")[2].partition("\n## ")[0]
        assert section, f"harness {name} is not documented; {REGENERATE}"
        missing = [flag for flag in options if not re.search(rf"{re.escape(flag)}\b", section)]
        assert missing == [], f"harness {name}: {REGENERATE}"
    codes = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    assert [code for code in PAGES if f"\n## {code}\n" not in codes] == [], REGENERATE
    plugins = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    held = registry.load_plugins()
    folders = {ROOT / "variants", ROOT / "metrics"}
    labels = [m.label for m in held.metrics.values() if Path(m.source).parent in folders]
    labels += [e.label for e in held.extractors.values() if Path(e.source).parent in folders]
    assert [label for label in labels if f"| `{label}` |" not in plugins] == [], REGENERATE


def flags() -> dict[str, list[str]]:
    """The long options of every verb."""
    context = click.Context(app)
    commands = {name: app.get_command(context, name) for name in VERBS}
    return {
        name: [option for parameter in command.params for option in parameter.opts if option.startswith("--")]
        for name, command in commands.items()
        if command
    }


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_that_are_shown_exist_with_their_flags(page: Path) -> None:
    known = flags()
    for words in shown(page):
        if words[1].startswith("-"):
            continue
        assert words[1] in known, " ".join(words)
        used = {word.partition("=")[0].rstrip(".,;:") for word in words if word.startswith("--")} - {"--help"}
        assert used <= set(known[words[1]]), " ".join(words)


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        path, _, anchor = target.partition("#")
        if "://" in target:
            continue
        place = (page.parent / path).resolve() if path else page
        assert place.exists(), target
        assert not anchor or anchor in anchors(place), target


def test_every_page_is_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        links = (target.partition("#")[0] for target in LINK.findall(page.read_text(encoding="utf-8")))
        waiting += [(page.parent / link).resolve() for link in links if link and "://" not in link]
    assert [page.name for page in sorted((ROOT / "docs").glob("*.md")) if page not in reached] == []


def test_the_examples_of_the_pages_are_as_short_as_they_say() -> None:
    sizes = {}
    for name in FOLLOWED:
        for block in blocks(ROOT / "docs" / name):
            if block.file in MAX_LINES:
                sizes[block.file] = sum(bool(line.strip()) for line in block.text.splitlines())
    assert sizes.keys() == MAX_LINES.keys()
    assert all(size <= MAX_LINES[file] for file, size in sizes.items()), sizes


class Reader:
    """Somebody who types what a page shows, in an empty folder."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        monkeypatch.chdir(folder)
        pictures = folder / "pictures"
        pictures.mkdir()
        source = ROOT / "suites" / "exvideo_128" / "images"
        for path in sorted(source.glob("*.jpg"))[:2]:
            (pictures / path.name).write_bytes(path.read_bytes())

    def follow(self, page: Path, change: dict[str, str]) -> list[str]:
        """Do everything that the page says; gives the commands that did not end with 0."""
        failed = []
        for block in blocks(page):
            if block.file:
                Path(block.file).write_text(block.text, encoding="utf-8")
            elif block.language == "sh":
                failed += [line for words in shell(block.text) for line in self._type(words, change)]
        return failed

    def _type(self, words: list[str], change: dict[str, str]) -> list[str]:
        line = " ".join(words)
        for old, new in change.items():
            line = line.replace(old, new)
        if not line.startswith("harness "):
            return [line]
        with registry_apart():
            return [line] if run_app(line.split()[1:]) else []


@pytest.mark.parametrize("name", FOLLOWED)
def test_a_page_can_be_followed(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Runs are planned only; `tests.package.test_wheel` does one to the end, from the installed wheel."""
    change = {"harness run ": "harness run --dry-run ", "--dry-run --dry-run": "--dry-run"}
    needs_results = ("harness publish", "harness compare", "harness export", "harness validate results")
    failed = Reader(monkeypatch, tmp_path).follow(ROOT / "docs" / name, change)
    assert [line for line in failed if not line.startswith(needs_results)] == []


@pytest.mark.slow
def test_the_tutorial_does_what_it_shows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every command of it to the end, with two rows of two items and two columns: each ends with 0."""
    change = {
        "--variants all": "--variants control-still,control-flicker",
        "--limit 16": "--limit 2 --metrics dup_frac,adjacent_mae",
    }
    assert Reader(monkeypatch, tmp_path).follow(ROOT / "docs" / "tutorial.md", change) == []
    assert (tmp_path / "site" / "public" / "index.html").is_file()
    assert len(list((tmp_path / "results" / "published").rglob("*.json"))) == 2
    assert run_app(["status"]) == 0
