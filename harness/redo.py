"""`--redo`: which videos are made a second time, and how the second is like the first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.errors import UsageError
from harness.model import Frames
from harness.select import select


@dataclass(frozen=True)
class Redone:
    """One video that was made a second time. ``psnr_db`` and ``largest`` (grey levels) are None where the first one's
    file is gone; of equal videos ``psnr_db`` is None too, because it would be infinite."""

    label: str
    bitwise: bool
    psnr_db: float | None = None
    largest: int | None = None

    def text(self) -> str:
        """For people."""
        if self.bitwise:
            return f"redo {self.label}: bitwise equal to the first"
        if self.psnr_db is None:
            return f"redo {self.label}: differs from the first, whose file is gone"
        return f"redo {self.label}: differs from the first, PSNR {self.psnr_db:.1f} dB, by up to {self.largest} of 255"


def parse_redo(
    wanted: Sequence[str], variants: Sequence[str], items: Sequence[str], suite: str
) -> Mapping[str, frozenset[str]]:
    """The items to make again, by variant, from ``VARIANT[:ITEM]`` as the user typed it; both sides are selectors.

    Args:
        variants: the names of the run's rows.
        items: the slugs of the run's items.
        suite: its label, for messages.

    Raises:
        UsageError: E-UNKNOWN, a name that is none of the run's.
    """
    found: dict[str, frozenset[str]] = {}
    for text in wanted:
        name, colon, item = text.partition(":")
        slugs = frozenset(_items(item, items, suite) if colon else items)
        for variant in select(name, variants, "variant"):
            found[variant] = found.get(variant, frozenset()) | slugs
    return found


def variants_of(wanted: Sequence[str]) -> str:
    """The selector of the variants that are named, for a run that names no others."""
    return ",".join(dict.fromkeys(text.partition(":")[0] for text in wanted))


def difference(first: Frames, second: Frames) -> dict[str, Any]:
    """How two videos uint8 [T, H, W, 3] of one size differ: ``psnr_db`` (None if equal) and the ``largest`` step."""
    gap = np.abs(first.astype(np.int16) - second.astype(np.int16))
    error = float(np.mean(np.square(gap, dtype=np.float64)))
    return {"psnr_db": 10 * float(np.log10(255**2 / error)) if error else None, "largest": int(gap.max())}


def _items(item: str, items: Sequence[str], suite: str) -> list[str]:
    try:
        return select(item, items, "item")
    except UsageError as error:
        error.fix = error.fix.replace("harness list items", f"harness show suite {suite}")
        raise
