"""Learned flow backends: a network on enlarged and padded frames. It is loaded, and torch with it, at the first pair.

``ptlflow:gmflow_refine`` on pairs of the 64x64 procedural world with exact flow, mean end-point error of the visible
pixels: between .03 (DIS .06) where the ground stands still and 1.4 (DIS .1) where smooth ground pans, which is far from
what it was trained on. A pair takes minutes on one CPU core.

Small frames are enlarged before estimation and the flow is scaled back: the attention grid of GMFlow is too coarse
below 512 pixels, and RAFT's correlation volume needs 128. Sides are padded with border pixels to what the network
takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from harness.flow_choice import FlowChoice
from harness.model import Frames, Weight

if TYPE_CHECKING:
    from torch import Tensor

Float32 = NDArray[np.float32]
Estimator = Callable[["Tensor", "Tensor"], "Tensor"]
"""Two float images [N, 3, H, W], RGB in [0, 1], to flow [N, 2, H, W] in pixels."""

MULTIPLE = 8
SIDES = {"gmflow": 512, "gmflow_refine": 512}  # short side that a model's frames are enlarged to
LEAST_SIDE = 256


class LearnedFlow:
    """A network behind the interface `harness.flow.FlowBackend`."""

    def __init__(self, choice: FlowChoice, estimator: Estimator | None = None) -> None:
        """``estimator`` replaces the network that the choice names."""
        self.choice = choice
        self.side = SIDES.get(choice.model, LEAST_SIDE)
        self.weights: tuple[Weight, ...] = (choice.weight,) if choice.weight else ()
        enlarged = {"enlarged_to": self.side, "resize_up": "linear", "padding": f"replicate to {MULTIPLE}"}
        self.params: Mapping[str, object] = {**choice.params, **enlarged}
        self._given = estimator

    @cached_property
    def estimator(self) -> Estimator:
        """The network.

        Raises:
            CannotStart: E-WEIGHTS, E-WEIGHTS-DIGEST or E-NEEDS, the package or the weights are missing or do
                not fit.
            UsageError: E-UNKNOWN, the package has no model of this name.
        """
        if self._given is not None:
            return self._given
        from harness.flow_networks import load_estimator

        return load_estimator(self.choice)

    def pairs(self, images: Frames, starts: NDArray[np.int64], gap: int) -> Iterator[tuple[Float32, Float32]]:
        """See `harness.flow.FlowBackend.pairs`. Both directions go through the network as one batch."""
        import torch

        height, width = images.shape[1:3]
        scale = max(1.0, self.side / min(height, width))
        size = (round(width * scale), round(height * scale))
        for start in starts:
            first, second = (_tensor(images[k], size) for k in (start, start + gap))
            with torch.inference_mode():
                flow = padded(self.estimator, torch.cat([first, second]), torch.cat([second, first]))
            both = [_shrunk(one, (width, height)) for one in flow.permute(0, 2, 3, 1).cpu().numpy()]
            yield both[0], both[1]


def padded(estimator: Estimator, first: Tensor, second: Tensor) -> Tensor:
    """The estimate for images whose sides are padded to multiples of 8, cut back to their size."""
    from torch.nn import functional as F

    height, width = first.shape[-2:]
    margin = (0, -width % MULTIPLE, 0, -height % MULTIPLE)
    flow = estimator(F.pad(first, margin, mode="replicate"), F.pad(second, margin, mode="replicate"))
    return flow[..., :height, :width].float()


def _tensor(image: NDArray[np.uint8], size: tuple[int, int]) -> Tensor:
    import torch

    if size != (image.shape[1], image.shape[0]):
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.uint8)
    return torch.from_numpy(image.astype(np.float32) / 255).permute(2, 0, 1)[None]


def _shrunk(flow: Float32, size: tuple[int, int]) -> Float32:
    height, width = flow.shape[:2]
    if (width, height) == size:
        return np.ascontiguousarray(flow, np.float32)
    small = cv2.resize(flow, size, interpolation=cv2.INTER_AREA)
    return np.asarray(small * np.array([size[0] / width, size[1] / height], np.float32), np.float32)
