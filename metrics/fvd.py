"""Frechet video distance on Kinetics-400 I3D logits, and the kernel distance on the same features.

``fvd`` is the name that the literature uses, and it is kept for its protocol: the first 16 frames of each video at
stride 1, one clip per video, 2048 videos against 2048. Even so a number compares with a paper's only if reference
set, resolution and clip rule are that paper's too. ``fvd_w16`` takes every 16-frame window of a long video, and
``fvd_128f_s8`` 16 frames spaced by 8, which is where long videos fall apart. Windows of one video are not
independent: the jackknife deletes whole items.

The Frechet distance is biased upwards by roughly 1/n. Below 64 items nothing is computed, and below 2048 only rows of
equal n compare, beside their noise floor; the ``kvd_`` columns are unbiased at every n and may be negative.
I3D logits see content more than motion (Ge et al. 2024): read these beside the flicker and motion columns.
"""

from __future__ import annotations

from harness.api import Features, frechet_distance, grouped_kernel_distance, metric

from .i3d_features import PARAMS, SPACING

MIN_ITEMS = 64
LITERATURE_ITEMS = 2048
KERNEL = "(x.y/d + 1)^3, pairs of different items"
FIRST = {**PARAMS, "clip": "first 16 frames, stride 1"}
WINDOWS = {**PARAMS, "clip": "every 16-frame window, stride 1"}
SPACED = {**PARAMS, "clip": f"frames 0 to 120, stride {SPACING}"}
UNIT = "squared feature distance"


@metric(
    "fvd",
    version=1,
    better="lower",
    unit=UNIT,
    summary="video quality: FVD, I3D logits of the first 16 frames, 2048 videos",
    kind="set",
    extractor="i3d",
    beside="kvd_i3d",
    params={**FIRST, "items": LITERATURE_ITEMS},
    min_items=LITERATURE_ITEMS,
)
def fvd(generated: Features, reference: Features) -> float:
    """Frechet distance, one clip per video, see `harness.frechet`."""
    return frechet_distance(generated.rows, reference.rows)


@metric(
    "fvd_w16",
    version=1,
    better="lower",
    unit=UNIT,
    summary="video quality: Frechet distance of I3D logits over all 16-frame windows",
    kind="set",
    extractor="i3d_w16",
    beside="kvd_i3d_w16",
    params=WINDOWS,
    min_items=MIN_ITEMS,
)
def fvd_w16(generated: Features, reference: Features) -> float:
    """Frechet distance over windows, see `harness.frechet`."""
    return frechet_distance(generated.rows, reference.rows)


@metric(
    "fvd_128f_s8",
    version=1,
    better="lower",
    unit=UNIT,
    summary="video quality: Frechet distance of I3D logits of 16 frames spaced by 8",
    kind="set",
    extractor="i3d_128f_s8",
    beside="kvd_i3d_128f_s8",
    params=SPACED,
    min_items=MIN_ITEMS,
)
def fvd_128f_s8(generated: Features, reference: Features) -> float:
    """Frechet distance, one spaced clip per video, see `harness.frechet`."""
    return frechet_distance(generated.rows, reference.rows)


@metric(
    "kvd_i3d",
    version=1,
    better="lower",
    unit="MMD^2",
    summary="video quality: unbiased kernel distance of I3D logits of the first 16 frames",
    kind="set",
    extractor="i3d",
    params={**FIRST, "kernel": KERNEL},
)
def kvd_i3d(generated: Features, reference: Features) -> float:
    """Unbiased squared maximum mean discrepancy, one clip per video."""
    return grouped_kernel_distance(generated, reference)


@metric(
    "kvd_i3d_w16",
    version=1,
    better="lower",
    unit="MMD^2",
    summary="video quality: kernel distance of I3D logits over all 16-frame windows",
    kind="set",
    extractor="i3d_w16",
    params={**WINDOWS, "kernel": KERNEL},
)
def kvd_i3d_w16(generated: Features, reference: Features) -> float:
    """Unbiased squared maximum mean discrepancy over windows; two windows of one item are no pair."""
    return grouped_kernel_distance(generated, reference)


@metric(
    "kvd_i3d_128f_s8",
    version=1,
    better="lower",
    unit="MMD^2",
    summary="video quality: unbiased kernel distance of I3D logits of 16 frames spaced by 8",
    kind="set",
    extractor="i3d_128f_s8",
    params={**SPACED, "kernel": KERNEL},
)
def kvd_i3d_128f_s8(generated: Features, reference: Features) -> float:
    """Unbiased squared maximum mean discrepancy, one spaced clip per video."""
    return grouped_kernel_distance(generated, reference)
