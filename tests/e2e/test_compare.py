"""Comparisons from a results folder and from published files, and the ablation of a small experiment."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.conftest import CliWithin

pytestmark = pytest.mark.slow
PLUGIN = str(Path(__file__).parent / "plugins" / "factors.py")


def test_compare_from_results_from_files_and_by_factors(cli_within: CliWithin) -> None:
    made = cli_within.run("f-*", "--plugin", PLUGIN, "--metrics", "f_mean,f_distance", "--limit", "8")
    assert made.returncode == 0, made.stderr

    found = cli_within("compare", "f-dark", "f-full", "--plugin", PLUGIN, "--json", "--power", "5")
    assert found.returncode == 0, found.stderr
    columns = {column["metric"]: column for column in json.loads(found.stdout)["columns"]}
    mean = columns["f_mean@1"]
    assert mean["n"] == 8
    assert mean["verdict"] == "B better"
    assert mean["test"]["difference"] == pytest.approx(20 / 255, abs=1e-3)
    assert mean["needed"][0]["seeds"] == 1
    # Feature rows are at hand, and of eight items all 2^7 distinguishable exchanges are tried.
    assert 128 * columns["f_distance@1"]["test"]["p"] in range(1, 129)

    shown = cli_within("compare", "f-dark", "f-full@1", "--plugin", PLUGIN, "--power", "5")
    assert "paired over 8 of 64 items" in shown.stdout
    assert "B better" in shown.stdout

    unloaded = cli_within("compare", "f-dark", "f-full")
    assert (unloaded.returncode, unloaded.stderr.partition(" ")[0]) == (2, "E-UNKNOWN")
    assert "there are videos of it in results, and its plugin is not loaded" in unloaded.stderr
    assert "--plugin FILE" in unloaded.stderr

    ablation = cli_within("compare", "--ablation", "--plugin", PLUGIN, "--json")
    assert ablation.returncode == 0, ablation.stderr
    record = json.loads(ablation.stdout)
    values = {(f["metric"], f["kind"], f["effect"]): f for f in record["findings"]}
    bright = values["f_mean@1", "main", "with bright − without"]
    assert bright["value"] == pytest.approx(20 / 255, abs=2e-3)
    assert len(bright["windows"]) == 8
    assert values["f_distance@1", "interaction", "bright × calm"]["p"] is not None
    assert "with bright − without" in cli_within("compare", "--ablation", "--plugin", PLUGIN, "--markdown").stdout

    assert cli_within("export", "--variants", "f-*", "--plugin", PLUGIN).returncode == 0
    files = [f"results/published/mini-1/{name}-1.json" for name in ("f-dark", "f-full")]
    from_files = cli_within("compare", *files, "--json")
    assert from_files.returncode == 0, from_files.stderr
    jackknifed = {column["metric"]: column for column in json.loads(from_files.stdout)["columns"]}["f_distance@1"]
    assert "p is the t of the paired jackknife" in jackknifed["note"], "the results carry its values"
    assert jackknifed["test"]["p"] is not None
    for name in ("difference", "low", "high"):  # the interval is the one that feature rows give
        assert jackknifed["test"][name] == pytest.approx(columns["f_distance@1"]["test"][name], rel=1e-6)

    (cli_within.folder / files[1]).write_text(
        (cli_within.folder / files[1]).read_text().replace('"fps": 10', '"fps": 12')
    )
    refused = cli_within("compare", *files)
    assert refused.returncode == 5
    assert refused.stderr.startswith("E-COMPARE")
    assert "fps: 10 and 12" in refused.stderr
    assert refused.stdout == ""
