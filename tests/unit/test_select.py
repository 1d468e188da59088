"""The selector language."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.registry import MetricSpec, Registry
from harness.select import select
from harness.wishes import chosen_metrics

NAMES = ["mini-exvideo", "mini-no-conv", "mini-svd-direct", "control-still", "control-noise"]
VERSIONS = {"mini-exvideo": 2}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("all", NAMES),
        ("control-still", ["control-still"]),
        ("control-still,mini-exvideo", ["mini-exvideo", "control-still"]),
        ("mini-*", NAMES[:3]),
        ("all,-control-*", NAMES[:3]),
        ("-control-*", NAMES[:3]),
        ("-control-*,control-still", [*NAMES[:3], "control-still"]),
        (" mini-exvideo , , control-still ", ["mini-exvideo", "control-still"]),
        ("mini-exvideo,mini-*", NAMES[:3]),
        ("mini-[en]*", NAMES[:2]),
        ("control-?????", ["control-still", "control-noise"]),
        ("mini-exvideo@2", ["mini-exvideo"]),
    ],
)
def test_what_is_selected(expression: str, expected: list[str]) -> None:
    assert select(expression, NAMES, "variant", VERSIONS) == expected


@pytest.mark.parametrize(
    ("expression", "what", "fix"),
    [
        ("mini-exvdieo", "No variant named 'mini-exvdieo'", "did you mean mini-exvideo"),
        ("all,-mini-exvdieo", "No variant named 'mini-exvdieo'", "did you mean mini-exvideo"),
        ("toy-*", "No variant matches 'toy-*'", "harness list variants"),
        ("all,-all", "selects no variant", "all"),
        ("", "selects no variant", "all"),
        (",", "selects no variant", "all"),
        ("mini-exvideo@1", "no variant mini-exvideo@1", "mini-exvideo@2"),
    ],
)
def test_what_is_refused(expression: str, what: str, fix: str) -> None:
    with pytest.raises(UsageError) as caught:
        select(expression, NAMES, "variant", VERSIONS)
    assert caught.value.code == "E-UNKNOWN"
    assert what in caught.value.what
    assert fix in caught.value.fix


terms = st.lists(st.sampled_from([*NAMES, "all", "mini-*", "-control-*", "-mini-exvideo"]), min_size=1)


@given(terms)
def test_the_order_is_that_of_the_names_without_repeats(chosen: list[str]) -> None:
    try:
        found = select(",".join(chosen), NAMES, "variant")
    except UsageError:
        return
    assert found == [name for name in NAMES if name in found]


@given(terms)
def test_selecting_everything_last_selects_everything(chosen: list[str]) -> None:
    assert select(",".join([*chosen, "all"]), NAMES, "variant") == NAMES


@given(st.sampled_from(NAMES), terms)
def test_a_name_taken_away_last_is_gone(name: str, chosen: list[str]) -> None:
    assert name not in select(",".join([*chosen, f"-{name}", "another"]), [*NAMES, "another"], "variant")


def test_a_companion_is_added_and_one_that_is_not_there_is_told() -> None:
    def metric(name: str, beside: str) -> MetricSpec:
        return MetricSpec(name, 1, "none", "", "", lambda clip: None, "m.py", beside=beside)

    registry = Registry(metrics={m.name: m for m in (metric("a", "b"), metric("b", ""), metric("c", "gone"))})
    chosen, notes = chosen_metrics(registry, "a,c")
    assert {spec.name for spec in chosen} == {"a", "b", "c"}
    assert notes == ["b added: a is read beside it", "! c is to be read beside gone, and there is no such metric"]
