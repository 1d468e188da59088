"""Comparisons, maps, ranks and orders of a board: the same numbers as the functions that the terminal asks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from harness import site_compare, site_findings, site_map, site_order
from harness.compare import compare
from harness.compare_text import rows
from harness.export import dump
from harness.ranks import rank
from harness.site_board import Board, build_board, item_scores
from harness.site_ranks import board_ranks
from harness.submission import Submission, parse
from tests.site.synthetic import LOOKS, result, small_suite
from tests.site.test_board import BASELINE, METHOD, NO_CONV, submission


def made(items: int = 30) -> tuple[Board, list[Submission]]:
    found = [submission(look, items) for look in LOOKS]
    return build_board(found[0].suite, found), found


def test_pairs_say_what_the_command_says() -> None:
    board, found = made()
    pairs = site_compare.comparisons(board, found)
    assert pairs is not None
    assert pairs.reference.name == "mini-exvideo"
    assert len(pairs.pairs) == 6  # all pairs of four rows; controls compete with nobody
    pair = next(p for p in pairs.pairs if (p.a.name, p.b.name) == ("mini-exvideo", "mini-no-conv"))
    by_label = {s.variant.name: s for s in found}
    told = rows(compare(by_label["mini-exvideo"], by_label["mini-no-conv"]))[:-1]  # without the row on time
    assert [list(line.cells.values()) for line in pair.lines] == told


def test_pairs_can_be_downloaded_and_the_list_has_every_headline_column() -> None:
    board, found = made()
    pairs = site_compare.comparisons(board, found)
    assert pairs is not None
    table = site_findings.pairs_table(pairs)
    told = [dict(zip(table.columns, line, strict=True)) for line in table.lines]
    tests = [(pair.b.label, line.column) for pair in pairs.pairs for line in pair.lines]
    assert [(t["b"], t["metric"], t["difference"], t["p_adjusted"], t["verdict"]) for t in told] == [
        (b, c.metric.name, c.test.difference, c.test.p_adjusted, c.verdict) for b, c in tests
    ]
    shown = [metric.name for metric in site_compare.index_context(pairs)["metrics"]]
    assert shown == [metric.name for metric in board.headline]
    assert "dynamic_rate" in shown  # which two columns ask to be read beside


def test_many_rows_are_compared_with_the_reference_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site_compare, "MAX_TESTS", 8)
    board, found = made(4)
    pairs = site_compare.comparisons(board, found)
    assert pairs is not None
    assert {p.a.name for p in pairs.pairs} == {"mini-exvideo"}
    assert len(pairs.pairs) == 3


def test_results_that_do_not_compare_say_why() -> None:
    def other(content: dict[str, Any]) -> None:
        next(m for m in content["metrics"] if m["name"] == "ff_ssim")["key"] = "f" * 32

    found = [submission(METHOD, 4), submission(NO_CONV, 4, change=other)]
    pairs = site_compare.comparisons(build_board(found[0].suite, found), found)
    assert pairs is not None
    assert pairs.pairs[0].found is None
    assert "ff_ssim@1" in pairs.pairs[0].refused
    (line,) = site_findings.pairs_table(pairs).lines
    assert line[:4] == ("demo@1", "mini-exvideo@1", "mini-no-conv@1", pairs.pairs[0].refused)


def test_one_row_is_compared_with_nothing() -> None:
    found = [submission(METHOD, 4), submission(LOOKS[4], 4)]
    board = build_board(found[0].suite, found)
    assert site_compare.comparisons(board, found) is None
    assert list(site_map.maps(board, found)) == []


def test_profile_is_in_standard_deviations_of_the_reference() -> None:
    board, found = made(6)
    pairs = site_compare.comparisons(board, found)
    assert pairs is not None
    line = next(x for x in pairs.pairs[0].lines if x.column.metric.name == "ff_ssim")
    values = list(item_scores(found[0], line.column.metric).values())
    spread = (sum((v - fmean(values)) ** 2 for v in values) / (len(values) - 1)) ** 0.5
    assert line.sds == pytest.approx(line.column.test.difference / spread)


def test_map_has_every_item_with_its_difference() -> None:
    board, found = made(5)
    metric = next(m for m in board.metrics if m.name == "ff_ssim")
    shown = next(m for m in site_map.maps(board, found) if m.metric == metric)
    assert shown.reference.name == "mini-exvideo"
    assert {v.name for v in shown.variants} == {"mini-no-conv", "mini-pos-static", "mini-svd-direct"}
    assert len(shown.rows) == 5
    base = item_scores(found[0], metric)
    column = [v.name for v in shown.variants].index("mini-svd-direct")
    values = item_scores(next(s for s in found if s.variant.name == "mini-svd-direct"), metric)
    for row in shown.rows:
        square = row.squares[column]
        assert square.sds == pytest.approx((values[row.item.slug] - base[row.item.slug]) / shown.sd)
        assert square.sds is not None
        assert square.shade == 0 or (square.shade > 0) == (square.sds > 0)  # higher is better
        assert abs(square.shade) <= site_map.STEPS
    everything = [s.sds for row in shown.rows for s in row.squares if s.sds is not None]
    assert fmean(d * d for d in everything) == pytest.approx(1)


def test_map_is_ordered_by_the_tag_that_it_shows(board: Path) -> None:
    plain = small_suite(6)
    items = tuple(replace(item, tags=("ab"[n % 2], "c")) for n, item in enumerate(plain.items))
    found = [parse(dump(result(replace(plain, items=items), look))) for look in LOOKS[:3]]
    shown = next(site_map.maps(build_board(found[0].suite, found), found))
    assert [row.tag for row in shown.rows] == ["a"] * 3 + ["b"] * 3
    spreads = [max(abs(s.sds or 0) for s in row.squares) for row in shown.rows]
    assert spreads[:3] == sorted(spreads[:3], reverse=True)
    text = (board / "maps/demo-1/warp_error-1.html").read_text()
    assert text.count('<td class="tag" data-value="demo">demo</td>') == 30
    assert 'href="../../data/demo-1.scores.csv"' in text


def test_map_marks_what_is_missing_and_turns_with_the_direction() -> None:
    def without(content: dict[str, Any]) -> None:
        content["rows"][0]["scores"]["warp_error@1"].update(value=None, status="excluded", reason="unreadable")

    found = [submission(METHOD, 4), submission(NO_CONV, 4, change=without)]
    maps = {m.metric.name: m for m in site_map.maps(build_board(found[0].suite, found), found)}
    squares = {row.item.slug: row.squares[0] for row in maps["warp_error"].rows}
    assert "000-scene" not in squares  # the only other variant has no value there
    assert all(s.shade == 0 or (s.shade > 0) == (s.sds < 0) for s in squares.values() if s.sds is not None)
    assert "dynamic_rate" not in maps
    assert "fd_world" not in maps


def test_ranks_are_those_of_the_terminal_and_leave_controls_out() -> None:
    board, found = made()
    ranks = board_ranks(board, found)
    competing = [s for s in found if s.variant.role != "control"]
    for metric in board.metrics:
        if metric.scope == "video":
            values = {s.variant.label: item_scores(s, metric) for s in competing}
            assert ranks.get(metric.label, {}) == rank(values, metric.better, 30)
    assert "fd_world@1" not in ranks
    assert "dynamic_rate@1" not in ranks
    assert not any(label.startswith("control") for column in ranks.values() for label in column)


def test_smoke_test_has_no_ranks() -> None:
    board, found = made(6)
    assert board_ranks(board, found) == {}


def test_orders_are_best_first_with_the_absent_last() -> None:
    board, _ = made()
    orders = {order.key: order for order in site_order.orders(board)}
    assert list(orders) == [
        *("fd_world-1", "warp_error-1", "flow_smoothness-1", "dynamic_rate-1", "ff_ssim-1", "kvd_world-1"),
        *("seconds", "parameters"),
    ]
    assert orders["flow_smoothness-1"].way == "descending"
    assert orders["flow_smoothness-1"].controls[-1].variant.name == "control-still"  # it has no value
    assert orders["seconds"].rows[0].variant.name == "mini-svd-direct"
    assert orders["parameters"].rows[-1].variant.name == "mini-svd-direct"
    for order in orders.values():
        assert {r.variant.label for r in order.rows} == {r.variant.label for r in board.ranked}


def test_memory_is_a_column_once_a_row_has_it() -> None:
    def on_gpu(content: dict[str, Any]) -> None:
        for index, row in enumerate(content["rows"]):
            row["peak_vram_bytes"] = 18_000_000_000 + index

    found = [submission(METHOD, 3, change=on_gpu), submission(BASELINE, 3)]
    board = build_board(found[0].suite, found)
    assert [cost.key for cost in site_order.costs(board)] == ["seconds", "memory", "parameters"]
    memory = site_order.COSTS[1]
    assert [memory.value(row) for row in board.ranked] == [18_000_000_002, None]
    assert [c.key for c in site_order.costs(build_board(found[1].suite, found[1:]))] == ["seconds"]
