"""The example package: built, installed away from its source, found by its entry points and run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.short_suite import short_suite

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plugin")
    shutil.copytree(ROOT / "examples" / "plugin", folder / "source")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--target", str(folder / "installed")]
    subprocess.run([*command, *options, str(folder / "source")], check=True, capture_output=True, text=True)
    return folder / "installed"


def harness(installed: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    command = [sys.executable, "-m", "harness", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_installed_package_is_found_and_runs(installed: Path, tmp_path: Path) -> None:
    suite = tmp_path / "short"
    suite.mkdir()
    chosen = ["--variants", "tiny-ltx,control-still", "--metrics", "exposure_drift", "--suite", str(short_suite(suite))]
    ran = harness(installed, tmp_path, "run", *chosen, "--workers", "1", "--json")
    assert ran.returncode == 0, ran.stderr
    summary = next(event for event in map(json.loads, ran.stdout.splitlines()) if event["event"] == "summary")
    rows = {row["variant"]: row for row in summary["table"]["rows"]}
    assert rows.keys() == {"tiny-ltx", "control-still"}
    assert len(list((tmp_path / "results" / "videos").rglob("*.mkv"))) == 2
    shown = harness(installed, tmp_path, "show", "variant", "tiny-ltx", "--json")
    assert json.loads(shown.stdout)["source"].startswith(str(installed))


def test_its_metric_keeps_the_laws(installed: Path, tmp_path: Path) -> None:
    path = installed / "exvideo_bench_tiny_ltx" / "metric.py"
    checked = harness(installed, tmp_path, "validate", str(path), "--json")
    assert checked.returncode == 0, checked.stdout
    assert json.loads(checked.stdout)["label"] == "exposure_drift@1"


def test_the_plain_torch_example_keeps_the_laws(tmp_path: Path) -> None:
    checked = harness(tmp_path, tmp_path, "validate", str(ROOT / "examples" / "plain_torch.py"), "--json")
    assert checked.returncode == 0, checked.stdout
    assert json.loads(checked.stdout)["kept"]
