"""Canonical JSON and keys: equal values give equal keys, different values different ones, for ever."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.keys import GenKey, ItemKey, ProtocolKey, VariantKey, canonical_json, digest
from harness.model import Item, Protocol, Suite, generation_key, set_key

leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=20
)


@given(values)
def test_canonical_json_holds_the_value(value: object) -> None:
    assert json.loads(canonical_json(value)) == value


@given(st.dictionaries(st.text(), leaves, min_size=2))
def test_the_order_of_names_does_not_matter(value: dict[str, object]) -> None:
    backwards = dict(reversed(list(value.items())))
    assert canonical_json(backwards) == canonical_json(value)


@given(values, values)
def test_values_with_one_text_are_equal(one: object, other: object) -> None:
    if canonical_json(one) == canonical_json(other):
        assert one == other


@pytest.mark.parametrize("value", [math.nan, math.inf, [1, {"a": -math.inf}]])
def test_numbers_that_are_not_finite_are_refused(value: object) -> None:
    with pytest.raises(ValueError, match="Out of range float"):
        canonical_json(value)


@pytest.mark.parametrize("value", [{1: "a"}, {None: 0}, {True: 0}, [{"a": {2.5: 0}}]])
def test_names_that_are_not_text_are_refused(value: object) -> None:
    with pytest.raises(TypeError, match="must be a string"):
        canonical_json(value)


@given(st.text(), values)
def test_a_digest_is_32_hex_digits(tag: str, value: object) -> None:
    key = digest(tag, value)
    assert len(key) == 32
    assert int(key, 16) >= 0


PROTOCOL = Protocol(num_frames=40, height=64, width=64, fps=10)
ITEM = Item("000-x", "a red disc", "ab" * 32, 61, ("one-shape",))
SUITE = Suite("mini", 1, "summary", PROTOCOL, (ITEM,), (0,), 64)

# Changing any of these orphans every result that was ever published.
GOLDEN = {
    "empty": (digest("gen/1"), "dbb94a9b10e9b4bfd95404dcdc72629a"),
    "text": (digest("x/1", "é"), "da556051be933094ed899ccd672e1eb6"),
    "float": (digest("x/1", 0.1), "39754c006b7a38ebf44c24984269d8d8"),
    "nested": (digest("x/1", {"b": [1, 2.0, None, True], "a": {}}), "aaf7c2c25f325b021d71614fb814da2b"),
    "protocol": (PROTOCOL.key, "c7bf2d37fae20ea641d91d2cf38ff5a9"),
    "item": (ITEM.key, "696f0cdbd9c875f03078d2b3b06f69a1"),
    "suite": (SUITE.key, "08c08c2fef65d0f31774f089d827e6c5"),
    "generation": (
        generation_key(VariantKey("v"), ItemKey("i"), 0, ProtocolKey("p")),
        "3675f345272284bb2000ce7fa94cea52",
    ),
    "set": (set_key([GenKey("b"), GenKey("a")], "r"), "65bc408ecb633be9af65c850caa52040"),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_keys(name: str) -> None:
    found, expected = GOLDEN[name]
    assert found == expected


@given(st.permutations(["a", "b", "c", "d"]))
def test_a_set_does_not_depend_on_order(names: list[str]) -> None:
    assert set_key([GenKey(n) for n in names]) == set_key([GenKey(n) for n in "abcd"])


def test_what_an_items_key_depends_on() -> None:
    same = Item("999-other-slug", ITEM.prompt, ITEM.image_sha256, ITEM.motion_bucket, ("other",))
    assert same.key == ITEM.key
    changed = [
        Item(ITEM.slug, "a blue disc", ITEM.image_sha256, ITEM.motion_bucket),
        Item(ITEM.slug, ITEM.prompt, "cd" * 32, ITEM.motion_bucket),
        Item(ITEM.slug, ITEM.prompt, ITEM.image_sha256, 62),
    ]
    assert len({ITEM.key, *(item.key for item in changed)}) == 4
