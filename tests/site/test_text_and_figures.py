from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import figures
from harness.figures_lines import constant, courses
from harness.figures_scatter import Dot, front, scatter
from harness.site_text import (
    csv_text,
    facts,
    half_width,
    instant,
    integer,
    number,
    plain,
    quantity,
    seconds,
    size,
    when,
)

FINITE = st.floats(-1e6, 1e6).filter(lambda x: x == 0 or abs(x) > 1e-6)


@pytest.mark.parametrize(
    ("value", "spread", "text"),
    [
        (0.034218, 0.0061, "0.0342"),
        (0.85, 0.088, "0.850"),
        (1903.6, 12.3, "1904"),
        (123456.7, 210.0, "123 457".replace(" ", "\u202f")),
        (-0.5, None, "−0.5000"),
        (0.0, None, "0"),
        (-0.0001, 1.0, "0.0"),
        (0.000353, None, "0.0003530"),
        (0.000353, 0.0000046, "0.0003530"),
        (3.6e-8, 4e-9, "0.000000036"),
        (3.6e-10, 4e-11, "3.60e−10"),
        (0.99999998, 2e-8, "0.999999980"),
        (0.0, 1e-12, "0.000000000"),
        (7.0, 0.0, "7.000"),
    ],
)
def test_number_is_rounded_to_two_digits_of_its_spread(value: float, spread: float | None, text: str) -> None:
    assert number(value, spread) == text


@given(FINITE, st.floats(1e-5, 1e5))
def test_rounding_loses_less_than_a_twentieth_of_the_spread(value: float, spread: float) -> None:
    text = number(value, spread).replace("−", "-").replace("\u202f", "")
    unit = 0.5 if spread >= 10 else 0.051 * spread  # whole numbers from a spread of ten on
    scientific = 0.006 * abs(value) if "e" in text else 0
    assert abs(float(text) - value) <= unit + scientific


def test_units() -> None:
    assert [seconds(s) for s in (0, 9.4e-5, 0.42, 12.34)] == ["0 s", "< 0.001 s", "0.420 s", "12.3 s"]
    assert [seconds(s) for s in (245, 7620)] == ["4 min 05 s", "2 h 07 min"]
    assert [size(b) for b in (812, 41_200, 9_800_000)] == ["812 B", "41 KB", "9.8 MB"]
    assert [integer(n) for n in (9999, 3_270_000)] == ["9999", "3\u202f270\u202f000"]
    assert half_width(0.00612) == "0.0061"


def test_times_are_read_in_utc() -> None:
    assert when("2026-11-24T07:20:00+02:00") == "2026-11-24 05:20 UTC"
    assert when("yesterday") == "yesterday"
    late, early = "2026-11-24T07:20:00+02:00", "2026-11-24T06:20:00+00:00"
    assert max([late, early, "yesterday"], key=instant) == early


@given(st.text())
def test_plain_leaves_no_hidden_character(text: str) -> None:
    shown = plain(text)
    assert not any(c in shown for c in "\u202e\u202d\u2066\u2069\u200f\x00\x1b\x07\u2028")
    shown.encode()


def test_plain_makes_an_override_visible() -> None:
    assert plain("a\u202eb") == "a<U+202E>b"
    assert plain("x" * 30, 10) == "x" * 10 + "…"


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_spreadsheet_formulas_are_defused(text: str) -> None:
    assert csv_text(text) == "'" + text


def test_ordinary_csv_text_stays() -> None:
    assert csv_text("a boat, slowing = down") == "a boat, slowing = down"


def test_facts_of_any_shape() -> None:
    table = {"a": None, "b": True, "c": ["harness", "run"], "d": {"x": 1}, "e": 1.5, "f": "", "g": {}}
    told = {"a": "none", "b": "yes", "c": "harness run", "d": (("x", "1"),), "e": "1.5", "f": "none", "g": "none"}
    assert dict(facts(table)) == told


