"""Which videos are made a second time, and how a second is like the first."""

from __future__ import annotations

import numpy as np
import pytest

from harness.errors import UsageError
from harness.plan import Have, Made, make_plan
from harness.redo import Redone, difference, parse_redo, variants_of
from tests.unit.run_helpers import column, frames, plan, suite, variant

ITEMS = ("000", "001", "002")


def test_a_variant_alone_is_all_of_its_items_and_selectors_work_on_both_sides() -> None:
    assert parse_redo(["a"], ["a", "b"], ITEMS, "tiny") == {"a": frozenset(ITEMS)}
    assert parse_redo(["a:001"], ["a", "b"], ITEMS, "tiny") == {"a": {"001"}}
    assert parse_redo(["*:00[01]", "b:002"], ["a", "b"], ITEMS, "tiny") == {"a": {"000", "001"}, "b": frozenset(ITEMS)}
    assert parse_redo([], ["a"], ITEMS, "tiny") == {}
    assert variants_of(["a:001", "b", "a:002"]) == "a,b"


@pytest.mark.parametrize("text", ["c", "a:009", "a:"])
def test_an_unknown_variant_or_item_is_a_mistake(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_redo([text], ["a", "b"], ITEMS, "tiny")
    assert caught.value.code == "E-UNKNOWN"
    assert ":" not in text or "harness show suite tiny" in caught.value.fix


def test_the_difference_is_measured_and_equal_videos_have_none() -> None:
    first = frames()
    assert difference(first, first) == {"psnr_db": None, "largest": 0}
    second = first.copy()
    second[0, 0, 0, 0] += 2
    expected = 10 * np.log10(255**2 / (4 / first.size))
    assert difference(first, second) == {"psnr_db": pytest.approx(expected), "largest": 2}
    assert difference(second, first)["largest"] == 2, "no wrap-around below zero"


def test_the_text_says_which_of_three_it_is() -> None:
    assert Redone("a 000 s0", True).text() == "redo a 000 s0: bitwise equal to the first"
    assert "PSNR 41.2 dB, by up to 3 of 255" in Redone("a 000 s0", False, 41.23, 3).text()
    assert "file is gone" in Redone("a 000 s0", False).text()


def test_only_what_exists_is_made_again_and_the_rest_for_the_first_time() -> None:
    units = plan(names=["a"]).rows[0].units
    have = Have({u.gen_key: Made(f"v{u.item}", f"f{u.item}") for u in units[:2]})
    rows = [(variant("a"), plan().rows[0].skip)]
    row = make_plan(suite(), None, rows, [column("sharp")], "", have, {"a": {"001", "002"}}).rows[0]
    assert [(t.item, t.first, t.first_video) for t in row.redo] == [("001", "f001", "v001")]
    assert [(t.item, t.first) for t in row.make] == [("002", "")]
    assert row.to_do
