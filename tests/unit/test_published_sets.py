"""Set metrics put together from result files: the same numbers as from the features, or no test."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.compare import FROM_FILES, compare
from harness.frechet import frechet_distance
from harness.model import Features
from harness.published_sets import contrasts
from harness.stats_intervals import t_quantile
from harness.stats_sets import compare_sets, contrast, jackknife, jackknife_p
from harness.submission import Submission
from tests.unit.results import Made, metric, suite

ITEMS, DIM = 33, 5
MADE = Made(suite(ITEMS), (metric("warp"), metric("fd", scope="set")))


def distance(generated: Features, reference: Features) -> float:
    return frechet_distance(generated.rows, reference.rows)


def features(seed: int, shift: float = 0.0) -> Features:
    """Two rows an item; what an item is like is shared by all variants."""
    scenes = np.random.default_rng(99).normal(size=(ITEMS, DIM)).repeat(2, axis=0)
    rows = scenes + shift + 0.3 * np.random.default_rng(seed).normal(size=(2 * ITEMS, DIM))
    return Features(rows, np.array([f"{i:03d}" for i in range(ITEMS)]).repeat(2))


REFERENCE = Features(np.random.default_rng(7).normal(size=(2 * ITEMS, DIM)), features(0).groups)
SETS = {"a": features(1), "b": features(2, 0.4), "c": features(3, -0.2), "d": features(4, 0.3)}


def result(name: str, reference: str = "ref") -> Submission:
    """What an export of the set's scores has."""
    spread = jackknife(distance, SETS[name], REFERENCE)
    made = MADE.with_sets(fd=(distance(SETS[name], REFERENCE), spread.stderr))
    found = made.result(name, {"warp": np.arange(ITEMS, dtype=np.float64)[:, None] + ord(name)})
    detail = {"jackknife": list(spread.without), "reference": reference}
    return replace(found, set_scores=(replace(found.set_scores[0], detail=detail),))


RESULTS = {name: result(name) for name in SETS}


@pytest.mark.parametrize(
    "weights",
    [{"b": 1.0, "a": -1.0}, {"a": 0.5, "b": 0.5, "c": -0.5, "d": -0.5}, {"a": 1.0, "b": -1.0, "c": -1.0, "d": 1.0}],
)
def test_files_give_the_contrast_that_features_give(weights: dict[str, float]) -> None:
    labels = {f"{name}@1": weight for name, weight in weights.items()}
    mine = contrasts(list(RESULTS.values()), labels, 0.05)["fd@1"]
    from_features = contrast(distance, [SETS[n] for n in weights], list(weights.values()), REFERENCE)
    assert mine.n == ITEMS
    assert mine.value == pytest.approx(from_features.value, rel=1e-9)
    assert mine.spread.stderr == pytest.approx(from_features.spread.stderr, rel=1e-6)
    assert (mine.spread.low, mine.spread.high) == pytest.approx(
        (from_features.spread.low, from_features.spread.high), rel=1e-6
    )


def test_a_difference_is_paired_and_surer_than_two_values_on_their_own() -> None:
    column = compare(RESULTS["a"], RESULTS["b"]).columns[1]
    swapped = compare_sets(distance, SETS["b"], SETS["a"], REFERENCE)
    assert column.test.difference == pytest.approx(swapped.difference)
    assert (column.test.low, column.test.high) == pytest.approx((swapped.spread.low, swapped.spread.high))
    assert column.note == FROM_FILES
    assert column.verdict == "A better"
    assert swapped.p < 0.01
    assert column.test.p is not None
    assert column.test.p < 0.01
    first, second = (r.set_scores[0].stderr or 0.0 for r in (RESULTS["a"], RESULTS["b"]))
    assert (column.test.high or 0) - (column.test.low or 0) < 2 * t_quantile(0.975, 19) * np.hypot(first, second)


def test_what_does_not_subtract_is_left_out_and_says_why() -> None:
    a, b = RESULTS["a"], RESULTS["b"]
    elsewhere = result("b", "another reference")
    fewer = replace(b, set_scores=(replace(b.set_scores[0], n=7),))
    weights = {"a@1": -1.0, "b@1": 1.0}
    assert contrasts([a, elsewhere], weights, 0.05) == contrasts([a, fewer], weights, 0.05) == {}
    assert compare(a, elsewhere).omitted["fd@1"] == "measured against different reference sets"
    assert "equal n only" in compare(a, fewer).omitted["fd@1"]


@pytest.mark.parametrize("junk", [[], [1.0] * 19, ["1"] * 20, [None] * 20, "text", {"a": 1}, [1e400] * 20])
def test_a_file_without_its_jackknife_has_a_value_and_no_test(junk: object) -> None:
    score = replace(RESULTS["b"].set_scores[0], detail={"jackknife": junk})
    b = replace(RESULTS["b"], set_scores=(score,))
    found = contrasts([RESULTS["a"], b], {"a@1": -1.0, "b@1": 1.0}, 0.05)["fd@1"]
    assert found.spread.stderr is None
    assert jackknife_p(found) is None
    column = compare(RESULTS["a"], b).columns[1]
    assert (column.test.p, column.verdict) == (None, "not tested")
    assert column.test.low is not None, "the interval of two independent jackknives is left"