def test_facts_are_written_as_the_rest_of_the_site_is() -> None:
    table = {
        **{"computed": [0.17263729963451624, 0.05], "count": 3_311_232, "below": -15.0, "small": 1e-05},
        **{"at": "2026-11-28T08:08:45.600061+01:00", "steps": [{"lr": 0.5}, {"lr": 0.25}]},
    }
    assert dict(facts(table)) == {
        **{"computed": "0.1726, 0.05", "count": "3\u202f311\u202f232", "below": "−15", "small": "1e−5"},
        **{"at": "2026-11-28 07:08 UTC", "steps": (("1", (("lr", "0.5"),)), ("2", (("lr", "0.25"),)))},
    }
    deep: dict[str, object] = {"a": {"b": {"c": {"d": {"e": 1}}}}}
    assert facts(deep) == (("a", (("b", (("c", (("d", '{"e": 1}'),)),)),)),)


@given(FINITE, st.floats(1e-6, 1e6), FINITE)
def test_marks_stay_inside_the_figure(low: float, width: float, value: float) -> None:
    scale = figures.whisker_scale((low, low + width))
    mark = figures.mark((value, value - 1, value + 1), scale)
    inside = [x for x in (mark.middle, mark.low, mark.high) if x is not None]
    assert all(figures.PAD <= x <= figures.WHISKER_WIDTH - figures.PAD for x in inside)
    assert (mark.off == "") == (scale.low <= value <= scale.high)


def test_scale_is_linear_and_a_single_value_lies_in_the_middle() -> None:
    scale = figures.Scale(10, 20, 0, 100)
    assert [scale(v) for v in (10, 12.5, 20)] == [0, 25, 100]
    assert figures.Scale(3, 3, 0, 100)(3) == 50
    assert figures.Scale(1, 100, 0, 100, log=True)(10) == pytest.approx(50)


@given(st.floats(-1e5, 1e5), st.floats(1e-3, 1e5), st.sampled_from([4, 5]))
def test_ticks_are_round_and_inside(low: float, width: float, count: int) -> None:
    found = figures.ticks(figures.Scale(low, low + width, 0, 100), count)
    assert 2 <= len(found) <= 7
    assert all(-0.01 <= tick.position <= 100.01 for tick in found)
    assert len({tick.text for tick in found}) == len(found)


@given(st.floats(1e-3, 1e4), st.floats(1.69, 1e4))
def test_logarithmic_axis_has_two_ticks_or_more(low: float, factor: float) -> None:
    found = figures.ticks(figures.Scale(low, low * factor, 0, 100, log=True))
    assert len({tick.text for tick in found}) >= 2
    assert all(-0.01 <= tick.position <= 100.01 for tick in found)


def test_axis_of_a_small_range_of_costs_has_more_than_one_tick() -> None:
    found = figures.ticks(figures.Scale(2.4, 9.8, 0, 100, log=True))
    assert [tick.text for tick in found] == ["3", "4", "5", "6", "7", "8", "9"]


def dot(label: str, cost: float, quality: float) -> Dot:
    return Dot(label, "ablation", cost, (quality, None, None))


def test_scatter_labels_do_not_touch() -> None:
    dots = [Dot(f"v{i}", "ablation", 1.0 + i / 1000, (5.0 + i / 1000, 4.0, 6.0)) for i in range(12)]
    plot = scatter(dots, "lower")
    heights = sorted(p.label_y for p in plot.points)
    assert min(b - a for a, b in pairwise(heights)) >= 12.9
    assert all(plot.top <= p.y <= plot.bottom for p in plot.points)
    assert all(plot.left <= p.x <= plot.right for p in plot.points)


def test_scatter_refuses_what_a_logarithm_cannot_show() -> None:
    with pytest.raises(ValueError, match="positive"):
        scatter([dot("a", 0.0, 1.0)], "lower")


def test_front_is_what_nobody_beats_in_both() -> None:
    dots = [dot("slow and good", 4, 1.0), dot("fast and bad", 1, 3.0), dot("between", 2, 2.0), dot("dominated", 3, 2.5)]
    assert [d.label for d in front(dots, "lower")] == ["fast and bad", "between", "slow and good"]
    assert [d.label for d in front(dots, "higher")] == ["fast and bad"]
    plot = scatter(dots, "lower")
    assert {p.label for p in plot.points if p.behind} == {"dominated"}
    assert len(plot.front) == 6  # three corners, two steps between them, and the way to the edge
    assert all(a[0] == b[0] or a[1] == b[1] for a, b in pairwise(plot.front))


