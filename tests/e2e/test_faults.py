"""One thing fails: it is recorded with its reason, everything else is finished, the exit status is 3."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.paths import scratch, video_relpath
from harness.store import Store
from tests.e2e.conftest import CliWithin, failures, notes, summary, table_of

pytestmark = pytest.mark.slow


def recorded(results: Path) -> list[tuple[str, str, int]]:
    """Code, stage and attempt of every failed attempt of the last run."""
    with Store(results) as store:
        run = store.last_run_id()
        assert run
        return sorted((f["code"], f["stage"], f["attempt"]) for f in store.failures(run))


def test_failing_rows_and_metrics_do_not_keep_the_others(cli_within: CliWithin) -> None:
    rows = "test-one-bad,test-no-load,test-wrong-shape,test-still"
    code, events = cli_within.events(rows, "--metrics", "test_mean,test_fails,test_distance")
    assert code == 3
    expected = ["E-GENERATE", "E-LOAD", "E-LOAD", "E-SCORE", "E-SCORE", "E-SCORE", "E-SHAPE", "E-SHAPE"]
    assert sorted(failures(events)) == expected
    assert summary(events)["made"] == 3
    table = {row["variant"]: row["metrics"] for row in table_of(events)["rows"]}
    assert table["test-still"]["test_mean@1"]["n_ok"] == 2
    assert table["test-still"]["test_distance@1"]["mean"] is not None
    assert table["test-one-bad"]["test_mean@1"]["n_ok"] == 1
    assert table["test-one-bad"]["test_distance@1"]["why"] == "1 of 2 videos", "only equal numbers are compared"
    assert table["test-no-load"]["test_mean@1"]["mean"] is None
    assert [entry[0] for entry in recorded(cli_within.folder / "results")] == expected

    done = cli_within.run("test-one-bad")
    assert done.returncode == 3
    assert "ArithmeticError: this item is too hard" in done.stderr
    assert "1 video to make, 1 reused" in done.stderr


def test_a_worker_that_dies_is_replaced_and_its_task_tried_twice_more(cli_within: CliWithin) -> None:
    folder = scratch(cli_within.folder / "results")
    code, events = cli_within.events("test-dies,test-still", "--limit", "1", TEST_SCRATCH=str(folder))
    assert code == 3
    assert not folder.exists(), "what a dead worker left half-written is gone when the run ends"
    assert failures(events) == ["E-WORKER"]
    assert summary(events)["made"] == 1
    assert recorded(cli_within.folder / "results") == [("E-WORKER", "generate", attempt) for attempt in (1, 2, 3)]


def test_a_worker_that_hangs_is_ended_and_the_run_goes_on(cli_within: CliWithin) -> None:
    code, events = cli_within.events("test-hangs,test-still", "--task-timeout", "4")
    assert code == 3
    assert failures(events) == ["E-TIMEOUT"]
    assert summary(events)["made"] == 3
    assert recorded(cli_within.folder / "results") == [("E-TIMEOUT", "generate", 1)]


def test_a_video_whose_memory_runs_out_is_made_in_fresh_processes(cli_within: CliWithin) -> None:
    code, events = cli_within.events("test-memory", "--limit", "1")
    assert (code, failures(events), summary(events)["made"]) == (0, [], 1)
    assert recorded(cli_within.folder / "results") == [("E-MEMORY", "generate", attempt) for attempt in (1, 2)]
    assert "made with less of it" in notes(events)


def test_a_run_stops_at_its_limit_of_failures(cli_within: CliWithin) -> None:
    done = cli_within.run("test-no-load,test-still", "--limit", "4", "--max-failures", "1")
    assert done.returncode == 3
    assert "E-FAILURES" in done.stderr
    assert "no such layer" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_video_made_again_lies_beside_the_first_and_is_compared_with_it(cli_within: CliWithin) -> None:
    assert cli_within.run("test-chance").returncode == 0
    results = cli_within.folder / "results"
    before = sorted((results / "videos").rglob("*.mkv"))
    code, events = cli_within.events("test-chance", "--redo", "test-chance", TEST_CHANCE="1")
    assert code == 0
    assert sorted((r["bitwise"], r["largest"]) for r in summary(events)["redone"]) == [(False, 1), (True, None)]
    assert (summary(events)["made"], summary(events)["scored"]) == (0, 0)
    assert "bitwise equal to the first" in notes(events)
    after = sorted((results / "videos").rglob("*.mkv"))
    assert set(before) < set(after)
    assert len(after) == len(before) + 1, "the one that differs"
    (results / "cache" / "harness.duckdb").unlink()
    with Store(results) as store:
        assert sorted(r.bitwise for r in store.replications()) == [False, True]
        made = store.generations([r.gen_key for r in store.replications()])
        assert sorted(results / row.relpath for row in made) == before, "the first is the result"


def test_a_damaged_master_is_found_and_deleting_it_mends_it(cli_within: CliWithin) -> None:
    assert cli_within.run("test-slow").returncode == 0
    results = cli_within.folder / "results"
    masters = sorted((results / "videos").rglob("*.mkv"))
    data = bytearray(masters[0].read_bytes())
    data[len(data) // 2] ^= 0xFF
    masters[0].write_bytes(bytes(data))

    code, events = cli_within.events("test-slow", "--metrics", "test_mean,test_change")
    assert code == 3
    assert failures(events) == ["E-VIDEO"]
    failure = next(event for event in events if event["event"] == "failure")
    assert masters[0].name in failure["message"]
    assert "changed after it was written" in failure["message"]

    masters[0].unlink()
    code, events = cli_within.events("test-slow", "--metrics", "test_mean,test_change")
    assert code == 0
    assert (summary(events)["made"], summary(events)["scored"]) == (1, 1)
    assert masters[0] == results / video_relpath(masters[0].stem)
    assert masters[0].is_file(), "the same seed gives the same bytes, and so the same name"
