"""The final table: which numbers go into a cell, and what is said of those that are missing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.plan import RUNS, Have, Plan, Skip, make_plan
from harness.stats import wilson_interval
from harness.stats_intervals import RATE
from harness.summary import Recorded, ScoreValue, SetValue, as_record, summarise
from harness.terminal_text import cell_text, footnotes
from tests.unit.run_helpers import column, plan, suite, variant


def scores(wanted: Plan, values: dict[str, list[float | None]]) -> Recorded:
    """Scores of each row's videos in order; None is an undefined score."""
    found = {}
    for row in wanted.rows:
        for unit, value in zip(row.units, values.get(row.spec.name, []), strict=False):
            status = "ok" if value is not None else "undefined"
            found[str(unit.gen_key), "key-sharp"] = ScoreValue(value, status, "" if value is not None else "static")
    seconds = {str(u.gen_key): 2.0 for row in wanted.rows for u in row.units}
    return Recorded(found, {}, seconds)


def test_a_mean_with_its_t_interval() -> None:
    # Mean 2, standard error 1/sqrt(3), t(0.975, 2) = 4.302653 (any t table).
    wanted = plan(names=["a"])
    cell = summarise(wanted, scores(wanted, {"a": [1.0, 2.0, 3.0]})).rows[0].cells[0]
    assert cell.mean == pytest.approx(2.0)
    assert cell.half_width == pytest.approx(4.302653 / 3**0.5, rel=1e-6)
    assert (cell.n_ok, cell.n_total) == (3, 3)


def test_a_rate_has_the_interval_of_board_and_comparison() -> None:
    rate = column("sharp", better="none")
    rate = replace(rate, spec=replace(rate.spec, unit=RATE))
    wanted = plan(names=["a"], columns=[rate], items=40)
    table = summarise(wanted, scores(wanted, {"a": [1.0, 1.0, *[0.0] * 38]}))
    cell = table.rows[0].cells[0]
    assert (cell.mean, cell.low, cell.high) == pytest.approx(wilson_interval(2, 40))
    assert cell.half_width is None
    assert cell_text(cell, 3) == "0.050 [0.014, 0.165]"
    assert any("not even about its value" in line for line in footnotes(table))
    assert as_record(table)["rows"][0]["metrics"]["sharp@1"]["low"] == cell.low


def test_seeds_are_averaged_before_items() -> None:
    wanted = make_plan(suite(2, seeds=(0, 1)), None, [(variant("a"), RUNS)], [column("sharp")], "", Have())
    cell = summarise(wanted, scores(wanted, {"a": [0.0, 1.0, 2.0, 4.0]})).rows[0].cells[0]
    assert cell.mean == pytest.approx((0.5 + 3.0) / 2)
    assert cell.n_ok == 2, "the item is the unit, not the video"


def test_what_is_missing_is_counted_and_never_zero() -> None:
    wanted = plan(names=["a", "b", "c"])
    table = summarise(wanted, scores(wanted, {"a": [4.0, None, 6.0], "b": [None] * 3, "c": [5.0]}))
    a, b, c = (row.cells[0] for row in table.rows)
    assert (a.mean, a.n_ok, a.n_total, a.why) == (5.0, 2, 3, "static")
    assert (b.mean, b.half_width, b.n_ok, b.why) == (None, None, 0, "static")
    assert (c.mean, c.half_width, c.n_ok, c.why) == (5.0, None, 1, "not measured")


def test_controls_come_last_and_skipped_rows_are_named() -> None:
    rows = [(variant("still", "control"), RUNS), (variant("a"), RUNS), (variant("b"), Skip("needs CUDA"))]
    wanted = make_plan(suite(), None, rows, [column("sharp")], "", Have())
    table = summarise(wanted, scores(wanted, {}))
    assert [row.name for row in table.rows] == ["a", "still"]
    assert table.skipped == (("b", "needs CUDA"),)


def test_a_set_score_keeps_its_own_n_and_interval() -> None:
    wanted = plan(names=["a", "b"], columns=[column("fd", "set")])
    seconds = {str(u.gen_key): 1.0 for u in wanted.rows[0].units} | {str(wanted.rows[1].units[0].gen_key): 1.0}
    sets = {(wanted.rows[0].set_key, "key-fd"): SetValue(12.0, 3, 1.0, 9.0, 15.0, floor=4.0, floor_n=3)}
    first, second = (row.cells[0] for row in summarise(wanted, Recorded({}, sets, seconds)).rows)
    assert (first.mean, first.half_width, first.n_ok) == (12.0, 3.0, 3)
    assert (first.floor, first.floor_n) == (4.0, 3)
    assert (second.mean, second.why) == (None, "1 of 3 videos")


