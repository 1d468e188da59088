"""However a run ends, nothing that was finished is lost and the same command goes on to the same table."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest

from harness.paths import database
from tests.e2e.conftest import HARNESS, PLUGIN, Cli, children, end, notes, summary, table_of

pytestmark = pytest.mark.slow

ASKED = ("--limit", "4", "--metrics", "test_mean,test_change,test_distance", "--workers", "2")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    code, events = Cli(tmp_path_factory.mktemp("undisturbed")).within.events("test-slow", *ASKED)
    assert code == 0
    return table_of(events)


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}/exe").exists()


def test_kill_of_the_coordinator(cli: Cli, undisturbed: dict[str, Any]) -> None:
    process = cli.start("test-slow", *ASKED, TEST_DELAY="0.7")
    cli.wait_for_videos(1)
    workers = children(process.pid)
    end(process, signal.SIGKILL)
    assert "crashed" in cli.within("status").stdout

    code, events = cli.within.events("test-slow", *ASKED)
    assert code == 0
    assert "did not end cleanly" in notes(events)
    assert not any(alive(pid) for pid in workers), "workers outlived their coordinator"
    assert summary(events)["made"] < 4
    assert table_of(events) == undisturbed


def test_kill_of_a_worker_while_a_second_run_is_refused(cli: Cli, undisturbed: dict[str, Any]) -> None:
    process = cli.start("test-slow", *ASKED, TEST_DELAY="0.7")
    cli.wait_for_videos(1)
    second = cli.within.run("test-slow", *ASKED)
    assert (second.returncode, "E-LOCK" in second.stderr) == (4, True), "two runs at once: the second does not begin"
    assert f"process {process.pid}" in second.stderr
    os.kill(children(process.pid)[0], signal.SIGKILL)
    with duckdb.connect(
        str(database(cli.folder / "results"))
    ):  # somebody looks at the results until the last video is made
        cli.wait_for_videos(4)
        time.sleep(2)
        assert process.poll() is None
    process.communicate(timeout=280)
    assert process.returncode == 0
    code, events = cli.within.events("test-slow", *ASKED)
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
    code, events = cli.within.events("test-slow", *ASKED)
    assert code == 0
    assert "the index was made again" in notes(events)
    assert summary(events)["reused"] > made, "the video in hand was finished"
    assert table_of(events) == undisturbed


def wait_for_a_video_in_hand(runs: Path) -> None:
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        if any("test-slow" in path.read_text() for path in runs.glob("*/status.json")):
            return
        time.sleep(0.1)
    raise TimeoutError("no video was begun")


def test_a_second_interrupt_drops_what_is_in_hand_at_once(cli: Cli, undisturbed: dict[str, Any]) -> None:
    process = cli.start("test-slow", *ASKED, TEST_DELAY="600")
    wait_for_a_video_in_hand(cli.folder / "results" / "runs")
    workers = children(process.pid)
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    started = time.monotonic()
    code, _, err = end(process, signal.SIGINT)
    assert (code, time.monotonic() - started < 60) == (130, True)
    assert "Ctrl-C again to drop it" in err
    assert not any(alive(pid) for pid in workers)
    code, events = cli.within.events("test-slow", *ASKED)
    assert (code, table_of(events)) == (0, undisturbed)


ROOM = """
mount -t tmpfs -o size=80m none "$1" || exit 77
cd "$1"; shift
run() { "$@" >> "$DONE/out" 2>> "$DONE/err"; echo "exit $?" >> "$DONE/out"; }
TEST_FILL=results/filler run "$@"
rm results/filler
run "$@"
mount -o remount,ro "$PWD"; "$@" > "$DONE/ro" 2>&1; echo "exit $?" >> "$DONE/ro"
"$PYTHON" -c "$READER" "$PLUGIN" > "$DONE/reader" 2>&1
"""
READER = """
import sys
from harness.cli import run_app
print("exit", run_app(["export", "--plugin", sys.argv[1], "--variants", "test-fills", "--format", "csv"]))
for wanted in (["export", "--plugin", sys.argv[1], "--variants", "test-fills"], ["new", "variant", "my-row"]):
    print("exit", run_app(wanted), flush=True)
"""


def test_a_disk_that_fills_up_or_is_read_only_stops_the_run_with_its_reason(tmp_path: Path) -> None:
    room, done = tmp_path / "room", tmp_path / "done"
    room.mkdir()
    done.mkdir()
    asked = ("run", "--variants", "test-fills", "--plugin", str(PLUGIN), "--limit", "3", "--metrics", "test_mean")
    command = ["unshare", "--map-root-user", "--mount", "sh", "-c", ROOM, "sh", str(room), *HARNESS, *asked, "--json"]
    if shutil.which("unshare") is None:
        pytest.skip("needs unshare, to mount a small disk without being root")
    told = {"DONE": str(done), "PYTHON": sys.executable, "READER": READER, "PLUGIN": str(PLUGIN)}
    ended = subprocess.run(command, env={**os.environ, **told}, check=False, timeout=280)
    if ended.returncode == 77:
        pytest.skip("this machine does not let a user mount a small disk")
    out, err, read_only = ((done / name).read_text() for name in ("out", "err", "ro"))
    assert [line for line in out.splitlines() if line.startswith("exit")] == ["exit 4", "exit 0"], out + err
    assert "E-DISK" in err
    assert "Everything finished is safe" in err
    assert "Traceback" not in err + read_only, err + read_only
    last = json.loads([line for line in out.splitlines() if '"event": "summary"' in line][-1])
    assert (last["made"] + last["reused"], last["failed"]) == (3, 0)
    assert "E-RESULTS" in read_only
    assert read_only.splitlines()[-1] == "exit 4"
    reader = (done / "reader").read_text()
    assert re.findall(r"exit \d|E-[A-Z]+", reader) == ["exit 0", "E-OUTPUT", "exit 2", "E-OUTPUT", "exit 2"], reader
    assert "mini@1,test-fills,1" in reader, "a finished board can be read where nothing can be written"
    assert "Read-only file system" in reader
