"""One thing that a check of this machine found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One check: ``state`` is ``ok``, ``warning`` or ``missing``; ``remedy`` says what to do about the latter two."""

    name: str
    state: str
    detail: str
    remedy: str = ""
