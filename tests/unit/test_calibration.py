"""Responses to faults: made-up scores with known answers, and files that keep them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import calibration_data as data
from harness.calibration import (
    Calibration,
    Experiment,
    Measured,
    Sample,
    Step,
    Verdict,
    analyse,
    as_records,
    monotone,
    ranks,
    spearman,
    step_of,
)
from harness.calibration_text import as_markdown, notes, rows
from harness.errors import Refused
from harness.export import suite_record
from harness.jsonread import JsonError
from harness.model import Direction
from harness.stats import t_interval
from harness.stats_intervals import RATE
from harness.submission import Submission
from tests.unit.results import Made, metric, suite

ITEMS = ("000", "001", "002", "003")
BASE = np.array([1.0, 2.0, 3.0, 4.0])  # SD 1.29
Curve = Sequence[Sequence[float | None]]


def experiment(curve: Curve, better: Direction = "lower") -> Experiment:
    """One metric under one fault; row s of ``curve`` holds the items' values at step s."""
    steps = tuple(Step("none" if s == 0 else "haze", s, s / 10) for s in range(len(curve)))
    samples = {(step.kind, step.step): Sample(tuple(row)) for step, row in zip(steps, curve, strict=True)}
    return Experiment("tiny@1", ITEMS, steps, (Measured("sharp@1", "k", better, "video", samples),))


def shifted(*by: float) -> list[list[float | None]]:
    return [[float(v) for v in BASE + d] for d in (0.0, *by)]


def found(run: Experiment) -> Calibration:
    result = analyse(run)
    assert result is not None
    return result


def verdict(curve: Curve, better: Direction = "lower") -> Verdict:
    return found(experiment(curve, better)).metrics[0].to("haze").verdict


@pytest.mark.parametrize(
    ("curve", "better", "expected"),
    [
        (shifted(1, 2, 3, 4, 5), "lower", "sees"),
        (shifted(1, 2, 3, 4, 5), "higher", "reversed"),
        (shifted(-1, -2, -3, -4, -5), "higher", "sees"),
        (shifted(-1, -2, -3, -4, -5), "lower", "reversed"),
        (shifted(-1, -2, -3, -4, -5), "none", "sees"),
        (shifted(0.1, 0.2, 0.3, 0.4, 0.5), "lower", "ignores"),  # in step, but below half an item SD
        (shifted(0, 0, 0, 0, 0), "lower", "ignores"),
        (shifted(3, 4, 5, 1, 0), "lower", "uneven"),
        (shifted(1, 2, 3, 4, 0.1), "lower", "uneven"),  # the last step is where the fault is strongest
        ([*shifted(1, 2), *[[None] * 4] * 3], "lower", "undefined"),
        ([*shifted(1, 2, 3), *[[None] * 4] * 2], "lower", "sees"),
        ([[None] * 4, *shifted(1, 2, 3, 4)], "lower", "undefined"),  # nothing to compare with
    ],
)
def test_what_a_metric_does_with_a_fault(curve: Curve, better: Direction, expected: Verdict) -> None:
    assert verdict(curve, better) == expected


def test_a_metric_without_spread_between_items_sees_any_change() -> None:
    flat: Curve = [[1.0] * 4, *[[1.0 + s] * 4 for s in range(1, 6)]]
    response = found(experiment(flat)).metrics[0].to("haze")
    assert (response.verdict, response.effect) == ("sees", None)


def test_a_response_has_mean_interval_count_and_change() -> None:
    curve = shifted(1, 2, 3, 4, 6)
    curve[5][0] = None
    response = found(experiment(curve)).metrics[0].to("haze")
    assert [p.mean for p in response.points[:3]] == [2.5, 3.5, 4.5]
    assert (response.points[0].low, response.points[0].high) == t_interval(BASE)[1:]
    assert [p.n_ok for p in response.points] == [4, 4, 4, 4, 4, 3]
    assert [p.strength for p in response.points] == [0, 0.1, 0.2, 0.3, 0.4, 0.5]
    assert response.rho == 1
    assert response.monotone
    assert response.change == pytest.approx(9 - 2.5)
    assert response.relative == pytest.approx(6.5 / 2.5)
    assert response.effect == pytest.approx(6.5 / BASE.std(ddof=1))


def test_a_mean_over_few_items_is_no_point_of_the_response() -> None:
    curve = shifted(1, 2, 3, 4, -9)
    curve[5][1:] = [None] * 3  # one item of four, and it would turn the response around
    response = found(experiment(curve)).metrics[0].to("haze")
    assert not response.points[5].usable
    assert (response.rho, response.verdict) == (1, "sees")


def test_a_set_metric_is_judged_by_its_standard_error() -> None:
    steps = tuple(Step("none" if s == 0 else "haze", s, float(s)) for s in range(6))
    values = {(step.kind, step.step): Sample((), 10.0 + step.step, 0.5, 16) for step in steps}
    run = Experiment("tiny@1", tuple(map(str, range(16))), steps, (Measured("fd@1", "k", "lower", "set", values),))
    response = found(run).metrics[0].to("haze")
    assert response.effect == pytest.approx(5 / (0.5 * 4))
    assert response.verdict == "sees"
    assert (response.points[0].low, response.points[0].high) == pytest.approx((8.934, 11.066), abs=1e-3)  # t, 15


