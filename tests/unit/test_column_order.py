"""The order of a board's columns."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from harness.columns import ASPECTS, ordered
from harness.registry import load_plugins


@dataclass(frozen=True)
class C:
    name: str
    aspect: str = ""
    headline: bool = False
    better: str = "lower"
    beside: str = ""
    version: int = 1


def names(*columns: C) -> list[str]:
    return [column.name for column in ordered(columns)]


def test_headlines_come_first_in_the_order_of_the_aspects() -> None:
    columns = (C("a"), C("motion", "motion", True), C("b", "quality"), C("flicker", "flicker", True))
    assert names(*columns) == ["flicker", "motion", "b", "a"]


def test_what_judges_comes_before_what_describes() -> None:
    assert names(C("a", "motion", True, "none"), C("b", "motion", True)) == ["b", "a"]


def test_a_companion_stands_next_to_the_number_that_misleads_alone() -> None:
    columns = (C("a", "quality"), C("z", "quality", beside="k@2"), C("k", "motion", better="none", version=2), C("m"))
    assert names(*columns) == ["a", "z", "k", "m"]


def test_a_headline_keeps_its_place_when_another_names_it() -> None:
    columns = (C("rate", "motion", True, "none"), C("hist", "quality", beside="rate"), C("fd", "quality", True))
    assert names(*columns) == ["fd", "rate", "hist"]


COLUMNS = st.lists(
    st.builds(
        C,
        name=st.sampled_from("abcdef"),
        aspect=st.sampled_from(ASPECTS),
        headline=st.booleans(),
        better=st.sampled_from(["lower", "none"]),
        beside=st.sampled_from(["", "a", "b"]),
    ),
    unique_by=lambda c: c.name,
)


@given(COLUMNS)
def test_every_column_has_one_place_and_the_order_given_does_not_matter(columns: list[C]) -> None:
    placed = ordered(columns)
    assert sorted(c.name for c in placed) == sorted(c.name for c in columns)
    assert ordered(columns[::-1]) == placed
    assert [c.headline for c in placed] == sorted((c.headline for c in placed), reverse=True)


def test_the_three_questions_of_the_ablation_lead_the_built_in_columns() -> None:
    found = [m for m in ordered(load_plugins().metrics.values()) if m.headline]
    assert list(dict.fromkeys(m.aspect for m in found))[:3] == ["quality", "flicker", "motion"]
