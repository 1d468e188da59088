"""A first run, the same again, and what the options change."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import PLUGIN, Cli, summary, table_of

pytestmark = pytest.mark.slow


def test_a_run_makes_measures_and_shows_and_the_second_has_nothing_to_do(cli: Cli) -> None:
    first = cli.run("test-still,test-slow", "--metrics", "ff_ssim,warp_error")
    assert first.returncode == 0, first.stderr
    assert "4 videos to make, 0 reused" in first.stderr
    assert "test-still@1" in first.stdout
    assert "ff_ssim@1 ↑" in first.stdout
    assert "below 30 items: no ranks" in first.stdout
    masters = sorted((cli.folder / "results" / "videos").rglob("*.mkv"))
    assert len(masters) == 4

    # In this process' child, so that what it imports can be asked.
    code = (
        "import sys; from harness.cli import run_app\n"
        "status = run_app(sys.argv[1:])\n"
        "loaded = {'torch', 'cv2'} & set(sys.modules) - {'cv2'}\n"
        "print('LOADED', sorted(loaded)); sys.exit(status)"
    )
    arguments = ["run", "--variants", "test-still,test-slow", "--limit", "2", "--metrics", "ff_ssim,warp_error"]
    second = subprocess.run(
        [sys.executable, "-c", code, *arguments, "--plugin", str(PLUGIN)],
        cwd=cli.folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert second.returncode == 0, second.stderr
    assert "nothing to do" in second.stderr
    assert "LOADED []" in second.stdout
    assert second.stdout.splitlines()[:5] == first.stdout.splitlines()[:5]
    assert sorted((cli.folder / "results" / "videos").rglob("*.mkv")) == masters


def test_a_larger_limit_only_adds(cli: Cli) -> None:
    assert cli.run("test-still", "--limit", "1").returncode == 0
    code, events = cli.events("test-still", "--limit", "3")
    assert code == 0
    assert (summary(events)["made"], summary(events)["reused"]) == (2, 1)
    assert summary(events)["table"]["n_items"] == 3


def test_a_later_metric_is_computed_on_the_stored_videos(cli: Cli) -> None:
    assert cli.run("test-still").returncode == 0
    code, events = cli.events("test-still", "--metrics", "ff_ssim,warp_error")
    assert code == 0
    assert (summary(events)["made"], summary(events)["scored"]) == (0, 2)


def test_a_dry_run_shows_the_plan_and_leaves_nothing(cli: Cli) -> None:
    done = cli.run("test-still,test-gpu", "--dry-run")
    assert done.returncode == 0
    assert "2 videos to make" in done.stderr
    assert "skip: needs" in done.stderr
    assert "dry run: nothing was made" in done.stderr
    assert list(cli.folder.iterdir()) == []


def test_results_elsewhere_and_json_lines(cli: Cli, tmp_path: Path) -> None:
    elsewhere = tmp_path / "else" / "where"
    done = cli.run("test-still", "--results", str(elsewhere), "--json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [e["event"] for e in events if e["event"] in ("start", "plan", "summary")] == ["start", "plan", "summary"]
    assert summary(events)["made"] == 2
    assert (elsewhere / "cache" / "harness.duckdb").is_file()
    assert not (cli.folder / "results").exists()
    status = cli("status", "--results", str(elsewhere))
    assert "2/2 videos  2/2 scores" in status.stdout
    assert "complete" in status.stdout


def test_a_row_that_cannot_run_here_is_named_and_the_others_run(cli: Cli) -> None:
    code, events = cli.events("test-still,test-gpu,test-weights")
    assert code == 0
    assert set(table_of(events)["skipped"]) == {"test-gpu", "test-weights"}
    plan = next(event for event in events if event["event"] == "plan")
    remedies = {row["variant"]: row["remedy"] for row in plan["rows"]}
    assert remedies["test-weights"] == "make-the-weights --now"


def test_the_number_of_threads_does_not_change_the_table(cli: Cli, tmp_path: Path) -> None:
    one = cli.events("test-slow", "--threads", "1", "--results", "one")[1]
    two = cli.events("test-slow", "--threads", "2", "--results", "two")[1]
    assert table_of(one) == table_of(two)
    names = [sorted(p.name for p in (tmp_path / r / "videos").rglob("*.mkv")) for r in ("one", "two")]
    assert names[0] == names[1]
    assert len(names[0]) == 2


def test_help_is_quick_and_loads_nothing_heavy() -> None:
    heavy = "torch duckdb rich jinja2 numpy cv2 av pandas scipy".split()
    code = f"import sys; from harness.cli import run_app; run_app(['--help']); print([m for m in {heavy} if m in sys.modules])"
    times = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        # Processor time: wall time would measure what else the machine is doing.
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        assert done.stdout.splitlines()[-1] == "[]"
    assert min(times) < 0.3
