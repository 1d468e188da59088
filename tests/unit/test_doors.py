"""The four doors, and what is said of a plugin that does not get through."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import registry
from harness.cli import run_app
from harness.doors import load_file, open_doors
from harness.engines.base import Engine
from harness.engines.local import WorkerSettings
from harness.errors import UsageError
from harness.project import PROJECT
from harness.run import run
from harness.terminal import TextConsole
from harness.wishes import RunOptions
from tests.unit.fresh import registry_apart

VARIANT = """
from harness.api import Needs, variant

@variant("{name}", revision=1, family="test", summary="from a file")
class Plug:
    def needs(self): return Needs()
    def load(self, device): return self
"""
COLUMN = """
from harness.api import Score, metric

@metric("column", version=1, better="none", unit="", summary="a column")
def column(clip): return Score(0.0)
"""
BROKEN = """
from harness.api import metric

@metric("half_made", version=1, better="lower", unit="", summary="")
def half_made(clip):
    return unknown

wrong = Nowhere
"""


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[registry.Registry]:
    with registry_apart(empty=True) as held:
        monkeypatch.chdir(tmp_path)
        yield held


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def package(folder: Path, module: str, text: str, entries: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed distribution: a module, and the metadata that pip would have written."""
    write(folder / f"{module}.py", text)
    write(folder / f"{module}-1.0.dist-info" / "METADATA", f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    write(folder / f"{module}-1.0.dist-info" / "entry_points.txt", entries)
    monkeypatch.syspath_prepend(folder)


def test_a_file_in_the_current_folder_is_never_imported_unasked(fresh: registry.Registry, tmp_path: Path) -> None:
    write(tmp_path / "lying_about.py", "raise SystemExit('imported')")
    open_doors()
    assert fresh.files == []
    assert fresh.broken == []


def test_harness_toml_names_files_and_patterns(fresh: registry.Registry, tmp_path: Path) -> None:
    write(tmp_path / "one.py", VARIANT.format(name="toml-one"))
    write(tmp_path / "more" / "two.py", VARIANT.format(name="toml-two"))
    write(tmp_path / "more" / "three.py", VARIANT.format(name="toml-three"))
    write(tmp_path / PROJECT, 'plugins = ["one.py", "more/*.py"]')
    assert {"toml-one", "toml-two", "toml-three"} <= registry.load_plugins().variants.keys()
    assert [path.name for path in fresh.files] == ["one.py", "three.py", "two.py"]
    again = dict(fresh.variants)
    assert registry.load_plugins().variants == again


def test_two_files_of_one_name_are_two_plugins(fresh: registry.Registry, tmp_path: Path) -> None:
    for name in ("a", "b"):
        load_file(write(tmp_path / name / "mine.py", VARIANT.format(name=f"mine-{name}")))
    assert fresh.variants.keys() == {"mine-a", "mine-b"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("plugins = [", "Invalid value"),
        ("plugin = []", "it has no 'plugin', there is: plugins, results"),
        ('plugins = "a.py"', "a list of file names"),
    ],
)
def test_a_harness_toml_that_cannot_be_read_is_a_usage_error(tmp_path: Path, text: str, words: str) -> None:
    write(tmp_path / PROJECT, text)
    with pytest.raises(UsageError) as caught:
        open_doors()
    assert caught.value.code == "E-CONFIG"
    assert words in caught.value.why
    assert PROJECT in caught.value.where


def test_a_broken_file_of_harness_toml_is_listed_and_leaves_nothing(fresh: registry.Registry, tmp_path: Path) -> None:
    path = write(tmp_path / "half.py", BROKEN)
    write(tmp_path / PROJECT, 'plugins = ["half.py", "nowhere.py"]')
    open_doors()
    assert "half_made" not in fresh.metrics
    half, nowhere = fresh.broken
    assert half.reason == "half.py, line 8: NameError: name 'Nowhere' is not defined"
    assert half.where == f"{path}:8\n  wrong = Nowhere"
    assert half.names == ("half_made",)
    assert nowhere.reason == "no such file"
    with pytest.raises(UsageError) as caught:
        fresh.metric("half_made")
    assert caught.value.code == "E-PLUGIN"
    assert "only fatal because you selected half_made" in caught.value.why
    assert "wrong = Nowhere" in caught.value.where


