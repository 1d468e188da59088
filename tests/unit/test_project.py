"""What `harness.toml` says beside plugins: the options of commands."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from harness.cli import VERBS, app, run_app
from harness.errors import UsageError
from harness.project import PROJECT, Project, check_commands, defaults, from_project, read_project


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(text: str) -> Project:
    Path(PROJECT).write_text(text)
    return read_project(Path(PROJECT))


@click.command("go")
@click.option("--results", default="results")
@click.option("--workers", type=int)
@click.option("--redo", multiple=True)
@click.option("--json", "as_json", is_flag=True)
def go(**options: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    return options, from_project(click.get_current_context())


def asked(project: Project, *words: str) -> Any:
    return go.main(list(words), standalone_mode=False, default_map=defaults(project, "go", go))


def test_options_of_all_commands_and_of_one_and_what_is_typed_goes_before() -> None:
    project = write('results = "/data/r"\nsuite = "core"\n[go]\nworkers = 2\nredo = ["a", "b"]\njson = true\n')
    options, words = asked(project)
    assert options == {"results": "/data/r", "workers": 2, "redo": ("a", "b"), "as_json": True}
    assert words == ("--results=/data/r", "--workers=2", "--redo=a", "--redo=b", "--json")
    options, words = asked(project, "--workers", "3", "--results=here", "--redo", "c")
    assert (options["workers"], options["results"], options["redo"], words) == (3, "here", ("c",), ("--json",))
    assert asked(write(""))[1] == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("worker = 2", "it has no 'worker', there is: plugins, results, suite, threads, variants, workers"),
        ("[go]\nworker = 2", "[go] has 'worker', which is no option of `harness go`: did you mean workers?"),
        ("[go]\nresults = ['a', 'b']", "'results' of [go] is one value"),
        ("[go.workers]\nn = 1", "'workers' of [go] is one value"),
        ("[rum]\nworkers = 2", "there is no command 'rum': did you mean run?"),
    ],
)
def test_what_is_not_there_is_named(text: str, words: str) -> None:
    def use() -> None:
        project = write(text)
        defaults(project, "go", go)
        check_commands(project, VERBS)

    with pytest.raises(UsageError) as caught:
        use()
    assert caught.value.code == "E-CONFIG"
    assert words in caught.value.why


def test_a_value_that_cannot_be_is_told_as_the_file_s(capsys: pytest.CaptureFixture[str]) -> None:
    write('[run]\nworkers = "many"\n')
    assert run_app(["run", "--dry-run"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("E-CONFIG  --workers cannot be used.")
    assert "harness.toml, harness run" in said
    write("[rum]\n")
    assert run_app(["list", "suites"]) == 2
    assert run_app(["help", "E-CONFIG"]) == 0  # which says what is wrong with the file


def test_where_each_value_comes_from_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app(["show", "config"]) == 0
    assert "no harness.toml here" in capsys.readouterr().err
    write('plugins = ["mine.py"]\nworkers = 2\n[publish]\nout = "pages"\n')
    assert run_app(["show", "config"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "plugins  mine.py  harness.toml"
    assert "harness run  --workers=2  harness.toml" in lines
    assert "harness publish  --out=pages  harness.toml" in lines
    assert not [line for line in lines if line.endswith("default")]
    assert run_app(["show", "config", "run", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    sources = {row["option"]: (row["value"], row["source"]) for row in shown["options"]}
    assert sources["--workers"] == (2, "harness.toml")
    assert sources["--suite"] == ("mini", "default")
    assert len(sources) == sum(isinstance(p, click.Option) for p in app.get_command(click.Context(app), "run").params)  # type: ignore[union-attr]
    assert run_app(["show", "config", "rum"]) == 2


def test_a_run_takes_its_options_from_the_file_and_records_them(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr("harness.run.run", lambda options, *_: seen.append(options))
    monkeypatch.setattr(sys, "argv", ["harness", "run", "--limit", "3"])
    write('results = "there"\n[run]\nlimit = 5\nmax-failures = "5%"\n')
    assert run_app(["run", "--limit", "3"]) == 0
    (options,) = seen
    assert (options.results, options.limit, options.max_failures) == (Path("there"), 3, "5%")
    assert options.argv == ("run", "--limit", "3", "--results=there", "--max-failures=5%")
