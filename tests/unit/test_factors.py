"""A variant's factors: carried into files, absent where there are none, and no part of its identity."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from harness.jsonread import JsonError
from harness.registry import VariantSpec
from harness.submission import parse
from tests.site.synthetic import LOOKS, result, small_suite
from tests.unit.run_helpers import variant


def parsed(**fields: Any) -> Any:
    content = result(small_suite(), LOOKS[0])
    content["variant"].update(fields)
    return parse(json.dumps(content).encode()).variant.factors


def test_factors_are_read_from_a_file_and_may_be_missing() -> None:
    assert parsed(factors={"conv": True, "positions": "learned", "depth": 3}) == {
        "conv": True,
        "positions": "learned",
        "depth": 3,
    }
    assert parsed() == {}


@pytest.mark.parametrize("level", [0.5, None, [1], "\u202e", "x" * 65])
def test_a_level_of_another_type_is_refused_with_its_place(level: object) -> None:
    with pytest.raises(JsonError) as caught:
        parsed(factors={"conv": level})
    assert caught.value.pointer == "/variant/factors/conv"


def test_factors_describe_and_do_not_identify() -> None:
    plain: VariantSpec = variant("a")
    described = replace(plain, factors={"conv": True})
    assert described.key == plain.key
    assert hash(described) == hash(plain)