def test_a_set_metric_that_refused_shows_its_reason() -> None:
    wanted = plan(names=["a"], columns=[column("fd", "set")])
    seconds = {str(u.gen_key): 1.0 for u in wanted.rows[0].units}
    sets = {(wanted.rows[0].set_key, "key-fd"): SetValue(None, 3, None, None, None, reason="all rows are equal")}
    cell = summarise(wanted, Recorded({}, sets, seconds)).rows[0].cells[0]
    assert (cell.mean, cell.n_ok, cell.n_total, cell.why) == (None, 0, 3, "all rows are equal")


def test_a_metric_that_cannot_be_computed_is_left_out_and_named() -> None:
    wanted = plan(names=["a"], columns=[column("sharp"), column("fd", "set", skip=Skip("no weights: net"))])
    table = summarise(wanted, scores(wanted, {"a": [1.0, 2.0, 3.0]}))
    assert [c.spec.name for c in table.columns] == ["sharp"]
    assert table.omitted == (("fd@1", "no weights: net"),)


def test_no_ranks_below_thirty_items() -> None:
    for items, ranked in ((29, False), (30, True)):
        wanted = plan(names=["a"], items=items)
        assert summarise(wanted, scores(wanted, {})).ranked is ranked


def test_rows_that_compete_are_ranked_and_share_what_cannot_be_separated() -> None:
    rows = [(variant("still", "control"), RUNS), *((variant(name), RUNS) for name in ("a", "b", "worse"))]
    wanted = make_plan(suite(30), None, rows, [column("sharp"), column("fd", "set")], "", Have())
    noise = np.random.default_rng(0).normal(0, 0.1, (3, 30))
    values = {n: list(x) for n, x in zip(("a", "b", "worse"), noise + np.array([[1], [1], [2]]), strict=True)}
    table = summarise(wanted, scores(wanted, {**values, "still": [0.0] * 30}))
    ranks = {row.name: row.cells[0].rank for row in table.rows}
    assert {name: r.text for name, r in ranks.items() if r} == {"a": "1–2", "b": "1–2", "worse": "3"}
    assert all(row.cells[1].rank is None for row in table.rows)
    assert as_record(table)["rows"][2]["metrics"]["sharp@1"]["rank"]["place"] == 3
    assert cell_text(table.rows[2].cells[0], 2).endswith(" #3")
    assert any(line.startswith("# rank") for line in footnotes(table))
    fewer = make_plan(suite(29), None, rows, [column("sharp")], "", Have())
    assert all(row.cells[0].rank is None for row in summarise(fewer, scores(fewer, values)).rows)


def test_set_metrics_are_ranked_among_the_rows_that_compete() -> None:
    rows = [(variant("still", "control"), RUNS), *((variant(name), RUNS) for name in ("near", "far"))]
    wanted = make_plan(suite(30), None, rows, [column("fd", "set")], "", Have())
    noise = np.random.default_rng(0).normal(0, 0.01, (3, 20))
    sets = {
        (row.set_key, "key-fd"): SetValue(value, 30, 0.1, value - 1, value + 1, without=tuple(value + wobble))
        for row, value, wobble in zip(wanted.rows, (1.0, 20.0, 30.0), noise, strict=True)
    }
    table = summarise(wanted, Recorded({}, sets, {}))
    assert {row.name: row.cells[0].rank and row.cells[0].rank.text for row in table.rows} == {
        "near": "1",
        "far": "2",
        "still": None,
    }


def test_the_record_has_every_cell() -> None:
    wanted = plan(names=["a"])
    record = as_record(summarise(wanted, scores(wanted, {"a": [1.0, 2.0, 3.0]})))
    assert record["rows"][0]["metrics"]["sharp@1"]["mean"] == pytest.approx(2.0)
    assert record["rows"][0]["seconds"] == pytest.approx(2.0)
    assert record["better"] == {"sharp@1": "lower"}


def test_columns_without_the_same_weights_are_named_together_with_the_command() -> None:
    absent = Skip("n/a (weights): i3d-k400", "export HARNESS_I3D=FILE")
    columns = [column("sharp"), *(column(name, "set", skip=absent) for name in ("fvd", "fvd_w16"))]
    wanted = plan(names=["a"], columns=columns)
    lines = footnotes(summarise(wanted, scores(wanted, {"a": [1.0, 2.0, 3.0]})))
    assert lines[-1] == "  fvd@1, fvd_w16@1: not run: n/a (weights): i3d-k400, to be had by export HARNESS_I3D=FILE"
