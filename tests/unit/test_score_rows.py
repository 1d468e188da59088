"""Scores reach the index in the envelope's own text: nothing is lost, twice or made up on the way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.envelopes import rows_of
from harness.keys import canonical_json
from harness.model import generation_key, generation_keys
from harness.spool import Envelope, read_envelopes
from harness.store import Store
from tests.unit.run_helpers import PROTOCOL, suite, variant
from tests.unit.store_helpers import RUN, put, score, scores

ODD = [
    score(0.1 + 0.2, 'say "warp"@1', reason="", detail={"ümlaut": 1.5, "zero": 0}, profile=[None, 1, 2.5e-17]),
    score(None, "b@1", reason="nothing\nmoves", coverage=None, seconds=None),
    {"metric_key": "c-1", "metric": "c@1", "value": 3, "status": "ok"},
]


def stored(results: Path) -> list[dict[str, Any]]:
    with Store(results) as store:
        columns = "gen_key, metric_key, metric, value, status, reason, coverage, detail, profile, seconds"
        return store._rows(f"SELECT {columns} FROM scores ORDER BY ALL")


def test_the_rows_are_those_that_the_checks_make(tmp_path: Path) -> None:
    payload = scores("a", *ODD)
    with Store(tmp_path) as store:
        put(tmp_path, payload)
        assert store.ingest_spool().rows == {"scores": 3}
    expected = {row["metric_key"]: row for _, row in rows_of(payload)}
    found = stored(tmp_path)
    assert len(found) == 3
    for row in found:
        same = expected[row["metric_key"]]
        assert json.loads(row.pop("detail")) == same["detail"]
        assert row == {name: same[name] for name in row}


@pytest.mark.parametrize("with_text", [True, False])
def test_of_two_with_one_key_the_first_is_kept_in_one_batch_and_in_two(tmp_path: Path, with_text: bool) -> None:
    payloads = [scores("a", score(0.25)), scores("a", score(0.5)), scores("a", score(0.75))]
    envelopes = [Envelope(p, "x", text=canonical_json(p).encode() if with_text else b"") for p in payloads]
    with Store(tmp_path) as store:
        assert store.ingest(envelopes[:2]).rows == {"scores": 1}
        assert store.ingest(envelopes[2:]).rows == {"scores": 0}
    assert [row["value"] for row in stored(tmp_path)] == [0.25]


def test_an_envelope_of_several_lines_reads_the_same(tmp_path: Path) -> None:
    (path,) = put(tmp_path, scores("a", score(0.25)))
    path.write_text(json.dumps(json.loads(path.read_text()), indent=2))
    (envelope,), _ = read_envelopes(tmp_path / "spool" / RUN)
    assert envelope.text == b""
    with Store(tmp_path) as store:
        store.ingest_spool()
    assert [row["value"] for row in stored(tmp_path)] == [0.25]


def test_the_keys_of_a_plan_are_those_of_its_tasks() -> None:
    key = variant('of "two" words').key
    places = [(item.key, seed) for item in suite(3).items for seed in (0, 7, 2**40)]
    one_by_one = [generation_key(key, item, seed, PROTOCOL.key) for item, seed in places]
    assert list(generation_keys(key, places, PROTOCOL.key)) == one_by_one
