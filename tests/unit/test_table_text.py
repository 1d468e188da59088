"""Cells as Markdown and LaTeX, and numbers as text."""

from __future__ import annotations

import pytest

from harness.table_text import counted, decimals, latex, markdown, number, p_text, signed


def test_a_markdown_cell_cannot_leave_its_column_or_become_html() -> None:
    table = markdown(["a|b", "n"], [["<script>", "1"], ["x | y", "2"]])
    assert table.splitlines() == [r"| a\|b | n |", "| --- | --- |", "| &lt;script&gt; | 1 |", r"| x \| y | 2 |"]


def test_latex_escapes_what_has_a_meaning() -> None:
    table = latex(["metric ↓", "50 %"], [["warp_error@1", "−0.1 ± 0.2"]], "A & B")
    assert r"warp\_error@1 & $-$0.1 $\pm$ 0.2 \\" in table
    assert r"metric $\downarrow$ & 50 \% \\" in table
    assert r"\caption{A \& B}" in table
    assert table.count(r"\begin{") == table.count(r"\end{") == 2


@pytest.mark.parametrize(
    ("value", "places", "text"), [(0.1234, 3, "+0.123"), (-0.1, 1, "−0.1"), (-0.001, 2, "0.00"), (0.0, 0, "0")]
)
def test_a_difference_has_a_sign_unless_it_rounds_to_nothing(value: float, places: int, text: str) -> None:
    assert signed(value, places) == text


def test_one_is_no_plural() -> None:
    assert [counted(n, "item") for n in (0, 1, 2, 1000)] == ["0 items", "1 item", "2 items", "1,000 items"]


def test_numbers_and_p_values() -> None:
    assert (number(-1.25, 1), number(-0.01, 1)) == ("−1.2", "0.0")
    assert [p_text(p) for p in (None, 0.00005, 0.0049, 0.049, 0.5)] == ["–", "<0.0001", "0.0049", "0.049", "0.50"]
    assert [decimals([v]) for v in (0.0, 0.00123, 0.5, 12.3, 4567.0)] == [2, 5, 3, 1, 0]
