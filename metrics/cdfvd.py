"""Content-debiased Frechet video distance (Ge et al. 2024): FVD on VideoMAE-v2 features instead of I3D logits.

    |m_g - m_r|^2 + tr(S_g) + tr(S_r) - 2 tr((S_g S_r)^(1/2)),   m, S: mean and covariance (N - 1) of 1408 features

The network was fine-tuned on Something-Something-v2, whose classes are motions with any object. So a broken motion in
familiar scenes costs more here than in ``fvd``. ``cdfvd`` is the protocol of the paper: the first 16 frames of each
video, 2048 videos against 2048. ``cdfvd_w16`` takes every 16-frame window, ``cdfvd_128f_s8`` 16 frames spaced by 8.
A video counts once however few there are: no set is filled up by repeating videos. There is no mode that stretches the
network's positions over 128 frames: it was not trained for that.

The distance is biased upwards by roughly 1/n, more than ``fvd`` because it has more features: below 64 items nothing is
computed, below 1408 a value is marked as small n. The ``kvd_videomae`` columns are unbiased and may be negative.

Fooled by: what lies outside the centre square of a wide frame, which is cropped away. By fine texture and slight
flicker, which weigh less than the course of a motion. By copying the reference set. By small n, where nearly all of the
number is bias. Some content bias is left: other objects still change the number.
"""

from __future__ import annotations

from ._distances import per_windowing
from .cdfvd_features import PARAMS
from .fvd import LITERATURE_ITEMS

per_windowing(
    __name__,
    "cdfvd@1",
    "kvd_videomae@1",
    "cdfvd_w16@1",
    "kvd_videomae_w16@1",
    "cdfvd_128f_s8@1",
    "kvd_videomae_128f_s8@1",
    extractor="videomae",
    params=PARAMS,
    of="VideoMAE-v2 features",
    literature_items=LITERATURE_ITEMS,
)