@given(st.lists(st.tuples(st.floats(0.1, 100), st.floats(-10, 10)), min_size=1, max_size=12))
def test_front_dominates_all_and_itself_never(pairs: list[tuple[float, float]]) -> None:
    dots = [dot(str(i), cost, quality) for i, (cost, quality) in enumerate(pairs)]
    best = front(dots, "lower")
    assert all(any(b.cost <= d.cost and b.quality[0] <= d.quality[0] for b in best) for d in dots)
    assert all(a.cost < b.cost and a.quality[0] > b.quality[0] for a, b in pairwise(best))


def test_courses_share_a_scale_that_no_control_stretches() -> None:
    plot = courses({"a": [1.0, 2.0], "b": [2.0, None], "control": [50.0, 1.5]}, {"a": 1, "b": 2, "control": 0})
    assert plot is not None
    lines = {line.label: line for line in plot.lines}
    assert [x for x, _ in lines["a"].runs[0]] == [plot.left + q * (plot.right - plot.left) for q in (0.25, 0.75)]
    assert lines["a"].runs[0][1][1] < lines["a"].runs[0][0][1]  # a larger value is drawn higher
    assert lines["a"].runs[0][1][1] == lines["b"].runs[0][0][1]
    assert [line.off for line in (lines["a"], lines["b"])] == [(), ()]
    assert lines["control"].off == ((lines["a"].runs[0][0][0], plot.top),)  # beyond the scale, at its edge
    assert plot.leaving
    (run,) = lines["control"].runs  # from where it comes into the plot, which is short of its second part
    assert run[0][1] == plot.top
    assert lines["a"].runs[0][0][0] < run[0][0] < run[1][0] == lines["a"].runs[0][1][0]
    assert min(b - a for a, b in pairwise(sorted(line.label_y for line in plot.lines))) >= 12.9
    assert courses({"a": [None]}, {"a": 1}) is None


def test_a_course_is_cut_where_it_leaves_the_plot_and_nothing_runs_along_the_edge() -> None:
    slots = {"a": 1, "c": 0}
    plot = courses({"a": [1.0, 2.0, 1.0, 2.0, 1.0], "c": [9.0, -9.0, -8.0, 1.5, 9.0]}, slots)
    assert plot is not None
    found = next(line for line in plot.lines if line.label == "c")
    assert [len(run) for run in found.runs] == [2, 3]  # through the plot, and once more into it and out again
    assert [y for _, y in found.off] == [plot.top, plot.bottom, plot.bottom, plot.top]
    assert all(len({y for _, y in run}) > 1 for run in found.runs)
    assert found.end == (found.off[-1])
    (only,) = [line for line in (courses({"a": [1.0, 2.0], "c": [None, 1.5]}, slots) or plot).lines if line.slot == 0]
    assert [len(run) for run in only.runs] == [1]
    outside = courses({"a": [1.0, 2.0], "c": [7.0, 8.0]}, slots)
    assert outside is not None
    assert [line.runs for line in outside.lines if line.slot == 0] == [()]


def test_what_is_never_negative_has_no_negative_scale() -> None:
    plot = courses({"a": [0.0, 0.0], "still": [1.0, 1.0]}, {"a": 1, "still": 0})
    assert plot is not None
    assert not plot.leaving  # those with a colour are one value, so that nothing could be squeezed
    assert not any(tick.text.startswith("−") for tick in plot.y_ticks)
    assert plot.lines[-1].runs[0][0][1] == plot.bottom
    assert [line.runs[0][-1] for line in plot.lines] == [line.end for line in plot.lines]  # level lines reach the end
    assert (constant({"a": [0.0, None], "b": [0.0]}), constant({"a": [0.0], "b": [1.0]}), constant({})) == (
        0.0,
        None,
        None,
    )


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0"), (812, "812"), (41_300, "41.3 k"), (3_270_000, "3.27 M"), (1_520_000_000, "1.52 G")]
)
def test_quantities_have_three_digits(count: int, text: str) -> None:
    assert quantity(count) == text


def test_line_leaves_gaps_out() -> None:
    vertices = figures.line([1.0, None, 3.0])
    assert [x for x, _ in vertices] == [figures.PAD, figures.WHISKER_WIDTH - figures.PAD]
    assert vertices[0][1] > vertices[1][1]  # a larger value is drawn higher
    assert figures.line([None, None]) == ()
    assert not any(math.isnan(v) for pair in figures.line([2.0, 2.0]) for v in pair)
