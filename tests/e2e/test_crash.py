"""However a run ends, nothing that was finished is lost and the same command goes on to the same table."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from tests.e2e.conftest import Cli, children, end, summary, table_of

pytestmark = pytest.mark.slow

ITEMS = ("--limit", "4")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    code, events = Cli(tmp_path_factory.mktemp("undisturbed")).events("test-slow", *ITEMS)
    assert code == 0
    return table_of(events)


def test_kill_of_the_coordinator(cli: Cli, undisturbed: dict[str, Any]) -> None:
    process = cli.start("test-slow", *ITEMS, TEST_DELAY="0.7")
    cli.wait_for_videos(1)
    workers = children(process.pid)
    end(process, signal.SIGKILL)
    assert "crashed" in cli("status").stdout

    done = cli.run("test-slow", *ITEMS)
    assert done.returncode == 0, done.stderr
    assert "did not end cleanly" in done.stderr
    assert not [pid for pid in workers if os.path.exists(f"/proc/{pid}/exe")], "workers outlived their coordinator"
    code, events = cli.events("test-slow", *ITEMS)
    assert code == 0
    assert summary(events)["made"] == 0
    assert table_of(events) == undisturbed


def test_kill_of_a_worker(cli: Cli, undisturbed: dict[str, Any]) -> None:
    process = cli.start("test-slow", "--json", *ITEMS, TEST_DELAY="0.7")
    cli.wait_for_videos(1)
    os.kill(children(process.pid)[0], signal.SIGKILL)
    process.communicate(timeout=100)
    assert process.returncode == 0
    assert table_of(cli.events("test-slow", *ITEMS)[1]) == undisturbed


def test_one_interrupt_finishes_what_is_in_hand(cli: Cli, undisturbed: dict[str, Any]) -> None:
    process = cli.start("test-slow", *ITEMS, TEST_DELAY="0.7")
    made = cli.wait_for_videos(1)["videos_done"]
    code, _, err = end(process, signal.SIGINT)
    assert code == 130
    assert "finishing what is in hand" in err
    assert "interrupted, nothing lost" in err
    code, events = cli.events("test-slow", *ITEMS)
    assert code == 0
    assert summary(events)["reused"] > made, "the video in hand was finished"
    assert table_of(events) == undisturbed


def test_a_deleted_index_is_made_again(cli: Cli, undisturbed: dict[str, Any]) -> None:
    assert cli.run("test-slow", *ITEMS).returncode == 0
    (cli.folder / "results" / "cache" / "harness.duckdb").unlink()
    done = cli.run("test-slow", *ITEMS)
    assert done.returncode == 0
    assert "the index was made again" in done.stderr
    assert "nothing to do" in done.stderr
    assert table_of(cli.events("test-slow", *ITEMS)[1]) == undisturbed
