"""A calibration as a user makes one: run, table, file, table again."""

from __future__ import annotations

import json

import pytest

from tests.e2e.conftest import CliWithin

pytestmark = pytest.mark.slow
ONE = ("--workers", "1")
ROWS = "fault-none,fault-blur-*,fault-drop-*"
RUN = ("run", "--suite", "calibration", "--variants", ROWS, "--metrics", "ff_psnr,dup_frac", "--limit", "2", *ONE)


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> CliWithin:
    cli = CliWithin(tmp_path_factory.mktemp("calibration"))
    done = cli(*RUN)
    assert done.returncode == 0, done.stderr
    assert "Calibration on calibration@1 · n = 2 items" in done.stdout
    assert "fault-blur-*" in done.stderr  # the plan has a line per fault
    assert "fault-blur-3" not in done.stderr
    return cli


def test_the_table_says_what_each_metric_sees(calibrated: CliWithin) -> None:
    shown = calibrated("show", "calibration")
    assert shown.returncode == 0, shown.stderr
    lines = {line.split()[0]: line for line in shown.stdout.splitlines() if "@1" in line.split(" ")[0]}
    assert lines["ff_psnr@1"].split()[1:] == ["↑", "●", "−1.00", "·"]
    assert lines["dup_frac@1"].split()[1:] == ["↓", "·", "●", "+1.00"]
    assert "| dup_frac@1 ↓ | · | ● +1.00 |" in calibrated("show", "calibration", "--markdown").stdout


def test_json_has_every_point(calibrated: CliWithin) -> None:
    records = [json.loads(line) for line in calibrated("show", "calibration", "--json").stdout.splitlines()]
    assert {(r["metric"], r["fault"]) for r in records} == {
        (metric, fault) for metric in ("ff_psnr@1", "dup_frac@1") for fault in ("blur", "drop")
    }
    drop = next(r for r in records if (r["metric"], r["fault"]) == ("dup_frac@1", "drop"))
    assert [p["n_ok"] for p in drop["points"]] == [2] * 6
    assert drop["verdict"] == "sees"
    events = [json.loads(line) for line in calibrated(*RUN, "--json").stdout.splitlines()]
    summary = next(event for event in events if event["event"] == "summary")
    for ran, shown in zip(summary["table"]["calibration"], records, strict=True):
        assert [ran[name] for name in ("metric", "fault", "verdict", "rho")] == [
            shown[name] for name in ("metric", "fault", "verdict", "rho")
        ]
        # A published value has seven digits, which are also what is shown.
        assert [p["mean"] for p in ran["points"]] == pytest.approx([p["mean"] for p in shown["points"]], rel=1e-6)
    assert summary["table"]["rows"] == []


def test_it_is_exported_as_one_valid_file_that_shows_the_same(calibrated: CliWithin) -> None:
    exported = calibrated("export", "--suite", "calibration", "--out", "elsewhere/published")
    assert exported.returncode == 0, exported.stderr
    files = sorted(path.name for path in (calibrated.folder / "elsewhere" / "published").rglob("*.json"))
    assert files == ["calibration.json"]
    assert "22 videos" in exported.stdout
    checked = calibrated("validate", "elsewhere/published")
    assert checked.returncode == 0, checked.stdout
    here = calibrated("show", "calibration").stdout
    assert calibrated("show", "calibration", "--results", "elsewhere").stdout == here


def test_without_results_it_says_what_to_run(calibrated: CliWithin) -> None:
    shown = calibrated("show", "calibration", "--results", "nowhere")
    assert shown.returncode != 0
    assert "There is no calibration on calibration@1" in shown.stderr
    assert "harness run --suite calibration" in shown.stderr
    assert calibrated("show", "metric").returncode == 2


def test_the_list_has_a_line_per_fault_and_json_all_rows(calibrated: CliWithin) -> None:
    lines = [line for line in calibrated("list", "variants").stdout.splitlines() if line.startswith("fault-")]
    assert len(lines) == 12
    assert any(line.startswith("fault-drop-*@1") for line in lines)
    records = [json.loads(line) for line in calibrated("list", "variants", "--json").stdout.splitlines()]
    assert len([name for name in (record["variant"] for record in records) if name.startswith("fault-")]) == 56
