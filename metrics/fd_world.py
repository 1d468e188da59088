"""Distances of a variant's videos to real clips of the procedural world, in the mini family's own feature space.

Not FVD: the name ``fvd`` belongs to the Kinetics-400 I3D protocol, and these numbers compare with nothing outside the
mini suite. The Frechet distance is biased upwards by about 1 / n, so rows compare at equal n only, and with fewer items
than its 96 features it is marked as small n; the kernel distance beside it is unbiased, and may be negative.

The features are of every whole 16-frame window, so this is what other networks call ``_w16``. A column of frames
spaced by 8 (``_128f_s8``) does not exist here: the network learned speeds from neighbouring frames of this world, and
a scene at eight times its speed is nothing it was taught.

Fooled by: what the network was not taught to see, above all faults that are none of its seven kinds of damage. By
copying reference clips. By showing the easy scenes only. By small n, where most of the number is bias. On anything but
this world it means nothing.
"""

from __future__ import annotations

from ._distances import frechet_and_kernel

frechet_and_kernel(
    __name__,
    "fd_world@1",
    "kvd_world@2",
    extractor="world",
    params={"covariance": "n-1", "window": 16, "stride": 16},
    judges="video quality",
    of="windows of 16 frames in the mini feature space",
    min_items=0,
    headline=True,
)
