"""Comparing two results: what is paired with what, what is said of it, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats as scipy_stats

from harness.compare import NOT_SEEN, SAME, TOO_FEW, check_comparable, compare
from harness.compare_text import as_latex, as_markdown, as_record, gap_rows, notes, power_rows, rows, title
from harness.compare_where import items_where, restricted
from harness.errors import Refused, UsageError
from harness.model import Score, Suite
from harness.stats import wilson_interval
from harness.stats_sets import SetDifference, Spread
from tests.unit.results import Made, Values, metric, suite

MADE = Made(suite(12))


def values(seed: int, shift: float = 0.0, items: int = 12, seeds: int = 1, noise: float = 0.1) -> Values:
    """Items of very different difficulty, and a small noise: seen only when paired."""
    difficulty = np.random.default_rng(99).normal(5, 3, (items, 1))
    made: Values = difficulty + shift + np.random.default_rng(seed).normal(0, noise, (items, seeds))
    return made


def test_the_difference_is_b_minus_a_item_by_item() -> None:
    x, y = values(1), values(2, 0.5)
    column = compare(MADE.result("a", {"warp": x}), MADE.result("b", {"warp": y})).columns[0]
    expected = scipy_stats.ttest_rel(y[:, 0], x[:, 0])
    low, high = expected.confidence_interval(0.95)
    assert column.n == 12
    assert (column.test.difference, column.test.low, column.test.high) == pytest.approx(((y - x).mean(), low, high))
    assert column.test.p == pytest.approx(2 / 2**12)
    assert column.verdict == "A better"
    assert column.a.value == pytest.approx(x.mean())


@pytest.mark.parametrize(
    ("better", "shift", "verdict"),
    [
        ("lower", 0.5, "A better"),
        ("lower", -0.5, "B better"),
        ("higher", 0.5, "B better"),
        ("higher", -0.5, "A better"),
        ("none", 0.5, "B higher"),
        ("none", -0.5, "A higher"),
        ("lower", 0.0, NOT_SEEN),
    ],
)
def test_a_verdict_follows_the_direction(better: str, shift: float, verdict: str) -> None:
    made = Made(suite(12), (metric("warp", better),))
    found = compare(made.result("a", {"warp": values(1)}), made.result("b", {"warp": values(2, shift)}))
    assert found.columns[0].verdict == verdict


def test_seeds_are_averaged_and_only_common_ones_count() -> None:
    made = Made(suite(3, (0, 1)))
    x = np.array([[1.0, 3.0], [2.0, 2.0], [5.0, 7.0]])
    y = np.array([[2.0, 4.0], [np.nan, 4.0], [6.0, 8.5]])
    column = compare(made.result("a", {"warp": x}), made.result("b", {"warp": y})).columns[0]
    # Item 1 counts with seed 1 alone, on both sides.
    assert column.a.value == pytest.approx(np.mean([2, 2, 6]))
    assert column.test.difference == pytest.approx(np.mean([1, 2, 1.25]))


def test_items_that_one_side_lacks_are_named_with_the_reason() -> None:
    x, y = values(1), values(2)
    x[3], y[5], x[7], y[7] = np.nan, np.nan, np.nan, np.nan
    a, b = MADE.result("a", {"warp": x}), MADE.result("b", {"warp": y})
    b = replace(b, rows=tuple(row for row in b.rows if row.item != "009"))
    found = compare(a, b)
    column = found.columns[0]
    assert column.n == 8
    assert column.left_out.one == ({"static": ("003",)}, {"static": ("005",), "no video": ("009",)})
    told = "\n".join(notes(found))
    assert "1 item only the other has, A: static (003)" in told
    assert "no video (009)" in told


def test_nothing_is_left_out_without_a_word() -> None:
    made = Made(suite(6, (0, 1)))
    x, y = values(1, items=6, seeds=2), values(2, items=6, seeds=2)
    x[1], y[1] = np.nan, np.nan  # on both sides
    x[2, 0], y[2, 1] = np.nan, np.nan  # values on both sides, of no common seed
    x[3, 0] = np.nan  # one of two seeds
    found = compare(made.result("a", {"warp": x}), made.result("b", {"warp": y}))
    column = found.columns[0]
    left = column.left_out
    assert (column.n, column.seeds) == (4, (1, 2))
    assert (left.both, left.apart, left.videos) == ({"static": ("001",)}, ("002",), {"A: static": ("003 s0",)})
    told = "\n".join(notes(found))
    assert "warp@1: 1 item that neither has, static (001)" in told
    assert "warp@1: 1 item with no seed that both have a value for (002)" in told
    assert "warp@1: 1 pair of videos left out of an item's mean, A: static (003 s0)" in told
    assert "(1 to 2 seeds averaged)" in title(found)
    assert as_record(found)["columns"][0]["left_out"]["apart"] == ("002",)


def test_the_seeds_that_are_averaged_are_those_that_are_there() -> None:
    made = Made(suite(12, (0, 1)))
    a, b = (made.result(name, {"warp": values(i, seeds=2)}) for i, name in enumerate("ab"))
    assert "(2 seeds averaged)" in title(compare(a, b))
    a = replace(a, rows=tuple(row for row in a.rows if row.seed == 0))
    found = compare(a, b)
    assert "averaged" not in title(found)
    assert [note for note in notes(found) if "seed" in note] == ["! seed 1 of the suite left out: no video by A"]


def test_a_column_that_only_one_side_has_or_that_nothing_reads_is_named() -> None:
    made = Made(suite(12), (metric("warp"), metric("cuts")))
    a, b = made.result("a", {"warp": values(1), "cuts": values(1)}), MADE.result("b", {"warp": values(2)})
    found = compare(a, b, unread={"old@1": "on record, of a metric or version that is not installed"})
    told = "\n".join(notes(found))
    assert "! left out: cuts@1 (not measured for B)" in told
    assert "! left out: old@1 (on record" in told


def test_a_rate_has_an_interval_between_0_and_1() -> None:
    rate = replace(metric("rate", "none"), unit="share of videos")
    made = Made(suite(40), (rate,))
    few = np.zeros((40, 1))
    few[:2] = 1
    column = compare(made.result("a", {"rate": few}), made.result("b", {"rate": 1 - few})).columns[0]
    for side, expected in ((column.a, wilson_interval(2, 40)), (column.b, wilson_interval(38, 40))):
        assert (side.value, side.low, side.high) == pytest.approx(expected)
    assert rows(compare(made.result("a", {"rate": few}), made.result("b", {"rate": 1 - few})))[0][1] == (
        "0.050 [0.014, 0.165]"
    )


def test_a_test_that_does_not_say_what_the_interval_says_is_pointed_out() -> None:
    made = Made(suite(12), (metric("fd", scope="set"),)).with_sets(fd=(10.0, 3.0))
    a, b = made.result("a", {}), made.result("b", {})
    own = (Spread(1.0, 15.0, 19.0), Spread(1.0, 8.0, 12.0))
    for low, p, doubt in ((-1.0, 0.001, "holds 0"), (1.0, 0.2, "leaves 0 out"), (1.0, 0.001, "")):
        found = compare(a, b, sets={"fd@1": SetDifference(12, 17.0, 10.0, 7.0, Spread(4.0, low, 15.0), p, own)})
        column = found.columns[0]
        assert doubt in column.doubt
        assert bool(doubt) == bool(column.doubt)
        assert (column.a.low, column.b.high) == (8.0, 19.0)
        told = "\n".join(notes(found))
        assert "p is of exchanged videos" in told
        assert doubt in told


def test_a_column_with_another_direction_is_refused() -> None:
    a, b = MADE.result("a", {"warp": values(1)}), MADE.result("b", {"warp": values(2)})
    with pytest.raises(Refused, match="better is 'lower' for A and 'higher' for B"):
        compare(a, replace(b, metrics=(replace(b.metrics[0], better="higher"),)))


def test_a_reason_cannot_put_an_image_or_html_into_a_pull_request() -> None:
    x = values(1)
    x[3] = np.nan
    a, b = MADE.result("a", {"warp": x}), MADE.result("b", {"warp": values(2)})
    hostile = Score.undefined("![x](https://evil.example/t.png) <img src=x> | `pipe`")
    a = replace(a, rows=tuple(replace(r, scores={"warp@1": hostile}) if r.item == "003" else r for r in a.rows))
    text = as_markdown(compare(a, b))
    assert r"!\[x](https://evil.example/t.png) &lt;img src=x&gt; \| \`pipe\`" in text


def test_every_lost_item_is_named_when_asked_for() -> None:
    x = values(1, items=20)
    x[2:12] = np.nan
    made = Made(suite(20))
    found = compare(made.result("a", {"warp": x}), made.result("b", {"warp": values(2, items=20)}))
    short, full = ("\n".join(notes(found, every)) for every in (False, True))
    assert "10 items only the other has" in short
    assert "…" in short
    assert all(f"{i:03d}" in full for i in range(2, 12))
    assert "…" not in full


def test_a_tag_chooses_items_and_leaves_metrics_of_sets_out() -> None:
    whole = suite(12)
    tagged = tuple(replace(item, tags=("fast",) if i < 7 else ("slow",)) for i, item in enumerate(whole.items))
    made = Made(replace(whole, items=tagged), (metric("warp"), metric("fd", scope="set"))).with_sets(fd=(1.0, 0.5))
    a, b = made.result("a", {"warp": values(1)}), made.result("b", {"warp": values(2)})
    slugs = items_where(a, "tag=fast")
    assert slugs == {f"{i:03d}" for i in range(7)}
    found = compare(*restricted([a, b], slugs), where="tag=fast")
    assert [(column.metric.name, column.n) for column in found.columns] == [("warp", 7)]
    assert "7 of 7 items with tag=fast" in title(found)
    for condition in ("tag=none", "fast", "prompt=fast"):
        with pytest.raises(UsageError, match="chooses no items") as caught:
            items_where(a, condition)
        assert "fast, slow" in caught.value.why


def test_p_is_adjusted_over_the_metrics_and_can_be_left_alone() -> None:
    made = Made(suite(12), tuple(metric(name) for name in ("one", "two", "three")))
    a = made.result("a", {name: values(i) for i, name in enumerate(("one", "two", "three"))})
    b = made.result("b", {name: values(10 + i, 0.08) for i, name in enumerate(("one", "two", "three"))})
    adjusted, plain = compare(a, b), compare(a, b, adjust=False)
    assert (adjusted.family, plain.family) == (3, 0)
    raw = [c.test.p or 0 for c in plain.columns]
    assert [c.test.p_adjusted for c in plain.columns] == raw
    smallest = int(np.argmin(raw))
    assert adjusted.columns[smallest].test.p_adjusted == pytest.approx(3 * raw[smallest])
    # What could be seen is told for the strictest test of the family.
    assert (adjusted.columns[0].test.detectable or 0) > (plain.columns[0].test.detectable or 0)


def test_what_is_the_same_everywhere_is_not_tested_and_costs_nothing() -> None:
    made = Made(suite(12), (metric("warp"), metric("cuts")))
    zero = np.zeros((12, 1))
    found = compare(
        made.result("a", {"warp": values(1), "cuts": zero}), made.result("b", {"warp": values(2), "cuts": zero})
    )
    assert found.columns[1].verdict == SAME
    assert found.family == 1


def test_so_few_items_that_no_test_could_reject_are_called_that() -> None:
    made = Made(suite(5))
    found = compare(made.result("a", {"warp": values(1, items=5)}), made.result("b", {"warp": values(2, 9, items=5)}))
    assert found.columns[0].test.p == pytest.approx(2 / 32)
    assert found.columns[0].verdict == TOO_FEW


def test_the_largest_gaps_come_first() -> None:
    x, y = values(1), values(2)
    y[4] += 3
    column = compare(MADE.result("a", {"warp": x}), MADE.result("b", {"warp": y})).columns[0]
    assert column.gaps[0].item == "004"
    assert column.gaps[0].b == pytest.approx(y[4, 0])
    sizes = [abs(gap.b - gap.a) for gap in column.gaps]
    assert sizes == sorted(sizes, reverse=True)


def test_a_set_metric_is_tested_from_features_and_not_from_files() -> None:
    made = Made(suite(12), (metric("warp"), metric("fd", scope="set"))).with_sets(fd=(10.0, 3.0))
    a, b = made.result("a", {"warp": values(1)}), made.result("b", {"warp": values(2)})
    b = replace(b, set_scores=(replace(b.set_scores[0], value=17.0, stderr=4.0),))
    untested = compare(a, b).columns[1]
    assert (untested.test.difference, untested.test.p, untested.verdict) == (7.0, None, "not tested")
    half = scipy_stats.t.ppf(0.975, 11) * 5
    assert (untested.test.low, untested.test.high) == pytest.approx((7 - half, 7 + half))
    assert "feature rows are not at hand" in untested.note
    tested = compare(a, b, sets={"fd@1": SetDifference(12, 17.0, 10.0, 7.0, Spread(1.0, 5.0, 9.0), 0.001)}).columns[1]
    assert (tested.a.value, tested.b.value, tested.verdict) == (10.0, 17.0, "A better")
    other = replace(b, set_scores=(replace(b.set_scores[0], n=7),))
    assert "equal n only" in compare(a, other).omitted["fd@1"]


def test_items_and_seeds_for_a_difference_come_from_the_variance() -> None:
    made = Made(suite(12, (0, 1)))
    a = made.result("a", {"warp": values(1, seeds=2, noise=0.5)})
    b = made.result("b", {"warp": values(2, seeds=2, noise=0.5)})
    found = compare(a, b, power_percent=2)
    needed = {need.seeds: need.items or 0 for need in found.columns[0].needed}
    assert needed[1] > needed[2] > needed[8] > 2
    assert power_rows(found)[1][0][2:] == [f"{needed[s]:,}" for s in (1, 2, 4, 8)]
    assert compare(a, b).columns[0].needed == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (suite(12, version=2), "suites differ: tiny@1 and tiny@2"),
        (suite(12, fps=25), "protocols differ in fps: 10 and 25"),
        (suite(11), "tiny@1 has digest"),
    ],
)
def test_another_suite_or_protocol_is_refused_by_name(change: Suite, words: str) -> None:
    other, items = Made(change), len(change.items)
    with pytest.raises(Refused, match=words) as caught:
        compare(MADE.result("a", {"warp": values(1)}), other.result("b", {"warp": values(2, items=items)}))
    assert (caught.value.code, caught.value.exit_status) == ("E-COMPARE", 5)
    assert caught.value.fix


def test_another_metric_version_or_key_is_refused_and_one_never_measured_is_not() -> None:
    a, b = MADE.result("a", {"warp": values(1)}), MADE.result("b", {"warp": values(2)})
    newer = replace(b, metrics=(metric("warp", version=2),))
    check_comparable(a, newer)  # it has no number under the newer version, so nothing is mixed
    scored = tuple(replace(row, scores={"warp@2": Score(1.0)}) for row in b.rows)
    with pytest.raises(Refused, match="warp@1 and warp@2"):
        check_comparable(a, replace(newer, rows=scored))
    with pytest.raises(Refused, match="other parameters or weights"):
        check_comparable(a, replace(b, metrics=(replace(b.metrics[0], key="f" * 32),)))


def test_a_variant_is_not_compared_with_itself_and_nothing_in_common_is_refused() -> None:
    a = MADE.result("a", {"warp": values(1)})
    with pytest.raises(Refused, match="the same variant"):
        compare(a, a)
    nothing = MADE.result("b", {"warp": np.full((12, 1), np.nan)})
    with pytest.raises(Refused, match="no metric that both have"):
        compare(a, nothing)


def test_every_form_says_the_same() -> None:
    found = compare(MADE.result("a_1", {"warp": values(1)}), MADE.result("b", {"warp": values(2, 0.5)}))
    assert "paired over 12 of 12 items" in title(found)
    row = rows(found)[0]
    assert row[0] == "warp@1 ↓"
    assert row[-1] == "A better"
    assert row[3].startswith("+0.")
    assert rows(found)[-1][0] == "s/video ↓"
    record = as_record(found)
    assert record["columns"][0]["metric"] == "warp@1"
    assert record["columns"][0]["test"]["difference"] == found.columns[0].test.difference
    assert f"| {row[3]} |" in as_markdown(found)
    differences = values(2, 0.5) - values(1)
    assert found.columns[0].effect == pytest.approx(differences.mean() / differences.std(ddof=1))
    assert row[5] == f"+{found.columns[0].effect or 0:.2f}"
    assert record["columns"][0]["effect"] == found.columns[0].effect
    assert r"a\_1" in as_latex(found)
    assert gap_rows(found)[0][-1].startswith("items/tiny-1/")