def test_a_rate_has_an_interval_where_every_clip_says_the_same() -> None:
    flat = experiment([[0.0] * 4] * 6)
    (metric,) = flat.metrics
    (point, *_) = found(replace(flat, metrics=(replace(metric, unit=RATE),))).metrics[0].to("haze").points
    assert (point.mean, point.low) == (0, 0)
    assert point.high == pytest.approx(0.49, abs=0.01)


def test_without_the_clean_row_or_without_faults_there_is_no_calibration() -> None:
    run = experiment(shifted(1, 2, 3))
    assert analyse(replace(run, steps=run.steps[1:])) is None
    assert analyse(replace(run, steps=run.steps[:1])) is None


numbers = st.lists(st.integers(-5, 5).map(float), min_size=2, max_size=9)


@given(numbers, st.randoms(use_true_random=False))
def test_spearman_is_scipys(x: list[float], random: Any) -> None:
    from scipy.stats import rankdata, spearmanr

    y = [random.choice(x) + random.random() for _ in x]
    assert ranks(x) == pytest.approx(rankdata(x))
    rho = spearman(x, y)
    if len(set(x)) == 1 or len(set(y)) == 1:
        assert rho is None
    else:
        assert rho == pytest.approx(spearmanr(x, y).statistic)


@pytest.mark.parametrize(
    ("values", "expected"), [([1, 2, 2, 3], True), ([3, 1, 1], True), ([1, 3, 2], False), ([1, 1], True)]
)
def test_monotone(values: list[float], expected: bool) -> None:
    assert monotone(values) is expected


def test_what_is_a_fault_row() -> None:
    assert step_of("fault", {"kind": "haze", "step": 2, "strength": 0.3}) == Step("haze", 2, 0.3)
    assert step_of("control", {"kind": "haze", "step": 2, "strength": 0.3}) is None
    assert step_of("fault", {"amplitude": 1}) is None


def test_the_table_says_it_in_signs() -> None:
    calibration = found(experiment(shifted(1, 2, 3, 4, 5)))
    assert rows(calibration) == [["sharp@1 ↓", "● +1.00"]]
    assert "| sharp@1 ↓ | ● +1.00 |" in as_markdown(calibration)
    assert any("haze: 0.1, 0.2, 0.3, 0.4, 0.5" in line for line in notes(calibration))
    record = as_records(calibration)[0]
    assert (record["metric"], record["fault"], record["verdict"]) == ("sharp@1", "haze", "sees")
    assert json.loads(json.dumps(record))["points"][2]["mean"] == 4.5


MADE = Made(suite(4), (metric("warp"), metric("fd", scope="set")))


def submissions() -> list[Submission]:
    results = []
    for step in range(5):
        made = MADE.with_sets(fd=(2.0 + step, 0.1))
        values = {"warp": (BASE + 2.0 * step)[:, None]}
        result = made.result(
            "fault-none" if step == 0 else f"fault-haze-{step}", values, family="fault", role="control"
        )
        params = {"kind": "haze" if step else "none", "step": step, "strength": step / 10}
        results.append(replace(result, variant=replace(result.variant, params=params)))
    return results


def record() -> dict[str, Any]:
    return data.fold(submissions(), suite_record(MADE.suite))


def test_result_files_fold_into_one_file_and_back() -> None:
    parsed = data.parse(data.dump(record()))
    assert (parsed.suite, parsed.suite_key) == (MADE.suite, MADE.suite.key)
    calibration = found(parsed.experiment)
    assert calibration.n_items == 4
    warp, fd = (next(m for m in calibration.metrics if m.label == label) for label in ("warp@1", "fd@1"))
    assert [p.mean for p in warp.to("haze").points] == [2.5, 4.5, 6.5, 8.5, 10.5]
    assert [p.mean for p in fd.to("haze").points] == [2, 3, 4, 5, 6]
    assert (warp.to("haze").verdict, fd.to("haze").verdict) == ("sees", "sees")


def test_a_file_has_its_name_and_is_read_again(tmp_path: Path) -> None:
    path = data.write(tmp_path, record())
    assert path == tmp_path / "tiny-1" / "calibration.json"
    assert data.read(path) == data.parse(data.dump(record()))
    assert len(path.read_text().splitlines()) > 15  # a sample a line


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        (lambda r: r.update(schema="exvideo-result/1"), "/schema"),
        (lambda r: r["items"].append("999"), "/items/4"),
        (lambda r: r["samples"][0].update(metric="other@1"), "/samples/0/metric"),
        (lambda r: r["samples"][0].update(step=9), "/samples/0"),
        (lambda r: r["samples"][-1]["values"].pop(), "/samples/9/values"),
        (lambda r: r["samples"][0].update(extra=1), "/samples/0/extra"),
        (lambda r: r.update(extra=1), "/extra"),
        (lambda r: r["steps"][0].pop("strength"), "/steps/0"),
    ],
)
def test_a_damaged_file_is_refused_with_the_place(tmp_path: Path, change: Any, pointer: str) -> None:
    damaged = json.loads(data.dump(record()))
    change(damaged)
    with pytest.raises(JsonError) as caught:
        data.parse(json.dumps(damaged).encode())
    assert caught.value.pointer == pointer
    path = tmp_path / data.NAME
    path.write_text(json.dumps(damaged))
    with pytest.raises(Refused, match="is not a calibration"):
        data.read(path)


def test_rows_without_fault_cannot_be_folded() -> None:
    plain = MADE.result("control-real", {"warp": BASE[:, None]}, family="control", role="control")
    with pytest.raises(ValueError, match="fault rows"):
        data.fold([plain], suite_record(MADE.suite))
