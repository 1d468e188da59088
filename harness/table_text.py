"""Tables of plain cells as Markdown and as LaTeX, and how many decimals a number gets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

_LATEX = {
    **{"\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}"},
    **{"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}"},
    **{"±": r"$\pm$", "−": r"$-$", "×": r"$\times$", "≥": r"$\geq$", "↓": r"$\downarrow$", "↑": r"$\uparrow$"},
    **{"–": "--", "·": r"$\cdot$", "→": r"$\to$", "≤": r"$\leq$", "…": r"\ldots{}"},
}
ARROWS = {"higher": "↑", "lower": "↓", "none": ""}
_MARKDOWN = {"\\": "\\\\", "|": "\\|", "<": "&lt;", ">": "&gt;", "*": "\\*", "`": "\\`", "[": "\\[", "&": "&amp;"}


def markdown(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A pipe table. What has a meaning in Markdown or HTML is escaped."""
    lines = [headers, ["---"] * len(headers), *rows]
    escaped = [line if n == 1 else [escape_markdown(cell) for cell in line] for n, line in enumerate(lines)]
    return "\n".join(f"| {' | '.join(line)} |" for line in escaped)


def latex(headers: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "") -> str:
    """A ``table`` with rules of the ``booktabs`` package; the first column is text, the others are set right."""
    lines = [r"\begin{table}", r"\centering"]
    lines += [rf"\caption{{{escape_latex(caption)}}}"] if caption else []
    lines += [rf"\begin{{tabular}}{{l{'r' * (len(headers) - 1)}}}", r"\toprule"]
    body = [" & ".join(escape_latex(cell) for cell in line) + r" \\" for line in (headers, *rows)]
    return "\n".join([*lines, body[0], r"\midrule", *body[1:], r"\bottomrule", r"\end{tabular}", r"\end{table}"])


def latex_list(lines: Iterable[str]) -> str:
    """Notes as an ``itemize``; nothing for none."""
    items = [rf"\item {escape_latex(line)}" for line in lines]
    return "\n".join([r"\begin{itemize}", *items, r"\end{itemize}"]) if items else ""


def escape_markdown(text: str) -> str:
    """Text as Markdown shows it: no link, image, HTML or emphasis comes of it."""
    return _translate(text, _MARKDOWN)


def counted(count: int, noun: str) -> str:
    """``1 item``, ``2 items``, ``1,000 items``."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


def with_arrow(label: str, better: str) -> str:
    """A metric's label with the arrow of its better side, where it has one."""
    return f"{label} {ARROWS[better]}".strip()


def escape_latex(text: str) -> str:
    """Text as LaTeX prints it."""
    return _translate(text, _LATEX)


def signed(value: float, decimals: int) -> str:
    """A difference with its sign, a true minus, and no sign where it rounds to 0."""
    text = f"{value:+.{decimals}f}"
    return text[1:] if float(text) == 0 else text.replace("-", "−")


def number(value: float, decimals: int) -> str:
    """A number with a true minus."""
    text = f"{value:.{decimals}f}"
    return text.replace("-", "") if float(text) == 0 else text.replace("-", "−")


def p_text(p: float | None) -> str:
    """``0.032``, ``<0.0001``, a dash for none."""
    if p is None:
        return "–"
    return "<0.0001" if p < 0.0001 else f"{p:.4f}" if p < 0.01 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def size_text(size: float | None) -> str:
    """An effect size to two decimals, a dash for none."""
    return "–" if size is None else signed(size, 2)


def decimals(values: Iterable[float], digits: int = 3) -> int:
    """Decimals that give the largest of ``values`` about so many significant digits; 0 to 9."""
    from math import floor, isfinite, log10

    largest = max((abs(v) for v in values if isfinite(v)), default=0.0)
    return min(9, max(0, digits - 1 - floor(log10(largest)))) if largest else digits - 1


def _translate(text: str, table: dict[str, str]) -> str:
    return "".join(table.get(character, character) for character in text)
