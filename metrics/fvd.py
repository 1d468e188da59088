"""Frechet video distance on Kinetics-400 I3D logits, and the kernel distance on the same features.

    FVD = |m_g - m_r|^2 + tr(S_g) + tr(S_r) - 2 tr((S_g S_r)^(1/2)),   m, S: mean and covariance (N - 1) of the logits
    KVD = mean k(x, x') + mean k(y, y') - 2 mean k(x, y),   k(x, y) = (x.y / d + 1)^3, pairs of different items

``fvd`` is the name that the literature uses, and it is kept for its protocol: the first 16 frames of each video at
stride 1, one clip per video, 2048 videos against 2048. Even so a number compares with a paper's only if reference
set, resolution and clip rule are that paper's too. ``fvd_w16`` takes every 16-frame window of a long video, and
``fvd_128f_s8`` 16 frames spaced by 8, which is where long videos fall apart. Windows of one video are not
independent: the jackknife deletes whole items.

The Frechet distance is biased upwards by roughly 1/n. Below 64 items nothing is computed; with fewer items than its
400 features a value is marked as small n; and below 2048 only rows of equal n compare, beside their noise floor. The
``kvd_`` columns are unbiased at every n and may be negative.

Fooled by: content, since I3D logits see what is in a frame more than how it moves (Ge et al. 2024): broken motion in
familiar scenes scores better than clean motion in unfamiliar ones. By copying the reference set. By leaving out the
videos that are hard. By a reference set of other content, which moves all rows. By small n, where the bias is larger
than any difference. Read it beside the flicker and motion columns.
"""

from __future__ import annotations

from ._distances import per_windowing
from ._windows import SPACED_BY_8
from .i3d_features import PARAMS

LITERATURE_ITEMS = 2048

per_windowing(
    __name__,
    "fvd@1",
    "kvd_i3d@1",
    "fvd_w16@1",
    "kvd_i3d_w16@1",
    "fvd_128f_s8@1",
    "kvd_i3d_128f_s8@1",
    extractor="i3d",
    params=PARAMS,
    of="I3D logits",
    literature_items=LITERATURE_ITEMS,
    headline=SPACED_BY_8,
)
