"""What is said about the machine and the source."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

import harness
from harness.environment import describe, env_key, git_state, new_run_id
from harness.registry import REGISTRY


def test_it_says_what_made_a_result() -> None:
    found = describe()
    assert found["python"] == sys.version.split()[0]
    assert found["cpu"]
    assert found["cpu_count"] >= 1
    assert found["packages"]["numpy"]
    assert json.loads(json.dumps(found)) == found


def test_packages_that_bring_plugins_are_recorded_with_what_they_require(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {
        "Own_Rows": "Requires-Dist: exvideo-bench\nRequires-Dist: own.parts\nRequires-Dist: pytest; extra == 't'\n",
        "own.parts": "",
    }
    for name, requires in told.items():
        folder = tmp_path / f"{name}-2.5.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 2.5\n{requires}")
        if requires:
            (folder / "entry_points.txt").write_text("[exvideo_bench.variants]\nrows = own_rows\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = describe()["packages"]
    assert (found["own-rows"], found["own-parts"]) == ("2.5", "2.5")
    assert not {"pytest", "exvideo-bench"} & found.keys()
    assert found["pillow"]


def test_what_a_plugin_file_imports_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, module in (("own-net", "own_net"), ("own-parts", "parts")):
        folder = tmp_path / f"{name.replace('-', '_')}-1.5.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.5\n")
        (folder / "top_level.txt").write_text(f"{module}\n")
    monkeypatch.syspath_prepend(tmp_path)
    plugin = tmp_path / "mine.py"
    plugin.write_text(
        "import json, own_net.layers\nimport gone\n\ndef load():\n    from parts import net\n    from . import x\n"
    )
    monkeypatch.setattr(REGISTRY, "files", [plugin, tmp_path / "away.py"])
    found = describe()["packages"]
    assert (found["own-net"], found["own-parts"]) == ("1.5", "1.5")
    assert not {"json", "gone", "parts"} & found.keys()
    plugin.write_text("def broken(:")
    assert "own-net" not in describe()["packages"]


def test_torch_is_not_imported_unless_asked_for() -> None:
    code = "import sys; from harness.environment import describe; describe(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.slow
def test_torch_is_described_when_asked_for() -> None:
    code = "import json; from harness.environment import describe; print(json.dumps(describe(with_torch=True)))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["torch"]["version"].startswith(found["packages"]["torch"].split("+")[0])
    assert found["torch"]["threads"] >= 1


def test_the_key_is_of_everything_but_the_commit() -> None:
    found = {"python": "3.11", "git": {"commit": "a", "dirty": False}}
    assert env_key(found) == env_key({"python": "3.11"})
    assert env_key(found) != env_key({**found, "python": "3.12"})


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that passes for the installed source."""
    folder = tmp_path / "harness"
    folder.mkdir()
    shutil.copy(Path(harness.__file__), folder / "__init__.py")
    monkeypatch.setattr(harness, "__file__", str(folder / "__init__.py"))
    return folder


def test_source_that_is_no_checkout_has_no_commit(source: Path) -> None:
    assert git_state() is None


def test_source_inside_somebody_elses_repository_has_no_commit(source: Path) -> None:
    git(source.parent, "init")
    (source.parent / "theirs").touch()
    git(source.parent, "add", "theirs")
    git(source.parent, "commit", "-m", "theirs")
    assert git_state() is None


def test_the_commit_and_whether_anything_changed(source: Path) -> None:
    git(source.parent, "init")
    git(source.parent, "add", ".")
    git(source.parent, "commit", "-m", "ours")
    clean = git_state()
    assert clean is not None
    assert clean["dirty"] is False
    assert len(clean["commit"]) == 40
    (source.parent / "new").touch()
    assert git_state() == {**clean, "dirty": True}


def test_run_ids_are_version_7_and_sort_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    made = uuid.UUID(new_run_id())
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    ids = []
    for millisecond in (1, 2, 1000, 2**41):
        monkeypatch.setattr(time, "time_ns", lambda now=millisecond: now * 1_000_000)
        ids.append(new_run_id())
    assert ids == sorted(ids)
    assert len({new_run_id() for _ in range(100)}) == 100
