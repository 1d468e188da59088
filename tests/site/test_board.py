from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from harness.export import dump
from harness.site_board import Board, Cell, build_board, item_scores
from harness.stats import wilson_interval
from harness.submission import Submission, parse
from tests.site.synthetic import LOOKS, Look, result, small_suite

Change = Callable[[dict[str, Any]], None]


def submission(look: Look, items: int = 3, seeds: tuple[int, ...] = (0,), change: Change | None = None) -> Submission:
    content = result(small_suite(items, seeds=seeds), look)
    if change:
        change(content)
    return parse(dump(content))


def board(*submissions: Submission) -> Board:
    return build_board(submissions[0].suite, submissions)


def cell_of(b: Board, variant: str, metric: str) -> Cell:
    row = next(row for row in b.rows if row.variant.name == variant)
    return next(cell for cell in row.cells if cell.metric.name == metric)


def set_values(metric: str, values: list[float]) -> Change:
    def change(content: dict[str, Any]) -> None:
        for row, value in zip(content["rows"], values, strict=True):
            row["scores"][metric]["value"] = value

    return change


METHOD, NO_CONV, BASELINE, STILL = LOOKS[0], LOOKS[1], LOOKS[3], LOOKS[4]


def test_cell_is_mean_over_items_with_t_interval() -> None:
    made = submission(METHOD, 3, change=set_values("ff_ssim@1", [0.1, 0.2, 0.6]))
    cell = cell_of(board(made), METHOD.name, "ff_ssim")
    assert cell.value == pytest.approx(0.3)
    # Standard error of (0.1, 0.2, 0.6) is 0.1528; t(0.975, 2) = 4.3027.
    assert cell.half == pytest.approx(0.152753 * 4.302653, rel=1e-4)
    assert (cell.n, cell.total, cell.weak) == (3, 3, False)


def test_the_interval_of_a_rate_is_wilsons() -> None:
    made = submission(METHOD, 40, change=set_values("dynamic_rate@1", [1.0, 1.0, *[0.0] * 38]))
    cell = cell_of(board(made), METHOD.name, "dynamic_rate")
    assert (cell.value, cell.low, cell.high) == pytest.approx(wilson_interval(2, 40))
    assert cell.half is None, "so that the page writes both ends"


def test_seeds_are_averaged_before_items() -> None:
    # Item 0: (0, 0), item 1: (1, 1), item 2: only one seed has a value, 5. Rows: item-major, seed-minor.
    def change(content: dict[str, Any]) -> None:
        set_values("ff_ssim@1", [0, 0, 1, 1, 5, 5])(content)
        lost = content["rows"][5]["scores"]["ff_ssim@1"]
        lost.update(value=None, status="excluded", reason="unreadable")

    made = submission(METHOD, 3, (0, 1), change)
    metric = next(m for m in made.metrics if m.name == "ff_ssim")
    assert list(item_scores(made, metric).values()) == [0, 1, 5]
    cell = cell_of(board(made), METHOD.name, "ff_ssim")
    assert (cell.value, cell.n, cell.excluded) == (2, 3, 1)


def test_undefined_scores_leave_the_mean_and_stay_in_the_count() -> None:
    cell = cell_of(board(submission(STILL)), STILL.name, "flow_smoothness")
    assert cell.value is None
    assert (cell.n, cell.total, cell.undefined, cell.absent) == (0, 3, 3, "undefined for every video")


def test_mean_over_too_few_items_is_marked() -> None:
    def change(content: dict[str, Any]) -> None:
        content["rows"][0]["scores"]["ff_ssim@1"].update(value=None, status="undefined", reason="static")

    assert cell_of(board(submission(METHOD, 3, change=change)), METHOD.name, "ff_ssim").weak
    assert not cell_of(board(submission(METHOD, 10, change=change)), METHOD.name, "ff_ssim").weak


def test_equal_numbers_have_no_spread_but_that_of_arithmetic() -> None:
    def change(content: dict[str, Any]) -> None:
        for number, row in enumerate(content["rows"]):
            row["scores"]["ff_ssim@1"]["value"] = 1.0 - (2.2e-16 if number % 2 else 0)

    cell = cell_of(board(submission(METHOD, 4, change=change)), "mini-exvideo", "ff_ssim")
    assert (cell.half, cell.room) == (0, 0)


def test_one_item_has_no_interval() -> None:
    cell = cell_of(board(submission(METHOD, 1)), METHOD.name, "warp_error")
    assert cell.value is not None
    assert cell.low is cell.high is cell.half is None


