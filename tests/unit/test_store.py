"""The index: what is ingested, what is refused, and that it can always be made again."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import CannotStart, Refused
from harness.paths import database, run_folder, spool
from harness.spool import Envelope, read_archives, read_envelopes
from harness.store import Store
from tests.unit.store_helpers import (
    OTHER_RUN,
    RUN,
    contents,
    failure,
    features,
    generation,
    keys,
    payloads_in,
    put,
    run_record,
    score,
    scores,
    set_score,
    suite,
)


def test_what_workers_wrote_is_indexed_and_archived(tmp_path: Path) -> None:
    put(tmp_path, generation(tmp_path, "a"), scores("a", score(), score(None, "flow_smoothness@1")))
    put(tmp_path, features(tmp_path, "a"), set_score(), failure("b"))
    with Store(tmp_path) as store:
        assert store.rebuilt is not None
        assert store.rebuilt.rows == {"generations": 1, "scores": 2, "features": 1, "set_scores": 1, "failures": 1}
        made = store.have_generations(keys("a", "b"))
        assert list(made) == ["a"]
        assert (made["a"].frames, made["a"].seconds, made["a"].run_id) == (40, 1.5, RUN)
        found = {s.metric: s.score for s in store.scores(keys("a"))}
        assert found["warp_error@1"].value == 0.25
        assert found["warp_error@1"].detail == {"rate": 0.125}
        assert found["warp_error@1"].profile == (0.1, None, 0.3)
        assert (found["flow_smoothness@1"].value, found["flow_smoothness@1"].reason) == (None, "nothing moves")
        assert store.have_scores(keys("a")) == {("a", "warp_error-1"), ("a", "flow_smoothness-1")}
        videos = {("warp_error-1", "warp_error@1"), ("flow_smoothness-1", "flow_smoothness@1")}
        assert store.columns(keys("a"), []) == videos
        assert store.columns(keys("b"), []) == set()
        assert [s.metric for s in store.scores(keys("a"), ["warp_error-1"])] == ["warp_error@1"]
        kept, left = ("a", "flow_smoothness-1", None, "undefined", "nothing moves"), ["another"]
        assert store.score_values(keys("a", "b"), ["flow_smoothness-1", *left]) == [kept]
        assert store.score_values(keys("a"), left) == []
        assert [f.extractor_key for f in store.features(keys("a"))] == ["world-1"]
        assert store.features(keys("a"), "another") == []
        assert [(s.value, s.n, s.ci_high) for s in store.set_scores(["set"])] == [(3.5, 64, 4.5)]
        assert store.failure_counts(keys("b", "c")) == {"E-MEMORY": 1}
        assert [f["code"] for f in store.failures(RUN)] == ["E-MEMORY"]
        assert store.seconds_per_video(["v", "w"]) == {"v": 1.5}
        assert store.seconds_per_score(["warp_error-1", "x"]) == {"warp_error-1": 0.5}
        assert store.bytes_per_video("p") == 1
        assert store.bytes_per_video("another") is None
    assert read_envelopes(spool(tmp_path)) == ([], [])
    assert len(read_archives(spool(tmp_path))[0]) == 5


def test_ingesting_again_changes_nothing(tmp_path: Path) -> None:
    put(tmp_path, generation(tmp_path, "a"), scores("a"), failure("b"))
    with Store(tmp_path) as store:
        before = contents(store)
        again = store.ingest(read_archives(spool(tmp_path))[0])
        assert again.envelopes == 3
        assert sum(again.rows.values()) == 0
        assert contents(store) == before


def test_a_failure_names_its_part_and_counts_for_its_video(tmp_path: Path) -> None:
    put(tmp_path, failure("a:warp_error@1"), failure("a", 2, "E-VIDEO"), failure("ab"), failure("a", 3, "E-VIDEO"))
    with Store(tmp_path) as store:
        assert store.failure_counts(keys("a")) == {"E-MEMORY": 1, "E-VIDEO": 2}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"video_sha256": "0" * 64}, "expected 000000000000"),
        ({"relpath": "videos/no/such.mkv"}, "is missing"),
        ({"relpath": "../elsewhere.mkv"}, "leaves the results folder"),
        ({"relpath": "/etc/passwd"}, "leaves the results folder"),
        ({"seed": "0"}, "seed must be BIGINT"),
        ({"seed": 2**63}, "seed must be BIGINT"),
        ({"seed": True}, "seed must be BIGINT"),
        ({"frames": None}, "frames is missing"),
        ({"created_at": "yesterday"}, "created_at must be TIMESTAMPTZ"),
        ({"created_at": "2026-11-24T10:00:00"}, "created_at must be TIMESTAMPTZ"),
        ({"kind": "generations"}, "unknown kind"),
    ],
)
def test_an_envelope_that_is_wrong_is_refused_and_reported(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    good = generation(tmp_path, "good")
    paths = put(tmp_path, {**generation(tmp_path, "bad"), **change}, good)
    with Store(tmp_path) as store:
        assert store.rebuilt is not None
        (refusal,) = store.rebuilt.refused
        assert reason in refusal.reason
        assert refusal.task == "bad"
        assert refusal.origin == str(paths[0])
        assert list(store.have_generations(keys("good", "bad"))) == ["good"]
        assert store.ingest_spool().refused == ()
    assert paths[0].with_name(paths[0].name + ".refused").is_file()


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (score(value=None, status="ok"), "exactly when its status is ok"),
        (score(status="excluded"), "exactly when its status is ok"),
        (score(status="great"), "status must be one of"),
        ({**score(), "value": "0.5"}, "value must be DOUBLE"),
        (score(profile=[0.5, "x"]), "profile must be DOUBLE"),
        (score(detail=[]), "detail must be JSON"),
    ],
)
def test_a_score_that_contradicts_itself_is_refused(tmp_path: Path, record: dict[str, Any], reason: str) -> None:
    with Store(tmp_path) as store:
        done = store.ingest([Envelope(scores("a", record), "here")])
        assert reason in done.refused[0].reason
        assert contents(store)["scores"] == []


def test_infinity_in_an_envelope_is_refused(tmp_path: Path) -> None:
    (path,) = put(tmp_path, scores("a", score(1.0)))
    path.write_bytes(path.read_bytes().replace(b'"value":1.0', b'"value":Infinity'))
    with Store(tmp_path) as store:
        assert store.rebuilt is not None
        assert "value must be DOUBLE" in store.rebuilt.refused[0].reason


def test_a_video_whose_file_is_gone_is_to_do_again(tmp_path: Path) -> None:
    put(tmp_path, generation(tmp_path, "a"))
    with Store(tmp_path) as store:
        made = store.have_generations(keys("a"))["a"]
        (tmp_path / made.relpath).unlink()
        assert store.have_generations(keys("a")) == {}
        assert [g.gen_key for g in store.generations(keys("a"))] == ["a"]


def test_a_lost_video_made_again_with_other_bytes_takes_what_was_measured_along(tmp_path: Path) -> None:
    first = generation(tmp_path, "a", b"first")
    sha = first["video_sha256"]
    put(tmp_path, first, scores("a", video_sha256=sha), features(tmp_path, "a", video_sha256=sha), set_score())
    with Store(tmp_path) as store:
        (tmp_path / first["relpath"]).unlink()
        second = generation(tmp_path, "a", b"second", run_id=OTHER_RUN)
        put(tmp_path, second, run=OTHER_RUN)
        store.ingest_spool()
        assert store.have_generations(keys("a"))["a"].video_sha256 == second["video_sha256"]
        assert store.have_scores(keys("a")) == set()
        assert store.features(keys("a")) == []
        assert store.set_scores(["set"]) == []
        later = {"run_id": OTHER_RUN, "created_at": "2026-11-25T10:00:00+00:00"}
        measured = scores("a", score(0.75), video_sha256=second["video_sha256"], **later)
        put(tmp_path, measured, set_score(value=9.5, **later), run=OTHER_RUN)
        store.ingest_spool()
    for _ in range(2):
        with Store(tmp_path) as store:
            assert [s.score.value for s in store.scores(keys("a"))] == [0.75]
            assert store.have_scores(keys("a")) == {("a", "warp_error-1")}
            assert [s.value for s in store.set_scores(["set"])] == [9.5]
        database(tmp_path).unlink()


def test_a_score_that_arrives_before_its_video_counts_once_the_video_is_there(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        put(tmp_path, scores("a"), scores("b", video_sha256="0" * 64))
        assert store.ingest_spool().refused == ()
        assert store.have_scores(keys("a", "b")) == set()
        put(tmp_path, generation(tmp_path, "a"), generation(tmp_path, "b"))
        store.ingest_spool()
        assert store.have_scores(keys("a", "b")) == {("a", "warp_error-1")}


def test_the_same_video_from_two_runs_is_one_result_and_a_note(tmp_path: Path) -> None:
    put(tmp_path, generation(tmp_path, "a", b"one"))
    put(tmp_path, generation(tmp_path, "a", b"two", run_id=OTHER_RUN), run=OTHER_RUN)
    with Store(tmp_path) as store:
        assert store.have_generations(keys("a"))["a"].run_id == RUN
        noted = store._rows("SELECT gen_key, run_id, bitwise FROM replications")
        assert noted == [{"gen_key": "a", "run_id": OTHER_RUN, "bitwise": False}]


def record_all(store: Store) -> None:
    store.record_suite(suite(), "ref")
    store.record_variant("vk", {"name": "still", "revision": 1, "params": {"a": 1}}, "ab" * 32)
    metric = {"name": "warp_error", "version": 1, "scope": "video", "better": "lower", "unit": "grey levels"}
    store.record_metric("mk", metric, "cd" * 32)
    store.record_environment("ek", {"python": "3.11", "git": {"commit": "x", "dirty": True}})
    store.record_run(run_record())


def test_what_the_coordinator_records_survives_the_database(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        record_all(store)
        record_all(store)
        before = contents(store)
        assert store.environment("ek") == {"python": "3.11"}
        assert store.environment("unknown") == {}
        assert store.recorded_source("vk") == "ab" * 32
        assert store.recorded_source("unknown") == ""
        assert [len(before[t]) for t in ("suites", "variants", "metrics", "environments", "runs")] == [1] * 5
        assert [r["ordinal"] for r in store._rows("SELECT * FROM suite_items ORDER BY ordinal")] == [0, 1]
    shutil.rmtree(database(tmp_path).parent)
    with Store(tmp_path) as store:
        assert contents(store) == before


def test_an_edited_suite_is_refused(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.record_suite(suite())
        store.record_suite(suite(summary="other words, same content"))
        with pytest.raises(Refused) as caught:
            store.record_suite(suite(prompt="a square"))
        assert caught.value.code == "E-SUITE"
        assert suite().key in caught.value.what


def test_a_run_is_recorded_at_its_start_and_at_its_end(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.record_run(run_record(OTHER_RUN, "running"))
        store.record_run(run_record(RUN))
        assert [(r.run_id, r.status, r.finished_at) for r in store.runs()] == [
            (RUN, "complete", "2026-11-24T11:30:00.000000+00:00"),
            (OTHER_RUN, "running", None),
        ]
        assert store.last_run_id() == OTHER_RUN
        store.record_run(run_record(OTHER_RUN, "interrupted"))
        assert [r.status for r in store.runs()] == ["complete", "interrupted"]
        assert store.runs()[0].argv == ("run", "--variants", "all")
    assert (run_folder(tmp_path, RUN) / "run.json").is_file()


def test_an_empty_store_answers(tmp_path: Path) -> None:
    with Store(tmp_path / "new") as store:
        assert store.rebuilt is not None
        assert store.rebuilt.envelopes == 0
        assert store.have_generations([]) == store.have_generations(keys("a")) == {}
        assert store.have_scores(keys("a")) == set()
        assert store.last_run_id() is None
    with Store(tmp_path / "new") as store:
        assert store.rebuilt is None


@pytest.mark.slow
@settings(max_examples=8)
@given(st.randoms(use_true_random=False), st.lists(st.integers(0, 16), max_size=3))
def test_any_order_and_any_crash_point_give_the_same_index(
    tmp_path_factory: pytest.TempPathFactory, order: Any, cuts: list[int]
) -> None:
    """Envelopes in any order and batches, some batches twice, the database deleted in between."""
    results = tmp_path_factory.mktemp("results")
    payloads = payloads_in(results)
    with Store(tmp_path_factory.mktemp("reference")) as store:
        store.results = results
        store.ingest([Envelope(p, "x") for p in payloads])
        expected = contents(store)
    order.shuffle(payloads)
    bounds = [0, *sorted(cuts), len(payloads)]
    for begin, end in itertools.pairwise(bounds):
        put(results, *payloads[begin:end])
        with Store(results) as store:
            if order.random() < 0.5:
                store.ingest(read_envelopes(spool(results))[0])  # a crash before archiving
            else:
                store.ingest_spool()
        if order.random() < 0.3:
            database(results).unlink()
    with Store(results) as store:
        store.ingest_spool()
        assert contents(store) == expected


def test_an_old_or_a_newer_index(tmp_path: Path) -> None:
    put(tmp_path, generation(tmp_path, "a"))
    with Store(tmp_path) as store:
        store.connection.execute("UPDATE meta SET value = '0'")
        store.connection.execute("DELETE FROM generations")
    with Store(tmp_path) as store:
        assert list(store.have_generations(keys("a"))) == ["a"]
        store.connection.execute("UPDATE meta SET value = '99'")
    with pytest.raises(CannotStart, match="newer release") as caught, Store(tmp_path):
        pass
    assert caught.value.code == "E-STORE"


def test_a_damaged_database_says_that_nothing_is_lost(tmp_path: Path) -> None:
    put(tmp_path, generation(tmp_path, "a"))
    with Store(tmp_path):
        pass
    database(tmp_path).write_bytes(b"x" * 20_000)
    with pytest.raises(CannotStart) as caught, Store(tmp_path):
        pass
    assert caught.value.code == "E-STORE"
    assert "delete this file" in caught.value.fix
    database(tmp_path).unlink()
    with Store(tmp_path) as store:
        assert list(store.have_generations(keys("a"))) == ["a"]
