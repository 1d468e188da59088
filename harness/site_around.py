"""What else the site says of one variant on a suite: its distance to the reference, and the pages that it is on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness import figures
from harness.site_ablation import AblationView, ablation_path
from harness.site_any_pair import any_path
from harness.site_board import Board
from harness.site_compare import LIMIT, WIDTH, Comparisons, Pair, index_path, pair_path
from harness.site_map import Map
from harness.submission import PublishedMetric, PublishedVariant


@dataclass(frozen=True)
class Around:
    """Paths are relative to the site, empty where there is no such page.

    ``pair`` is the variant against the reference, None for the reference itself and for controls; ``pairs`` are the
    pages of tested pairs that it is in, each with the other variant. ``zero`` and ``ticks`` lie on the scale of the
    pair's marks, which is ``width`` wide.
    """

    pair: Pair | None
    pairs: tuple[tuple[PublishedVariant, str], ...]
    comparisons: str
    any_pair: str
    ablation: str
    maps: tuple[tuple[PublishedMetric, str], ...]
    zero: float
    ticks: tuple[figures.Tick, ...]
    width: float = WIDTH


def around(
    board: Board,
    variant: PublishedVariant,
    compared: Comparisons | None,
    ablations: Iterable[AblationView],
    maps: Iterable[Map],
) -> Around:
    """What there is around ``variant``, of the board's comparisons, analyses and maps."""
    scale = figures.Scale(-LIMIT, LIMIT, figures.PAD, WIDTH - figures.PAD)
    mine = [pair for pair in compared.pairs if variant in (pair.a, pair.b)] if compared else []
    others = [(pair.a if pair.b == variant else pair.b, pair_path(board, pair.a, pair.b)) for pair in mine]
    against = [pair for pair in mine if compared and pair.a == compared.reference and pair.found]
    return Around(
        against[0] if against and against[0].b == variant else None,
        tuple(others),
        index_path(board) if compared else "",
        any_path(board) if compared else "",
        ablation_path(board) if any(variant.label in view.found.rows for view in ablations) else "",
        tuple((found.metric, found.path) for found in maps if variant in (found.reference, *found.variants)),
        scale(0),
        figures.ticks(scale, 6),
    )
