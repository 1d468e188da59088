"""Two columns for one feature network: the Frechet distance to real clips, and the kernel distance beside it.

The Frechet distance is what the literature prints, and it is biased upwards by roughly 1/n; the kernel distance is
unbiased at every n and may be negative. So the one never stands without the other.
"""

from __future__ import annotations

from collections.abc import Mapping

from harness.api import Features, frechet_distance, grouped_kernel_distance, metric

from ._windows import FIRST, WINDOWINGS, Windowing

MIN_ITEMS = 64  # below this a Frechet distance of a large network is bias and little else
KERNEL = "(x.y/d + 1)^3, pairs of different items"


def frechet_and_kernel(
    module: str,
    frechet: str,
    kernel: str,
    *,
    extractor: str,
    params: Mapping[str, object],
    judges: str,
    of: str,
    min_items: int = MIN_ITEMS,
    literature_items: int = 0,
    headline: bool = False,
) -> None:
    """Register both columns of one feature network in one windowing.

    Args:
        module: the caller's ``__name__``: the file that the columns belong to.
        frechet: label of the first column, ``name@version``. Its documentation is the caller's docstring.
        kernel: label of the second one.
        params: what both depend on beside the network.
        judges: what the columns say, such as ``video quality``.
        of: what is compared, such as ``I3D logits over all 16-frame windows``.
        min_items: of the Frechet column; the kernel column has no such limit.
        literature_items: the size of both sets where the first column's name is the literature's; part of its key.
        headline: whether the Frechet column stands first on a board.
    """

    def distance(generated: Features, reference: Features) -> float:
        return frechet_distance(generated.rows, reference.rows)

    def discrepancy(generated: Features, reference: Features) -> float:
        return grouped_kernel_distance(generated, reference)

    distance.__module__ = discrepancy.__module__ = module
    own = {"items": literature_items} if literature_items else {}
    name, version = _split(frechet)
    other, other_version = _split(kernel)
    metric(
        name,
        version=version,
        better="lower",
        unit="squared feature distance",
        summary=f"{judges}: Frechet distance to real clips of {of}",
        kind="set",
        extractor=extractor,
        beside=other,
        params={**params, **own},
        min_items=max(min_items, literature_items),
        aspect="quality",
        headline=headline,
        biased=True,
        bounds=(0, None),
    )(distance)
    metric(
        other,
        version=other_version,
        better="lower",
        unit="MMD^2",
        summary=f"{judges}: unbiased kernel distance to real clips of {of}",
        kind="set",
        extractor=extractor,
        params={**params, "kernel": KERNEL},
        aspect="quality",
    )(discrepancy)


def per_windowing(
    module: str,
    *labels: str,
    extractor: str,
    params: Mapping[str, object],
    of: str,
    literature_items: int,
    headline: Windowing | None = None,
) -> None:
    """Register both columns of a 16-frame network in each of `WINDOWINGS`.

    Args:
        labels: two for each windowing, the Frechet distance's first. They are spelled out because the site finds a
            column's documentation by its label in the caller's file.
        extractor: the stem of its name, which a windowing's suffix is put to.
        of: what the network gives, such as ``I3D logits``.
        literature_items: as in `frechet_and_kernel`, for the first 16 frames: the literature's protocol.
        headline: the windowing whose Frechet column stands first on a board.
    """
    for way, frechet, kernel in zip(WINDOWINGS, labels[::2], labels[1::2], strict=True):
        frechet_and_kernel(
            module,
            frechet,
            kernel,
            extractor=f"{extractor}{way.suffix}",
            params={**params, "clip": way.clip},
            judges="video quality",
            of=f"{of} {way.of}",
            literature_items=literature_items if way is FIRST else 0,
            headline=way is headline,
        )


def _split(label: str) -> tuple[str, int]:
    name, _, version = label.partition("@")
    return name, int(version)
