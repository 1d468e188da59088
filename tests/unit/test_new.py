"""`harness new` and `harness validate`: what is begun works, and what is wrong is told."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness import registry
from harness.api import check_plugin
from harness.cli import run_app
from harness.errors import Refused
from harness.suite import load_suite
from tests.unit.fresh import registry_apart


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    with registry_apart():
        monkeypatch.chdir(tmp_path)
        yield tmp_path


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    target = tmp_path / "pictures"
    target.mkdir()
    for index, name in enumerate(("red_kite.jpg", "a-blue-boat.png", "notes.txt")):
        if name.endswith("txt"):
            (target / name).write_text("not a picture")
        else:
            pixels = np.random.default_rng(index).integers(0, 256, (90, 160, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(target / name)
    (target / "red_kite.txt").write_text("a red kite\nover dunes\n")
    return target


@pytest.mark.parametrize(
    ("arguments", "labels"),
    [
        (["variant", "my-row"], ["variant my-row@1"]),
        (["variant", "my-still", "--from", "control-still"], ["variant my-still@1"]),
        (["metric", "my_column"], ["metric my_column@1"]),
        (["metric", "fd_mine", "--set"], ["set metric fd_mine@1", "extractor fd_mine_features@1"]),
    ],
)
def test_what_is_begun_keeps_the_laws(
    arguments: list[str], labels: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_app(["new", *arguments]) == 0
    stem = arguments[1].replace("-", "_")
    out = capsys.readouterr().out
    assert f"wrote {stem}.py" in out
    assert f"wrote test_{stem}.py" in out
    verdicts = check_plugin(folder / f"{stem}.py")
    assert [str(verdict) for verdict in verdicts] == labels
    assert all(verdict.kept and not verdict.findings for verdict in verdicts)


@pytest.mark.slow
def test_the_tests_that_come_with_it_pass_where_it_was_begun(folder: Path) -> None:
    for arguments in (["variant", "my-row"], ["metric", "my_column"], ["metric", "fd_mine", "--set"]):
        assert run_app(["new", *arguments]) == 0
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "6 passed" in done.stdout


def test_a_variant_begun_from_another_has_its_settings(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app(["new", "variant", "mini-slow", "--from", "mini-exvideo@1"]) == 0
    path = folder / "mini_slow.py"
    text = path.read_text()
    line = f"    # steps: int = {registry.load_plugins().variant('mini-exvideo').config.steps}\n"
    assert line in text
    path.write_text(text.replace(line, "    steps: int = 24\n"))
    capsys.readouterr()
    assert run_app(["show", "variant", "mini-slow", "--plugin", str(path)]) == 0
    shown = capsys.readouterr().out
    usual = registry.REGISTRY.variants["mini-exvideo"].config.steps
    assert f"parameters  steps  24 ← {usual} in mini-exvideo@1\n" in shown
    assert "others as in mini-exvideo@1" in shown
    assert "guidance" not in shown
    held = registry.REGISTRY.variants
    assert held["mini-slow"].params == {**held["mini-exvideo"].params, "steps": 24}
    assert held["mini-slow"].key != held["mini-exvideo"].key


def test_a_variant_for_large_videos_is_tried_on_a_suite_that_has_them(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_app(["new", "variant", "my-ex", "--from", "exvideo"]) == 0
    told = capsys.readouterr().err
    assert "harness validate my_ex.py --suite exvideo-128\n" in told
    assert "harness run --plugin my_ex.py --variants my-ex --suite exvideo-128 --limit 4\n" in told
    assert 'suite="exvideo-128")' in (folder / "test_my_ex.py").read_text()
    assert run_app(["run", "--variants", "exvideo,svd-direct", "--dry-run"]) == 4
    assert "Fix    harness run --suite exvideo-128 --variants exvideo\n" in capsys.readouterr().err
    assert run_app(["run", "--limit", "1", "--dry-run"]) == 0
    assert capsys.readouterr().err.count("harness run --suite exvideo-128\n") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["variant", "My Row"], "E-OPTION", "no name for a variant"),
        (["metric", "random"], "E-OPTION", "would hide a module of Python's own"),
        (["variant", "control-still"], "E-EXISTS", "There is a variant control-still already"),
        (["variant", "mine", "--from", "control-stil"], "E-UNKNOWN", "did you mean control-still"),
        (["variant", "mine", "--from", "fault-noise-1"], "E-OPTION", "cannot be derived from"),
        (["metric", "mine", "--from", "control-still"], "E-OPTION", "--from is for a variant"),
        (["variant", "mine", "--set"], "E-OPTION", "--set is for a metric"),
        (["metric", "mine", "--like", "mini"], "E-OPTION", "--like is for a suite"),
        (["suite", "mine"], "E-OPTION", "There is no suite.toml in mine"),
        (["suite", "mine", "--like", "mini"], "E-OPTION", "--like is for a new suite"),
        (["suite", "mini", "--images", "."], "E-OPTION", "no name for a suite"),
        (["suite", "mine", "--images", "."], "E-OPTION", "holds no picture"),
    ],
)
def test_mistakes(arguments: list[str], code: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app(["new", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"{code}  ")
    assert words in err
    assert "Fix " in err
    assert list(Path().iterdir()) == []


def test_nothing_is_written_over(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "test_my_row.py").write_text("precious")
    assert run_app(["new", "variant", "my-row"]) == 2
    assert capsys.readouterr().err.startswith("E-EXISTS  test_my_row.py exists already.")
    assert (folder / "test_my_row.py").read_text() == "precious"
    assert not (folder / "my_row.py").exists()


def test_validate_names_the_law_and_what_to_look_at(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app(["new", "metric", "my_column"]) == 0
    path = folder / "my_column.py"
    path.write_text(path.read_text().replace("float(per_frame.mean())", "1 / float(per_frame.mean())"))
    capsys.readouterr()
    assert run_app(["validate", str(path)]) == 5
    out = capsys.readouterr().out
    assert "BROKEN  finite      every clip gets a finite number, or a reason why there is none" in out
    assert "black: ZeroDivisionError" in out
    assert "look at   guard what you divide by" in out
    assert "kept    flip " in out
    assert run_app(["validate", str(path), "--json"]) == 5
    record = json.loads(capsys.readouterr().out)
    assert record["ok"] is False
    assert record["findings"][0]["law"] == "finite"


def test_a_plugin_that_cannot_be_loaded_is_not_validated(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "odd.py").write_text("import nothing_of_that_name\n")
    assert run_app(["validate", "odd.py"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("E-PLUGIN  odd.py was not loaded.")
    assert "  import nothing_of_that_name" in err


def test_pictures_become_a_suite(folder: Path, pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app(["new", "suite", "my-suite", "--images", str(pictures)]) == 0
    assert "my-suite@1, 2 items, 40 frames of 64x64" in capsys.readouterr().out
    loaded = load_suite("my-suite")
    assert [item.prompt for item in loaded.suite.items] == ["a blue boat", "a red kite over dunes"]
    assert all(loaded.image(item).shape == (64, 64, 3) for item in loaded.suite.items)
    assert run_app(["validate", "my-suite"]) == 0
    assert "my-suite@1 in my-suite   ok" in capsys.readouterr().out
    assert run_app(["new", "suite", "my-suite", "--images", str(pictures)]) == 2
    assert capsys.readouterr().err.startswith("E-EXISTS")


def test_a_suite_never_changes_under_one_version(
    folder: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_app(["new", "suite", "my-suite", "--images", str(pictures)])
    file = folder / "my-suite" / "suite.toml"
    original = file.read_text()
    changed = original.replace("over dunes", "over the sea")
    file.write_text(changed)
    capsys.readouterr()
    assert run_app(["run", "--suite", "my-suite", "--dry-run"]) == 5
    err = capsys.readouterr().err
    assert err.startswith("E-SUITE  my-suite@1 was edited.")
    assert "my-suite` writes its digests" in err
    assert run_app(["new", "suite", "my-suite"]) == 5
    assert "my-suite@1 already stands for other content" in capsys.readouterr().err
    file.write_text(changed.replace("version = 1", "version = 2"))
    assert run_app(["new", "suite", "my-suite"]) == 0
    assert load_suite("my-suite@2").suite.items[1].prompt == "a red kite over the sea"
    assert run_app(["run", "--suite", "my-suite@1", "--dry-run"]) == 2
    err = capsys.readouterr().err
    assert "is at my-suite@2" in err
    assert "release" not in err
    assert "for another version change its suite.toml" in err
    file.write_text(file.read_text().replace("over the sea", "over dunes").replace("version = 2", "version = 1"))
    assert run_app(["new", "suite", "my-suite"]) == 0  # what version 1 stood for, again


def test_another_picture_under_the_same_version_is_refused(
    folder: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_app(["new", "suite", "my-suite", "--images", str(pictures)])
    first, second = sorted((folder / "my-suite" / "images").iterdir())
    first.write_bytes(second.read_bytes())
    assert run_app(["validate", "my-suite"]) == 5
    assert run_app(["new", "suite", "my-suite"]) == 5
    assert run_app(["run", "--suite", "my-suite", "--dry-run"]) == 5
    first.unlink()
    capsys.readouterr()
    assert run_app(["run", "--suite", "my-suite", "--variants", "control-still", "--dry-run"]) == 5
    assert capsys.readouterr().err.startswith(f"E-SUITE  {first.name} cannot be read.")


def test_a_suite_written_by_hand_is_completed(folder: Path) -> None:
    (folder / "own").mkdir()
    Image.fromarray(np.full((32, 48, 3), 90, np.uint8)).save(folder / "own" / "Grey-field.png")
    (folder / "own" / "suite.toml").write_text(
        'name = "own"\nversion = 3\n[protocol]\nnum_frames = 8\nheight = 32\nwidth = 48\nfps = 4\n'
        '[[items]]\nfile = "Grey-field.png"\ncredit = "the author"\n'
    )
    assert run_app(["new", "suite", "own"]) == 0
    loaded = load_suite("own@3")
    (item,) = loaded.suite.items
    assert (item.slug, item.prompt, item.motion_bucket) == ("grey-field", "Grey field", 127)
    assert loaded.credit(item) == "the author"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('name = "my-suite"', 'name = "mini"', "the name of an installed suite"),
        ("version = 1", 'version = "one"', "invalid literal"),
        ("width = 64", "width = 63", "has 64x64 pixels, the suite's videos 63x64"),
        ('slug = "001-', 'slug = "000-a-blue-boat"  # ', "two items share a slug"),
        ('slug = "001-', 'slug = "Nº1"  # ', "no slug"),
        ("tags = []", "tags = [", "Invalid"),
        ("[protocol]", "[shape]", "'protocol'"),
        ('source = "red_kite.jpg"', "source = { of = 1 }", "Expected"),
    ],
)
def test_a_suite_that_cannot_be_sealed_says_why(
    old: str, new: str, words: str, folder: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_app(["new", "suite", "my-suite", "--images", str(pictures)])
    file = folder / "my-suite" / "suite.toml"
    file.write_text(file.read_text().replace(old, new))
    before = file.read_text()
    capsys.readouterr()
    assert run_app(["new", "suite", "my-suite"]) == 5
    err = capsys.readouterr().err
    assert err.startswith("E-SUITE  ")
    assert words in err
    assert file.read_text() == before


def test_a_folder_may_not_take_an_installed_suite_s_name(folder: Path, pictures: Path) -> None:
    from harness.keys import digest

    run_app(["new", "suite", "my-suite", "--images", str(pictures)])
    file = folder / "my-suite" / "suite.toml"
    manifest = {**load_suite("my-suite").suite.manifest(), "name": "mini"}
    text = file.read_text().replace('name = "my-suite"', 'name = "mini"')
    file.write_text(text.replace(load_suite("my-suite").suite.key, digest("suite/1", manifest), 1))
    with pytest.raises(Refused, match="which is an installed suite"):
        load_suite("my-suite")
