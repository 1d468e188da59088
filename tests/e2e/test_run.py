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

METRICS = ("--metrics", "test_mean,test_change,test_distance")


def test_a_run_makes_measures_and_shows_and_the_second_has_nothing_to_do(cli: Cli) -> None:
    first = cli.run("test-still,test-slow", *METRICS)
    assert first.returncode == 0, first.stderr
    assert "4 videos to make, 0 reused" in first.stderr
    assert "below 30 items: no ranks" in first.stdout
    assert "test_mean@1 ↑" in first.stdout
    assert "test-still test_change@1: 0 of 2 items (nothing moves)" in first.stdout
    masters = sorted((cli.folder / "results" / "videos").rglob("*.mkv"))
    assert len(masters) == 4

    # The same command in a process that tells afterwards what it has imported.
    code = (
        "import sys; from harness.cli import run_app\n"
        "status = run_app(sys.argv[1:])\n"
        "print('LOADED', 'torch' in sys.modules); sys.exit(status)"
    )
    arguments = ["run", "--variants", "test-still,test-slow", "--limit", "2", *METRICS, "--plugin", str(PLUGIN)]
    second = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=cli.folder, capture_output=True, text=True, check=False
    )
    assert second.returncode == 0, second.stderr
    assert "nothing to do" in second.stderr
    assert "LOADED False" in second.stdout
    assert second.stdout.splitlines()[:-1] == first.stdout.splitlines()
    assert sorted((cli.folder / "results" / "videos").rglob("*.mkv")) == masters


def test_a_larger_limit_and_a_later_metric_only_add(cli: Cli) -> None:
    assert cli.run("test-slow", "--limit", "1").returncode == 0
    code, events = cli.events("test-slow", "--limit", "3", "--metrics", "test_mean,test_change")
    assert code == 0
    assert (summary(events)["made"], summary(events)["reused"], summary(events)["scored"]) == (2, 1, 5)
    assert summary(events)["table"]["n_items"] == 3


def test_a_plugin_file_that_changed_is_told_until_it_is_accepted(cli: Cli) -> None:
    plugin = cli.folder / "mine.py"
    plugin.write_text(PLUGIN.read_text())
    run = ("run", "--variants", "test-still", "--plugin", "mine.py", "--limit", "2", "--metrics", "test_mean")
    accept = ("--accept-source", "test-still@1")
    assert cli(*run, "--workers", "1").returncode == 0
    too_early = cli(*run, *accept)
    assert too_early.returncode == 2
    assert "its file is the one that made its videos" in too_early.stderr

    plugin.write_text(PLUGIN.read_text() + "# a comment\n")
    told = " ".join(cli(*run).stderr.split())
    assert "changed since it made videos of test-still@1" in told
    assert "if not: --accept-source test-still@1" in told
    other = cli(*run, "--accept-source", "test-slow@1")
    assert (other.returncode, "no row of this run" in other.stderr) == (2, True)
    assert "changed since" in cli(*run, *accept, "--dry-run").stderr  # which changes nothing
    assert "changed since" not in cli(*run, *accept).stderr
    assert "changed since" not in cli(*run).stderr

    plugin.write_text(PLUGIN.read_text() + "# another\n")
    assert "changed since" in cli(*run).stderr
    (cli.folder / "results" / "accepted-sources.json").write_text("{")
    assert "E-RESULTS  accepted-sources.json cannot be read." in cli(*run).stderr


def test_a_long_run_asks_first(cli: Cli) -> None:
    assert cli.run("test-slow", "--limit", "1").returncode == 0  # since when it is known how long one takes
    asked = cli.run("test-slow", "--limit", "3", "--confirm-above", "0.001s")
    assert asked.returncode == 0  # there is nobody to ask
    wrong = cli.run("test-slow", "--confirm-above", "soon")
    assert (wrong.returncode, "'soon' is no time" in wrong.stderr) == (2, True)


def test_a_dry_run_shows_the_plan_and_leaves_nothing(cli: Cli) -> None:
    done = cli.run("test-still,test-gpu", "--dry-run")
    assert done.returncode == 0
    assert "2 videos to make" in done.stderr
    assert "skip: needs" in done.stderr
    assert "dry run: nothing was made" in done.stderr
    assert list(cli.folder.iterdir()) == []


def test_json_lines_results_elsewhere_and_rows_that_cannot_run_here(cli: Cli, tmp_path: Path) -> None:
    elsewhere = tmp_path / "else" / "where"
    code, events = cli.events("test-still,test-gpu,test-weights", "--results", str(elsewhere))
    assert code == 0
    assert [e["event"] for e in events if e["event"] in ("start", "plan", "summary")] == ["start", "plan", "summary"]
    assert summary(events)["made"] == 2
    assert set(table_of(events)["skipped"]) == {"test-gpu", "test-weights"}
    plan = next(event for event in events if event["event"] == "plan")
    remedies = {row["variant"]: row["remedy"] for row in plan["rows"]}
    assert remedies["test-weights"] == "make-the-weights --now"
    assert (elsewhere / "cache" / "harness.duckdb").is_file()
    assert not (cli.folder / "results").exists()
    status = cli("status", "--results", str(elsewhere), "--json")
    assert json.loads(status.stdout)["state"] == "complete"
    assert json.loads(status.stdout)["videos_done"] == 2


def test_the_number_of_threads_changes_no_byte(cli: Cli, tmp_path: Path) -> None:
    for name, threads in (("one", "1"), ("two", "2")):
        done = cli.run("test-slow", "--threads", threads, "--results", name, "--limit", "1")
        assert done.returncode == 0, done.stderr
    one, two = (sorted(p.name for p in (tmp_path / name / "videos").rglob("*.mkv")) for name in ("one", "two"))
    assert len(one) == 1
    assert one == two, "a master is named by its bytes"


def test_help_is_quick_and_loads_nothing_heavy() -> None:
    heavy = ["torch", "duckdb", "rich", "jinja2", "numpy", "cv2", "av", "pandas", "scipy"]
    code = (
        "import sys; from harness.cli import run_app\n"
        f"run_app(['--help']); print([name for name in {heavy} if name in sys.modules])"
    )
    times = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        # Processor time: wall time would measure what else the machine is doing.
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        assert done.stdout.splitlines()[-1] == "[]"
    assert min(times) < 0.3