def test_set_metrics_keep_the_interval_of_the_file() -> None:
    cell = cell_of(board(submission(METHOD, 3)), METHOD.name, "fd_world")
    assert (cell.value, cell.n) == (7.0, 3)
    assert (cell.low, cell.high) == pytest.approx((4.2, 9.8))


def test_set_metric_over_another_number_of_items_is_marked_and_never_first() -> None:
    def fewer(content: dict[str, Any]) -> None:
        for score in content["set_scores"]:
            score.update(n=16, value=0.1)

    b = board(*(submission(look, 32) for look in (METHOD, LOOKS[2])), submission(NO_CONV, 32, change=fewer))
    assert cell_of(b, NO_CONV.name, "fd_world").odd
    assert not cell_of(b, METHOD.name, "fd_world").odd
    ablations = next(group for group in b.groups if group.role == "ablation")
    assert [row.variant.name for row in ablations.rows] == ["mini-pos-static", "mini-no-conv"]


def test_below_thirty_items_rows_stand_in_the_order_of_names() -> None:
    b = board(*(submission(look, 29) for look in LOOKS))
    assert b.smoke
    assert b.ordered_by is None
    ablations = next(group for group in b.groups if group.role == "ablation")
    assert [row.variant.name for row in ablations.rows] == ["mini-no-conv", "mini-pos-static"]


def test_from_thirty_items_on_rows_of_a_role_are_best_first() -> None:
    b = board(*(submission(look, 30) for look in LOOKS))
    assert not b.smoke
    assert b.ordered_by is not None
    assert b.ordered_by.label == "fd_world@1"
    ablations = next(group for group in b.groups if group.role == "ablation")
    assert [row.variant.name for row in ablations.rows] == ["mini-pos-static", "mini-no-conv"]


def test_one_short_row_makes_the_whole_board_a_smoke_test() -> None:
    def short(content: dict[str, Any]) -> None:
        content["rows"] = content["rows"][:4]

    b = board(submission(METHOD, 40), submission(NO_CONV, 40, change=short))
    assert b.shared_items == 4
    assert b.smoke
    assert b.uneven


def test_controls_are_apart_whatever_they_score() -> None:
    b = board(*(submission(look, 30) for look in LOOKS))
    still, method = (cell_of(b, look.name, "warp_error").value for look in (STILL, METHOD))
    assert still is not None
    assert method is not None
    assert still < method  # it would win
    assert "control" not in {row.variant.role for row in b.ranked}
    assert [row.variant.name for row in b.controls] == ["control-flicker", "control-still"]
    assert b.rows[0].variant.role == "method"


def test_headlines_come_first_by_aspect_and_the_rest_is_apart() -> None:
    b = board(submission(METHOD))
    assert [m.name for m in b.headline] == ["fd_world", "warp_error", "flow_smoothness", "dynamic_rate", "ff_ssim"]
    assert [m.name for m in b.others] == ["kvd_world"]
    assert b.metrics == b.headline + b.others


def test_a_board_without_headlines_shows_every_column() -> None:
    def plain(content: dict[str, Any]) -> None:
        for metric in content["metrics"]:
            del metric["headline"], metric["aspect"]

    b = board(submission(METHOD, change=plain))
    assert len(b.headline) == 6
    assert not b.others


def test_numbers_under_another_metric_key_do_not_share_a_column() -> None:
    def other(content: dict[str, Any]) -> None:
        next(m for m in content["metrics"] if m["name"] == "ff_ssim")["key"] = "f" * 32

    b = board(submission(METHOD), submission(BASELINE), submission(NO_CONV, change=other))
    cell = cell_of(b, NO_CONV.name, "ff_ssim")
    assert cell.value is None
    assert cell.absent == "measured under another key"
    assert cell_of(b, METHOD.name, "ff_ssim").value is not None


def test_metric_that_a_row_lacks_is_not_measured() -> None:
    def without(content: dict[str, Any]) -> None:
        content["metrics"] = [m for m in content["metrics"] if m["name"] != "ff_ssim"]
        for row in content["rows"]:
            del row["scores"]["ff_ssim@1"]

    b = board(submission(METHOD), submission(NO_CONV, change=without))
    assert cell_of(b, NO_CONV.name, "ff_ssim").absent == "not measured"


def test_order_of_submissions_changes_nothing() -> None:
    made = [submission(look, 30) for look in LOOKS]
    forward, backward = board(*made), board(*reversed(copy.copy(made)))
    assert forward == backward
