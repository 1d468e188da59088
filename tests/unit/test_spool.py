"""The spool: whole files or none, whatever happens to the process that writes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.spool import (
    archive,
    by_run,
    read_archives,
    read_envelopes,
    set_aside,
    sweep,
    write_atomic,
    write_envelope,
)

payloads = st.dictionaries(
    st.text(max_size=5),
    st.integers() | st.text(max_size=9) | st.none() | st.lists(st.booleans(), max_size=3),
    max_size=4,
).map(lambda fields: {**fields, "kind": "generation"})


@settings(max_examples=30)
@given(st.lists(payloads, max_size=6))
def test_what_is_written_is_read_before_and_after_archiving(
    tmp_path_factory: pytest.TempPathFactory, written: list[dict[str, object]]
) -> None:
    run = tmp_path_factory.mktemp("spool") / "run"
    for index, payload in enumerate(written):
        write_envelope(run / "worker-0", f"{index:03d}", payload)
    found, refused = read_envelopes(run.parent)
    assert [e.payload for e in found] == written
    assert not refused
    archive(run, found[:2])
    archive(run, found[2:])
    assert read_envelopes(run.parent) == ([], [])
    archived, refused = read_archives(run.parent)
    assert [e.payload for e in archived] == written
    assert not refused


def test_archives_are_read_in_the_order_they_were_made(tmp_path: Path) -> None:
    for index in range(12):
        write_envelope(tmp_path / "run" / "w", "x", {"kind": "failure", "index": index})
        archive(tmp_path / "run", read_envelopes(tmp_path)[0])
    assert [e.payload["index"] for e in read_archives(tmp_path)[0]] == list(range(12))
    assert len(list((tmp_path / "run").glob("done-*.jsonl"))) == 12


def test_a_crash_between_archive_and_removal_reads_the_same(tmp_path: Path) -> None:
    path = write_envelope(tmp_path / "run" / "w", "x", {"kind": "failure"})
    kept = path.read_bytes()
    archive(tmp_path / "run", read_envelopes(tmp_path)[0])
    path.write_bytes(kept)
    again, _ = read_envelopes(tmp_path)
    archived, _ = read_archives(tmp_path)
    assert [e.payload for e in again] == [e.payload for e in archived]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "Expecting value"),
        (b'{"kind": "generation"', "Expecting"),
        (b"[1]", "'kind'"),
        (b'{"kind": 1}', "'kind'"),
        (b'\xff{"kind": "x"}', "UTF-8"),
    ],
)
def test_a_file_that_is_no_envelope_is_reported_and_can_be_set_aside(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    write_atomic(tmp_path / "run" / "w" / "bad.json", content)
    good = write_envelope(tmp_path / "run" / "w", "good", {"kind": "failure"})
    found, refused = read_envelopes(tmp_path)
    assert [e.path for e in found] == [good]
    assert reason in refused[0].reason
    assert refused[0].path is not None
    assert set_aside(refused[0].path).is_file()
    assert read_envelopes(tmp_path)[1] == []


def test_a_damaged_line_of_an_archive_costs_only_itself(tmp_path: Path) -> None:
    write_atomic(tmp_path / "run" / "done-1.jsonl", b'{"kind": "a"}\n{"kind": \n{"kind": "b"}\n')
    found, refused = read_archives(tmp_path)
    assert [e.kind for e in found] == ["a", "b"]
    assert refused[0].origin.endswith("done-1.jsonl:2")


def test_numbers_that_are_not_finite_are_refused_and_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Out of range"):
        write_envelope(tmp_path, "x", {"kind": "scores", "value": float("nan")})
    assert list(tmp_path.rglob("*")) == []


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    write_atomic(path, b"old")

    def no_space(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_half_written_files_are_not_read_and_are_swept(tmp_path: Path) -> None:
    half = tmp_path / "run" / "w" / "x.json.123.tmp"
    half.parent.mkdir(parents=True)
    half.write_bytes(b'{"kind": "gen')
    assert read_envelopes(tmp_path) == ([], [])
    assert sweep(tmp_path) == [half]
    assert sweep(tmp_path) == []


def test_envelopes_are_grouped_by_run(tmp_path: Path) -> None:
    for run, worker in (("b", "0"), ("a", "0"), ("a", "1")):
        write_envelope(tmp_path / run / worker, "x", {"kind": "failure", "run": run})
    groups = dict(by_run(tmp_path, read_envelopes(tmp_path)[0]))
    assert {folder.name: len(group) for folder, group in groups.items()} == {"a": 2, "b": 1}


WRITER = """
import sys
from pathlib import Path
from harness.spool import write_envelope
folder = Path(sys.argv[1])
for index in range(10**9):
    write_envelope(folder, f"{index:06d}", {"kind": "failure", "index": index, "padding": "x" * 20000})
    print(index, flush=True)
"""


@pytest.mark.parametrize("delay", [0.0, 0.003, 0.01, 0.017, 0.03])
def test_killing_the_writer_at_any_moment_loses_nothing_it_confirmed(tmp_path: Path, delay: float) -> None:
    folder = tmp_path / "run" / "w"
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for _ in range(5):
        process.stdout.readline()
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    confirmed = 4 + len(process.stdout.read().split("\n")[:-1])
    process.stdout.close()
    assert process.wait() == -signal.SIGKILL
    found, refused = read_envelopes(tmp_path)
    assert not refused
    assert [e.payload["index"] for e in found] == list(range(len(found)))
    assert all(len(str(e.payload["padding"])) == 20000 for e in found)
    assert len(found) - 1 in (confirmed, confirmed + 1)
    assert len(sweep(tmp_path)) <= 1
