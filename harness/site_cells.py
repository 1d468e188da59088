"""What stands in the cells of the largest tables, as HTML. In Python, since a site has a hundred thousand of them and a
macro of a template takes ten times as long. Foreign text is escaped here.
"""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup, escape

from harness.site_map import Square
from harness.site_text import number
from harness.sitemodel import ScoreView

_ABSENT = '<span class="absent">{}</span>'


def numbers(values: Iterable[float | None]) -> Markup:
    """A cell for each number."""
    return _made(f"<td>{_ABSENT.format('none') if v is None else number(v)}</td>" for v in values)


def scores(views: Iterable[ScoreView]) -> Markup:
    """A cell for each score of a video, sortable."""
    return _made(f'<td data-value="{_value(view)}">{score(view)}</td>' for view in views)


def squares(found: Iterable[Square]) -> Markup:
    """The shaded cells of a row of a map, sortable."""
    return _made(
        '<td class="none" data-value="">none</td>'
        if s.sds is None
        else f'<td class="s{s.shade}" data-value="{s.sds}">{"+" if s.sds >= 0.05 else ""}{number(s.sds, 1)}</td>'
        for s in found
    )


def score(view: ScoreView) -> Markup:
    """A score of a video, or why it has none."""
    found = view.score
    if found is None:
        return _made((_ABSENT.format("not measured"),))
    if found.value is None:
        reason = f": {found.reason}" if found.reason else ""
        return _made((_ABSENT.format(escape(f"{found.status}{reason}")),))
    return _made((f'<span class="value">{number(found.value)}</span>',))


def _value(view: ScoreView) -> str:
    return "" if view.score is None or view.score.value is None else str(view.score.value)


def _made(parts: Iterable[str]) -> Markup:
    return Markup("".join(parts))  # noqa: S704  # of numbers, words of ours and escaped text


FILTERS = {"numbers": numbers, "scores": scores, "squares": squares, "score": score}
