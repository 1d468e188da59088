"""Parcels over a shelf: what a job sends arrives once, in order, whole, and is left behind by nobody."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from harness.engines import parcels as module
from harness.engines.parcels import Courier, Sender, bring_leftovers
from harness.errors import HarnessError, ItemError
from harness.shelf import Shelf
from harness.spool import read_envelopes, write_envelope

RUN = "r"


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.0)
    place = Shelf("memory://parcels")
    place.check()  # as a run does: a place without its mark is one that is away
    yield place
    fsspec.filesystem("memory").store.clear()


@pytest.fixture
def results(tmp_path: Path) -> Path:
    (tmp_path / "here" / "runs" / RUN / "jobs").mkdir(parents=True)
    return tmp_path / "here"


def sender(shelf: Shelf, tmp_path: Path, name: str = "job-0") -> Sender:
    return Sender(shelf, tmp_path / "node", RUN, name)


def left(tmp_path: Path, name: str, value: int) -> None:
    """An envelope in the spool of the node."""
    write_envelope(tmp_path / "node" / "spool" / RUN / "job-0", name, {"kind": "generation", "value": value})


def events(results: Path, name: str = "job-0") -> list[str]:
    return (results / "runs" / RUN / "jobs" / f"{name}.jsonl").read_text().splitlines()


def test_what_a_job_sends_arrives_once_and_in_order(shelf: Shelf, results: Path, tmp_path: Path) -> None:
    job, courier = sender(shelf, tmp_path), Courier(shelf, results, RUN)
    job.report("started a")
    left(tmp_path, "a", 1)
    left(tmp_path, "b", 2)
    job.report("finished a")
    for _ in range(2):
        courier.bring(at_once=True)
    assert events(results) == ["started a", "finished a"]
    found, refused = read_envelopes(results / "spool")
    assert ([envelope.payload["value"] for envelope in found], refused) == ([1, 2], [])
    assert not list((tmp_path / "node" / "spool").rglob("*.json")), "and is not sent again"
    for number in range(11):
        job.report(str(number))
    courier.bring(at_once=True)
    assert events(results)[2:] == [str(number) for number in range(11)]
    courier.close()
    assert shelf.names() == frozenset()


def test_a_parcel_that_could_not_be_removed_is_not_taken_again(
    shelf: Shelf, results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender(shelf, tmp_path).report("started a")
    courier = Courier(shelf, results, RUN)
    with monkeypatch.context() as patch:
        patch.setattr(Shelf, "remove", refuse)
        courier.bring(at_once=True)
    courier.bring(at_once=True)
    assert events(results) == ["started a"]


def test_a_job_ends_when_it_is_told_or_hears_nothing(
    shelf: Shelf, results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    courier, job, other = Courier(shelf, results, RUN), sender(shelf, tmp_path), sender(shelf, tmp_path, "job-1")
    courier.bring(at_once=True)
    assert not job.told_to_end()
    courier.tell_to_end("job-0")
    assert (job.told_to_end(), other.told_to_end()) == (True, False)
    monkeypatch.setattr(module, "SILENT_SECONDS", -1.0)
    assert other.told_to_end(), "the count has not gone on"
    monkeypatch.setattr(module, "BEAT_SECONDS", 0.0)
    courier.bring(at_once=True)
    monkeypatch.setattr(module, "SILENT_SECONDS", 0.5)
    assert not other.told_to_end(), "it has"


def test_a_shelf_that_does_not_answer_is_asked_again_and_at_last_ends_the_run(
    shelf: Shelf, results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    courier, job = Courier(shelf, results, RUN), sender(shelf, tmp_path)
    tries: list[int] = []

    def once(self: Shelf, relpath: str, data: bytes) -> None:
        tries.append(1)
        if len(tries) < 3:
            refuse()

    with monkeypatch.context() as patch:
        patch.setattr(Shelf, "write", once)
        job.report("started a")
        assert len(tries) == 3
        patch.setattr(Shelf, "write", refuse)
        with pytest.raises(ItemError):
            job.report("finished a")
        courier.bring(at_once=True)
        patch.setattr(module, "SILENT_SECONDS", -1.0)
        with pytest.raises(HarnessError):
            courier.bring(at_once=True)


def test_what_a_dead_coordinator_has_left_is_brought_by_the_next_run(
    shelf: Shelf, results: Path, tmp_path: Path
) -> None:
    left(tmp_path, "a", 1)
    sender(shelf, tmp_path).report("finished a")
    Sender(shelf, tmp_path / "node", "somebody-elses", "job-0").report("finished b")
    assert bring_leftovers(shelf, results) == 1
    assert [json.loads(path.read_text())["value"] for path in (results / "spool" / RUN).rglob("*.json")] == [1]
    assert bring_leftovers(shelf, results) == 0
    assert len(shelf.names("runs/somebody-elses")) == 1


def refuse(*_: object) -> None:
    raise ItemError("E-ARTEFACTS", "nobody answers", retryable=True)
