"""A set metric that has no number for two sets: recorded with its reason, indexed, shown, and not computed again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.aggregating import measured
from harness.envelopes import rows_of
from harness.errors import ItemError, NoSetScore
from harness.model import Features, Score
from harness.registry import MetricSpec
from harness.scoring import checked_score
from harness.spool import Envelope
from harness.store import Store


def features(items: int) -> Features:
    return Features(np.arange(items, dtype=np.float64)[:, None], np.arange(items).astype(np.str_))


def spec(function: Any) -> MetricSpec:
    return MetricSpec("fd", 1, "lower", "", "", function, "m.py", scope="set", extractor="net")


def needs_four(generated: Features, reference: Features) -> float:
    if len(generated.rows) < 4:
        raise NoSetScore("E-FEATURES", "fewer than 4 rows")
    return 2.0


def payload(**changes: object) -> dict[str, Any]:
    record: dict[str, Any] = {
        "kind": "set_score", "set_key": "s", "metric_key": "m", "metric": "fd@1", "variant_key": "v", "suite_key": "u",
        "n": 3, "value": None, "status": "undefined", "reason": "fewer than 4 rows", "env_key": "e", "run_id": "r",
        "created_at": "2026-01-01T00:00:00+00:00",
    }  # fmt: skip
    return record | changes


def test_a_refusal_is_a_reason_and_not_a_fault() -> None:
    value, spread, reason = measured(spec(needs_four), features(3), features(3))
    assert (value, spread.stderr, reason) == (None, None, "fewer than 4 rows")


def test_a_refusal_of_a_smaller_set_costs_only_the_interval() -> None:
    value, spread, reason = measured(spec(needs_four), features(4), features(4))
    assert (value, spread.stderr, reason) == (2.0, None, "")
    assert measured(spec(needs_four), features(9), features(9))[1].stderr == 0.0


def test_a_number_that_is_not_finite_stays_a_fault() -> None:
    with pytest.raises(ItemError, match="finite") as caught:
        measured(spec(lambda generated, reference: float("nan")), features(3), features(3))
    assert not isinstance(caught.value, NoSetScore)


def test_a_number_outside_of_the_declared_bounds_is_a_fault() -> None:
    bounded = replace(spec(lambda generated, reference: -0.5), bounds=(0, None))
    with pytest.raises(ItemError, match=r"-0\.5 lies outside of what fd@1 can be, 0 to infinity") as caught:
        measured(bounded, features(3), features(3))
    assert caught.value.code == "E-SCORE"
    rounded = replace(spec(lambda generated, reference: -1e-9), bounds=(0, None))
    assert measured(rounded, features(3), features(3))[0] == -1e-9, "rounding is kept as it is"
    video = replace(bounded, scope="video", bounds=(0, 1))
    assert checked_score(Score(1.0), video) == Score(1.0)
    with pytest.raises(ItemError, match=r"1\.5 lies outside"):
        checked_score(Score(1.5), video)


def test_it_is_indexed_and_found_again(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        number = payload(metric_key="n", value=1.0, status="ok", reason="")
        done = store.ingest([Envelope(payload(), "here", None), Envelope(number, "there", None)])
        assert done.refused == ()
        found = {score.metric_key: score for score in store.set_scores(["s"])}
    assert (found["m"].value, found["m"].status, found["m"].reason) == (None, "undefined", "fewer than 4 rows")
    assert (found["n"].value, found["n"].status) == (1.0, "ok")


def test_an_envelope_without_a_status_is_a_number() -> None:
    old = payload(value=3.0, reason="")
    del old["status"]
    assert rows_of(old)[0][1]["status"] == "ok"


@pytest.mark.parametrize("changes", [{"status": "ok"}, {"value": 1.0}, {"status": "unsure"}])
def test_a_contradiction_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="status"):
        rows_of(payload(**changes))
