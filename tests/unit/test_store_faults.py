"""The index under other processes and under faults: locks, errors inside a batch, kills."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import click
import duckdb
import pytest

from harness import cli
from harness.connection import explain
from harness.errors import EXIT_INTERRUPTED, CannotStart
from harness.paths import database
from harness.spool import Envelope
from harness.store import Store
from tests.unit.store_helpers import (
    contents,
    generation,
    keys,
    payloads_in,
    put,
    score,
    scores,
    suite,
)

HOLDER = """
import sys, time, duckdb
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
time.sleep(float(sys.argv[2]))
"""


def hold(path: Path, seconds: float) -> subprocess.Popen[str]:
    path.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-c", HOLDER, str(path), str(seconds)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    process.stdout.close()
    return process


def test_a_database_in_use_is_waited_for(tmp_path: Path) -> None:
    process = hold(database(tmp_path), 0.4)
    with Store(tmp_path, wait=20) as store:
        assert store.last_run_id() is None
    process.wait()


def test_a_database_that_stays_in_use_names_its_holder(tmp_path: Path) -> None:
    process = hold(database(tmp_path), 60)
    started = time.monotonic()
    with pytest.raises(CannotStart) as caught, Store(tmp_path, wait=0.3):
        pass
    process.kill()
    process.wait()
    assert caught.value.code == "E-LOCK"
    assert f"process {process.pid}" in caught.value.what
    assert time.monotonic() - started < 10


def test_a_damaged_index_is_not_waited_for_whatever_its_folder_is_called(tmp_path: Path) -> None:
    place = database(tmp_path / "blocks")
    place.parent.mkdir(parents=True)
    place.write_bytes(b"garbage" * 1000)
    started = time.monotonic()
    with pytest.raises(CannotStart, match="cannot be used") as caught, Store(tmp_path / "blocks", wait=60):
        pass
    assert caught.value.code == "E-STORE"
    assert "delete this file" in caught.value.fix
    assert time.monotonic() - started < 30


def test_an_index_that_may_not_be_written_is_not_to_be_deleted() -> None:
    error = explain(duckdb.IOException('Cannot open file "x": Permission denied'), Path("x"))
    assert (error.code, error.why, "delete" in error.fix) == ("E-RESULTS", "Permission denied", False)


def test_a_folder_that_may_not_be_written_to_is_read_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, generation(tmp_path, "a"), scores("a"))
    with Store(tmp_path) as store:
        store.ingest_spool()
    monkeypatch.setattr("harness.store.may_write", lambda place: False)
    with Store(tmp_path) as store:
        assert list(store.have_generations(keys("a"))) == ["a"]
        with pytest.raises(duckdb.Error, match="read-only"):
            store.connection.execute("DELETE FROM generations")
    database(tmp_path).unlink()
    with pytest.raises(CannotStart, match="cannot be written") as caught, Store(tmp_path):
        pass
    assert caught.value.code == "E-RESULTS"
    assert not database(tmp_path).exists()


def test_ctrl_c_within_a_statement_is_an_interrupt_and_no_bug_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @click.command()
    def slow() -> None:
        with Store(tmp_path) as store:
            timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
            timer.start()
            with store._transaction():
                store.connection.execute("SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b")

    monkeypatch.setattr(cli, "app", slow)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # what is begun in the background ignores it
    try:
        assert cli.run_app([]) == EXIT_INTERRUPTED
    finally:
        signal.signal(signal.SIGINT, before)
    assert "safe to run again" in capsys.readouterr().err
    with Store(tmp_path) as store:
        assert store.last_run_id() is None, "the index is as usable as before"


def test_an_error_inside_a_batch_leaves_the_index_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, generation(tmp_path, "a"), scores("a"))
    with Store(tmp_path) as store:
        before = contents(store)
        put(tmp_path, generation(tmp_path, "b"), scores("b"))

        def no_space(rows: object) -> None:
            raise duckdb.IOException("Could not write: No space left on device")

        monkeypatch.setattr(store, "_note_replications", no_space)
        with pytest.raises(CannotStart) as caught:
            store.ingest_spool()
        assert caught.value.code == "E-DISK"
        assert contents(store) == before
        monkeypatch.undo()
        assert store.ingest_spool().envelopes == 2
        assert list(store.have_generations(keys("a", "b"))) == ["a", "b"]


def test_the_leaderboard_averages_seeds_within_an_item_first(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.record_suite(suite())
        store.record_variant("v", {"name": "mine", "revision": 2}, "0" * 64)
        first, second = (str(item.key) for item in suite().items)
        made = [
            generation(tmp_path, name, item_key=item, seed=seed, protocol_key=protocol)
            for protocol in (str(suite().protocol.key), "another")
            for name, item, seed in (("a", first, 0), ("b", first, 1), ("c", second, 0))
        ]
        for other in made[3:]:  # of the same items, for another suite
            other["gen_key"] += "-other"
        values = (("a", 0.0), ("b", 1.0), ("c", 2.5), ("a-other", 99.0))
        video = {m["gen_key"]: m["video_sha256"] for m in made}
        measured = [scores(name, score(value), video_sha256=video[name]) for name, value in values]
        assert not store.ingest([Envelope(p, "x") for p in (*made, *measured)]).refused
        (row,) = store._rows("SELECT suite, variant, revision, n_items, mean, stderr FROM leaderboard")
        assert (row["suite"], row["variant"], row["revision"]) == ("tiny@1", "mine", 2)
        assert (row["n_items"], row["mean"]) == (2, 1.5)
        assert row["stderr"] == pytest.approx(1.0)


INGESTER = """
import sys
from pathlib import Path
from harness.store import Store
while True:
    with Store(Path(sys.argv[1]), wait=30) as store:
        store.ingest_spool()
    print("batch", flush=True)
"""


@pytest.mark.slow
def test_killing_the_coordinator_while_it_ingests_loses_nothing(tmp_path: Path) -> None:
    payloads = payloads_in(tmp_path)
    for index, payload in enumerate(payloads):
        process = subprocess.Popen([sys.executable, "-c", INGESTER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        process.stdout.readline()
        put(tmp_path, payload)
        time.sleep(0.02 * (index % 5))
        process.kill()
        process.wait()
        process.stdout.close()
        if index >= 7:
            break
    put(tmp_path, *payloads[8:])
    with Store(tmp_path) as store:
        assert store.ingest_spool().refused == ()
        found = contents(store)
    with Store(tmp_path / "other") as store:
        store.results = tmp_path
        store.ingest([Envelope(p, "x") for p in payloads])
        assert found == contents(store)


def test_an_index_on_another_disk_reads_all_of_a_folder_that_may_not_be_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = tmp_path / "results"
    paths = put(results, generation(results, "a"), scores("a"))
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "mine"))
    monkeypatch.setattr("harness.store.may_write", lambda place: not place.is_relative_to(results))
    with Store(results) as store:
        assert list(store.have_generations(keys("a"))) == ["a"]
        assert len(store.scores(["a"])) == 1
    assert all(path.is_file() for path in paths), "what waits in the spool stays where it is"
