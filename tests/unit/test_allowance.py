"""How many failures a run bears."""

from __future__ import annotations

import pytest

from harness.allowance import parse_allowance, too_many
from harness.errors import EXIT_PARTIAL, UsageError


@pytest.mark.parametrize(
    ("text", "work", "allowed"),
    [("1", 1000, 1), ("25", 10, 25), ("5%", 1000, 50), ("5%", 101, 6), ("1%", 3, 1), ("100%", 7, 7), ("5%", 0, 1)],
)
def test_a_number_or_a_share_of_the_work_rounded_up(text: str, work: int, allowed: int) -> None:
    assert parse_allowance(text, work) == allowed


@pytest.mark.parametrize("text", ["0", "0%", "-1", "101%", "many", "", "5 %", "1.5"])
def test_anything_else_is_a_mistake_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match="no number of failures") as caught:
        parse_allowance(text, 100)
    assert (caught.value.code, "5%" in caught.value.fix) == ("E-OPTION", True)


def test_a_run_that_stops_ends_as_one_with_failed_items() -> None:
    error = too_many(3, "a 001 s0: E-GENERATE bad")
    assert error.exit_status == EXIT_PARTIAL
    assert "a 001 s0" in error.why
