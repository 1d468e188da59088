"""The wheel: built from this checkout, installed away from it, used from an empty folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.docs.pages import blocks

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of what git tracks or would track, so that leftovers of other builds cannot help."""
    folder = tmp_path_factory.mktemp("wheel")
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    source = folder / "source"
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(source))
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("installed")
    pip("install", "--no-deps", "--target", str(target), str(wheel))
    return target


def pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    subprocess.run(command, check=True, capture_output=True, text=True)


def harness(installed: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the installed package; its folder comes before the checkout's on the path."""
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    command = [sys.executable, "-m", "harness", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_wheel_holds_code_suites_templates_and_every_listed_weight(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for name in ("harness/schema.sql", "harness/suites/mini/suite.toml", "harness/theme/base.html", "harness/py.typed"):
        assert name in names
    for path in (p for p in (ROOT / "suites").rglob("*") if p.suffix in (".toml", ".mkv", ".md")):
        assert f"harness/{path.relative_to(ROOT)}" in names
    suites = ROOT / "suites"
    files = [path for path in suites.rglob("*") if path.suffix in (".toml", ".md", ".jpg", ".mkv")]
    assert {path.suffix for path in files} == {".toml", ".md", ".jpg", ".mkv"}
    assert {f"harness/suites/{path.relative_to(suites).as_posix()}" for path in files} <= names
    for package in ("variants", "metrics"):
        manifest = ROOT / package / "weights" / "manifest.json"
        if manifest.is_file():
            assert {f"harness/{package}/{path}" for path in json.loads(manifest.read_text())} <= names
    assert not [name for name in names if name.split("/")[0] in ("variants", "metrics", "suites", "site", "tests")]


def test_an_empty_folder_is_enough_to_make_measure_and_publish(installed: Path, tmp_path: Path) -> None:
    code = "import harness.suites.mini.world as world; print(world.__file__)"
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert found.stdout.startswith(str(installed))
    plugins = []
    for page in ("add-a-variant.md", "add-a-metric.md"):  # what a reader of the documentation types in
        named = next(block for block in blocks(ROOT / "docs" / page) if block.file)
        (tmp_path / named.file).write_text(named.text, encoding="utf-8")
        plugins += ["--plugin", named.file]
    asked = ["--variants", "fade,control-real", "--limit", "2", "--metrics", "exposure,fd_world", "--workers", "1"]
    ran = harness(installed, tmp_path, "run", *asked, *plugins, "--json")
    assert ran.returncode == 0, ran.stderr
    published = harness(installed, tmp_path, "publish", "--local", *plugins)
    assert published.returncode == 0, published.stderr
    board = (tmp_path / "site" / "public" / "index.html").read_text()
    assert "control-real" in board
    assert "fade" in board
    assert "exposure" in board
    assert "fd_world" in board
