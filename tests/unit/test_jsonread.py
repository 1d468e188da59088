"""Foreign JSON: strict, and every complaint has its place."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.jsonread import JsonError, Node, load

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text("ab/~ é"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab/~"), inner, max_size=3),
    max_leaves=12,
)


@given(values)
def test_a_strict_document_is_what_json_says(value: object) -> None:
    assert load(json.dumps(value).encode()).tree() == value


@given(st.binary(max_size=40))
def test_anything_else_is_refused_with_one_error(data: bytes) -> None:
    try:
        expected = json.loads(data.decode())
        json.dumps(expected, allow_nan=False)
    except ValueError:
        with pytest.raises(JsonError):
            load(data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\xff", "not UTF-8 at byte 0"),
        (b"{", "not JSON"),
        (b'{"a": NaN}', "finite"),
        (b"[-Infinity]", "finite"),
        (b'{"a": 1, "a": 2}', "'a' twice"),
        (b"[" * 200_000, "nested too deeply"),
    ],
)
def test_documents_that_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(JsonError, match=message):
        load(data)


DOCUMENT = Node({"a/b": {"c~d": ["x", 1, 2.5, None, True, "two\nlines", "\u202e", 10**400, float("inf")]}})


def element(index: int) -> Node:
    return list(DOCUMENT.at("a/b").at("c~d").items())[index]


def test_a_place_is_a_json_pointer() -> None:
    assert element(3).pointer == "/a~1b/c~0d/3"
    with pytest.raises(JsonError) as caught:
        element(3).text()
    assert (caught.value.pointer, caught.value.message) == ("/a~1b/c~0d/3", "must be text, not null")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: DOCUMENT.at("z"), "has no 'z'"),
        (lambda: DOCUMENT.only(["z"]), "not part of the schema"),
        (lambda: list(DOCUMENT.items()), "must be a list, not an object"),
        (lambda: element(0).mapping(), "must be an object, not text"),
        (lambda: element(0).text("[0-9]+"), "does not match"),
        (lambda: element(0).text(limit=0), "longer than 0"),
        (lambda: element(5).text(), r"U\+000A"),
        (lambda: element(6).text(), r"U\+202E"),
        (lambda: element(0).choice(["y", "z"]), "one of y, z"),
        (lambda: element(1).integer(2), "from 2"),
        (lambda: element(2).integer(), "whole number"),
        (lambda: element(4).integer(), "whole number, not true"),
        (lambda: element(4).number(), "must be a number"),
        (lambda: element(7).number(), "too large"),
        (lambda: element(8).number(), "finite"),
        (lambda: element(1).boolean(), "true or false"),
        (DOCUMENT.tree, r"U\+000A"),
    ],
)
def test_what_is_not_as_it_must_be(call: object, message: str) -> None:
    assert callable(call)
    with pytest.raises(JsonError, match=message):
        call()


def test_what_is_as_it_must_be() -> None:
    assert element(0).text("[a-z]") == "x"
    assert (element(1).integer(), element(1).number(), element(2).number()) == (1, 1.0, 2.5)
    assert (element(3).maybe_number(), element(2).maybe_number(), element(4).boolean()) == (None, 2.5, True)
    assert element(0).choice(["x"]) == "x"
