"""The default flow backend: dense inverse search on brightness-balanced grey frames, without weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from harness.errors import ItemError
from harness.flow_brightness import balanced
from harness.model import Frames, Weight

Float32 = NDArray[np.float32]
Bytes = NDArray[np.uint8]

FULL_SIDE = 256  # pixels; the preset is made for frames of this size and larger


class DisFlow:
    """Dense inverse search (Kroeger et al., ECCV 2016), OpenCV's medium preset.

    The preset leaves out the finest scale, which is right at short side 256 but blurs the motion of objects in
    small frames. Below 256 the finest scale is used, against its noise with a slight blur and a stronger and
    longer variational refinement. Mean end-point error in pixels (all visible pixels / valid ones) on 72 pairs of the
    64x64 procedural world with exact flow, and spurious speed of a still with noise of SD 1 %:

        preset as it is                                .286 / .248   warp error 3.6e-4   coverage .84   .12 px
        preset on frames enlarged 2x                   .210 / .144   warp error 1.4e-4   coverage .79   .33 px
        preset on frames enlarged 4x                   .234 / .165   warp error 0.6e-4   coverage .68   .58 px
        finest scale                                   .204 / .145   warp error 1.5e-4   coverage .79   .33 px
        finest scale, blur 0.7, 20 iterations, 40      .203 / .161   warp error 2.6e-4   coverage .85   .16 px  <- used

    Enlarging buys nothing over the finest scale and costs more. With noise of SD 1 % on moving clips the last row is
    also the most accurate of these (.417 against .427 to .745).

    The refinement assumes that a point keeps its brightness, and it takes bytes. The two frames of a pair are therefore
    brought to one brightness and contrast, and their common range is stretched to 0..255 (`harness.flow_brightness`),
    for a sixth of the time. On 72 other pairs, against the median of their difference taken out and no stretch: error
    .183 / .138 instead of .205 / .162, with noise of SD 1 % .385 instead of .392 (all visible pixels), coverage .851
    instead of .842. Under a flicker of the whole frame's brightness of up to 10 % the smoothness of panning clips of
    the world moves by less than .001. Under a flicker of its gain it falls by .07 to .23 (.17 to .73 before, or to no
    motion at all): that is what rounding such frames to bytes does to smooth backgrounds. Unrounded it falls by .05 at
    most, in textured clips by .006. What a change of a part of the frame does to the flow stays.
    """

    SMALL: Mapping[str, float] = {"finest_scale": 0, "blur_sigma": 0.7, "iterations": 20, "alpha": 40.0}
    MIN_SIDE = 12  # pixels; OpenCV raises below

    params: Mapping[str, object] = {
        "backend": "dis-medium",
        "below_256": SMALL,
        "brightness": "gain and offset matched along a coarse flow, range stretched",
    }
    weights: tuple[Weight, ...] = ()

    def pairs(self, images: Frames, starts: NDArray[np.int64], gap: int) -> Iterator[tuple[Float32, Float32]]:
        """See `harness.flow.FlowBackend.pairs`; the same bits for any number of threads."""
        height, width = images.shape[1:3]
        if min(height, width) < self.MIN_SIDE:
            raise ItemError("E-FLOW", f"Flow needs frames of {self.MIN_SIDE} pixels or more, got {width}x{height}.")
        cv2.setNumThreads(1)  # workers share the machine; the result does not depend on it
        small = min(height, width) < FULL_SIDE
        engine, rough = self._engine(small), cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)

        def coarse(first: Bytes, second: Bytes) -> Float32:
            found: Float32 = rough.calc(first, second, None)
            return found

        for start in starts:
            grey = [self._grey(images[k], small) for k in (start, start + gap)]
            first, second = balanced(grey[0], grey[1], coarse)
            yield engine.calc(first, second, None), engine.calc(second, first, None)

    def _engine(self, small: bool) -> cv2.DISOpticalFlow:
        engine = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        if small:
            engine.setFinestScale(int(self.SMALL["finest_scale"]))
            engine.setVariationalRefinementIterations(int(self.SMALL["iterations"]))
            engine.setVariationalRefinementAlpha(self.SMALL["alpha"])
        return engine

    def _grey(self, image: NDArray[np.uint8], small: bool) -> Float32:
        grey = cv2.cvtColor(image.astype(np.float32), cv2.COLOR_RGB2GRAY)
        if small:
            grey = cv2.GaussianBlur(grey, (0, 0), self.SMALL["blur_sigma"])
        return np.asarray(grey, np.float32)
