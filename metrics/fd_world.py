"""Distances of a variant's videos to real clips of the procedural world, in the mini family's own feature space.

Not FVD: the name ``fvd`` belongs to the Kinetics-400 I3D protocol, and these numbers compare with nothing outside the
mini suite. The Frechet distance is biased upwards by about 1 / n, so rows compare at equal n only; the kernel distance
beside it is unbiased, and may be negative.
"""

from __future__ import annotations

from harness.api import Features, frechet_distance, grouped_kernel_distance, metric

PARAMS = {"covariance": "n-1", "window": 16, "stride": 16}


@metric(
    "fd_world",
    version=1,
    better="lower",
    unit="squared feature distance",
    summary="video quality: Frechet distance to real clips in the mini feature space",
    kind="set",
    extractor="world",
    beside="kvd_world",
    params=PARAMS,
)
def fd_world(generated: Features, reference: Features) -> float:
    """Frechet distance of the two sets of windows, see `harness.frechet`."""
    return frechet_distance(generated.rows, reference.rows)


@metric(
    "kvd_world",
    version=2,
    better="lower",
    unit="MMD^2",
    summary="video quality: unbiased kernel distance to real clips in the mini feature space",
    kind="set",
    extractor="world",
    params={**PARAMS, "kernel": "(x.y/d + 1)^3, pairs of different items"},
)
def kvd_world(generated: Features, reference: Features) -> float:
    """Unbiased squared maximum mean discrepancy of the two sets of windows; two windows of one item are no pair."""
    return grouped_kernel_distance(generated, reference)
