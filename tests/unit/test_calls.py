"""A plugin is called with what it accepts: a contract that grows does not break it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from harness.calls import LOAD, VIDEO_METRIC, Contract, call, misfit

GROWN = Contract(("clip",), ("item", "protocol"))


def old(clip: object) -> object:
    return clip


def other_word(item: object) -> object:
    return item


def named(clip: object, item: object) -> object:
    return clip, item


def keyword(clip: object, *, protocol: object) -> object:
    return clip, protocol


def optional(clip: object, item: object = None, gone: int = 3) -> object:
    return clip, item, gone


def everything(clip: object, **offered: object) -> object:
    return clip, offered


def variadic(*clips: object) -> object:
    return clips


@pytest.mark.parametrize(
    ("function", "result"),
    [
        (old, "C"),
        (other_word, "C"),  # the first argument is the clip, whatever it is called
        (named, ("C", "I")),
        (keyword, ("C", "P")),
        (optional, ("C", "I", 3)),
        (everything, ("C", {"item": "I", "protocol": "P"})),
        (variadic, ("C",)),
    ],
)
def test_what_a_callable_names_is_what_it_gets(function: Callable[..., Any], result: object) -> None:
    assert misfit(function, GROWN) == ""
    assert call(function, ("C",), {"item": "I", "protocol": "P"}) == result


def test_a_plugin_that_asks_for_what_is_not_offered_yet_keeps_its_default() -> None:
    assert call(optional, ("C",), {}) == ("C", None, 3)


@pytest.mark.parametrize(
    ("function", "contract", "words"),
    [
        (lambda: 0, VIDEO_METRIC, "takes 1 argument(s) (clip), yours takes 0"),
        (lambda clip, other: 0, VIDEO_METRIC, "yours takes 2; it may also ask for item by name"),
        (lambda clip, *, prompt: 0, VIDEO_METRIC, "is not given 'prompt'; it may also ask for item by name"),
        (lambda: 0, LOAD, "takes 1 argument(s) (device)"),
        (lambda a: 0, Contract(()), "takes 0 argument(s), yours takes 1"),
    ],
)
def test_what_cannot_be_called_is_told_how_it_would_be(
    function: Callable[..., Any], contract: Contract, words: str
) -> None:
    assert words in misfit(function, contract)