def test_an_entry_point_registers(fresh: registry.Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = "[exvideo_bench.variants]\nouter = outer_plugin\n"
    package(tmp_path / "site", "outer_plugin", VARIANT.format(name="outer"), entries, monkeypatch)
    open_doors()
    assert fresh.variants["outer"].source.endswith("outer_plugin.py")
    assert fresh.files == []


def test_a_broken_entry_point_is_fatal_only_when_selected(
    fresh: registry.Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = "[exvideo_bench.metrics]\nodd = odd_plugin\n"
    package(tmp_path / "site", "odd_plugin", "import a_package_that_nobody_has\n", entries, monkeypatch)
    open_doors()
    (found,) = [broken for broken in fresh.broken if "odd_plugin" in broken.source]
    assert found.source == "odd_plugin of package odd_plugin"
    assert "No module named 'a_package_that_nobody_has'" in found.reason
    assert "odd_plugin.py:1" in found.where
    with pytest.raises(UsageError, match="was not loaded"):
        fresh.metric("odd")


def test_a_plugin_that_does_not_parse_is_quoted(tmp_path: Path) -> None:
    path = write(tmp_path / "odd.py", "x = 1\nclass = 2\n")
    with pytest.raises(UsageError) as caught:
        load_file(path)
    assert caught.value.where == f"{path}:2\n  class = 2"
    assert "line 2: SyntaxError" in caught.value.why


def test_a_plugin_that_exits_does_not_take_the_command_with_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="was not loaded"):
        load_file(write(tmp_path / "leaves.py", "import sys\nsys.exit(0)\n"))


def test_an_error_deep_in_a_library_is_shown_at_the_plugin_s_own_line(tmp_path: Path) -> None:
    path = write(tmp_path / "deep.py", "import json\nsettings = json.loads('{')\n")
    with pytest.raises(UsageError) as caught:
        load_file(path)
    assert caught.value.where == f"{path}:2\n  settings = json.loads('{{')"


def test_what_a_decorator_refuses_is_quoted_from_the_file(tmp_path: Path) -> None:
    text = VARIANT.format(name="loose").replace("class Plug:\n", "class Plug:\n    guidance = 3.0\n")
    path = write(tmp_path / "loose.py", text)
    with pytest.raises(UsageError) as caught:
        load_file(path)
    assert "write guidance: float = 3.0" in caught.value.why
    assert f"{path}:4\n" in caught.value.where
    assert "class Plug:" in caught.value.where
    assert "guidance = 3.0" in caught.value.where


def test_tracing_tells_what_came_through_which_door(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HARNESS_TRACE_PLUGINS", "1")
    write(tmp_path / "fine.py", VARIANT.format(name="traced"))
    write(tmp_path / "half.py", BROKEN)
    write(tmp_path / PROJECT, 'plugins = ["half.py"]')
    open_doors([tmp_path / "fine.py"])
    out, err = capsys.readouterr()
    assert out == ""
    assert "plugins: folder       harness.metrics.warp_error" in err
    assert "plugins: harness.toml harness.toml: half.py  broken" in err
    assert "NameError: name 'Nowhere' is not defined" in err
    assert "fine.py" in err.splitlines()[-1]
    assert "1 variants" in err.splitlines()[-1]


@pytest.mark.parametrize("value", ["", "0"])
def test_without_tracing_nothing_is_said(
    value: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_TRACE_PLUGINS", value)
    load_file(write(tmp_path / "fine.py", VARIANT.format(name="quiet")))
    assert capsys.readouterr() == ("", "")


def test_commands_list_what_is_broken_and_go_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "half.py", BROKEN)
    write(tmp_path / "fine.py", VARIANT.format(name="fine-row"))
    write(tmp_path / "poor.py", VARIANT.format(name="poor-row").replace("return Needs()", "return Needs(gpus=1)"))
    write(tmp_path / PROJECT, 'plugins = ["half.py", "fine.py", "poor.py"]')
    assert run_app(["list", "variants", "--json"]) == 0
    out, err = capsys.readouterr()
    assert "fine-row@1" in [json.loads(line)["variant"] for line in out.splitlines()]
    assert "broken: harness.toml: half.py: half.py, line 8: NameError" in err
    assert "broken: harness.toml: poor.py: variant 'poor-row': needs() raised TypeError" in err
    assert run_app(["run", "--variants", "fine-row,poor-row", "--metrics", "all", "--dry-run"]) == 2
    assert "return Needs(gpus=1)" in capsys.readouterr().err
    assert run_app(["run", "--variants", "fine-row", "--metrics", "half_made", "--dry-run"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("E-PLUGIN  harness.toml: half.py was not loaded.")
    assert "wrong = Nowhere" in err


def test_workers_get_the_files_of_harness_toml(tmp_path: Path) -> None:
    given: list[tuple[Path, ...]] = []

    class NoWorkersError(Exception):
        pass

    def engine(settings: WorkerSettings) -> Engine:
        given.append(settings.plugins)
        raise NoWorkersError

    load_file(write(tmp_path / "column.py", COLUMN))
    asked = write(tmp_path / "asked.py", VARIANT.format(name="asked"))
    held = write(tmp_path / "held.py", VARIANT.format(name="held"))
    write(tmp_path / PROJECT, 'plugins = ["held.py"]')
    options = RunOptions("held,asked", metrics="all", limit=1, results=tmp_path / "results", plugins=(asked,))
    with pytest.raises(NoWorkersError):
        run(options, TextConsole(), engine)
    assert given == [(tmp_path / "column.py", held, asked)]
