"""The order of a board's columns, the same in the terminal, in published files and on the site.

Headline columns come first: one or two for each of the aspects that a variant is judged on. The others follow by
aspect, and a number that misleads alone has its companion next to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

ASPECTS = ("quality", "flicker", "motion", "fidelity", "integrity", "")


class Column(Protocol):
    """What the order of a metric's column depends on; registered and published metrics both have it."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def version(self) -> int: ...  # noqa: D102
    @property
    def aspect(self) -> str: ...  # noqa: D102
    @property
    def headline(self) -> bool: ...  # noqa: D102
    @property
    def better(self) -> str: ...  # noqa: D102
    @property
    def beside(self) -> str: ...  # noqa: D102


C = TypeVar("C", bound=Column)


def ordered(columns: Iterable[C]) -> list[C]:
    """Headlines, then the rest; within each by aspect, judging before describing, and by name.

    A companion (``beside``) follows the first column that names it, unless one of the two is a headline.
    """
    waiting: Sequence[C] = sorted(columns, key=_place)
    companions = {column.beside.partition("@")[0] for column in waiting if column.beside and not column.headline}
    placed: list[C] = []
    for column in [c for c in waiting if c.headline or c.name not in companions]:
        beside = column.beside.partition("@")[0]
        placed.append(column)
        if not column.headline:
            placed += [c for c in waiting if c.name == beside and c not in placed and not c.headline]
    return placed + [c for c in waiting if c not in placed]


def _place(column: Column) -> tuple[bool, int, bool, str, int]:
    return (
        not column.headline,
        ASPECTS.index(column.aspect) if column.aspect in ASPECTS else len(ASPECTS),
        column.better == "none",
        column.name,
        column.version,
    )
