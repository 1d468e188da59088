"""However a run ends, nothing that was finished is lost and the same command goes on to the same table."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Cli, children, end, notes, summary, table_of

pytestmark = pytest.mark.slow

ASKED = ("--limit", "4", "--metrics", "test_mean,test_change,test_distance")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    code, events = Cli(tmp_path_factory.mktemp("undisturbed")).events("test-slow", *ASKED)
    assert code == 0
    return table_of(events)


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}/exe").exists()


def test_kill_of_the_coordinator(cli: Cli, undisturbed: dict[str, Any]) -> None:
    process = cli.start("test-slow", *ASKED, TEST_DELAY="0.7")
    cli.wait_for_videos(1)
    workers = children(process.pid)
    end(process, signal.SIGKILL)
    assert "crashed" in cli("status").stdout

    code, events = cli.events("test-slow", *ASKED)
    assert code == 0
    assert "did not end cleanly" in notes(events)
    assert not any(alive(pid) for pid in workers), "workers outlived their coordinator"
    assert summary(events)["made"] < 4
    assert table_of(events) == undisturbed


def test_kill_of_a_worker(cli: Cli, undisturbed: dict[str, Any]) -> None:
    process = cli.start("test-slow", *ASKED, TEST_DELAY="0.7")
    cli.wait_for_videos(1)
    os.kill(children(process.pid)[0], signal.SIGKILL)
    process.communicate(timeout=280)
    assert process.returncode == 0
    code, events = cli.events("test-slow", *ASKED)
    assert code == 0
    assert summary(events)["made"] == 0
    assert table_of(events) == undisturbed


def test_one_interrupt_finishes_what_is_in_hand(cli: Cli, undisturbed: dict[str, Any]) -> None:
    process = cli.start("test-slow", *ASKED, TEST_DELAY="0.7")
    made = cli.wait_for_videos(1)["videos_done"]
    code, _, err = end(process, signal.SIGINT)
    assert code == 130
    assert "finishing what is in hand" in err
    assert "interrupted, nothing lost" in err

    # The index may go at any time: it is made again from what the workers left.
    (cli.folder / "results" / "cache" / "harness.duckdb").unlink()
    code, events = cli.events("test-slow", *ASKED)
    assert code == 0
    assert "the index was made again" in notes(events)
    assert summary(events)["reused"] > made, "the video in hand was finished"
    assert table_of(events) == undisturbed
