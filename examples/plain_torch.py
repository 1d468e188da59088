"""A generator in plain torch: the image, carried along by a smooth random flow.

No weights and no training: the flow is drawn from the request's noise, so every item and seed has its own. A learned
model goes where `_flow` is; the rest, `load` on the device and the path from uint8 to uint8, stays as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.api import Frames, Generator, Needs, Request, variant

if TYPE_CHECKING:
    from torch import Tensor


@variant("plain-torch", revision=1, family="example", role="baseline", summary="carried by a random flow, untrained")
class PlainTorch:
    speed: float = 0.4  # pixels a frame, standard deviation
    coarse: int = 4  # the flow is drawn on a grid of so many points each way

    def needs(self) -> Needs:
        return Needs()

    def load(self, device: str) -> Generator:
        return _Carried(self, device)


class _Carried:
    def __init__(self, config: PlainTorch, device: str) -> None:
        self.config, self.device = config, device

    def generate(self, request: Request) -> Frames:
        import torch

        size = request.protocol
        image = torch.from_numpy(request.image).to(self.device, torch.float32).permute(2, 0, 1)[None]
        flow = self._flow(request)
        frames = [_carried(image, flow * t) for t in range(size.num_frames)]
        return torch.cat(frames).permute(0, 2, 3, 1).round().clamp(0, 255).byte().cpu().numpy()

    def _flow(self, request: Request) -> Tensor:
        """[1, 2, H, W] in pixels a frame."""
        import torch

        points = request.noise("flow", (1, 2, self.config.coarse, self.config.coarse)) * np.float32(self.config.speed)
        coarse = torch.from_numpy(points).to(self.device)
        shape = (request.protocol.height, request.protocol.width)
        return torch.nn.functional.interpolate(coarse, shape, mode="bicubic", align_corners=True)


def _carried(image: Tensor, displacement: Tensor) -> Tensor:
    import torch

    height, width = image.shape[2:]
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    places = torch.stack([x, y]).to(image) - displacement[0]
    scale = torch.tensor([2 / (width - 1), 2 / (height - 1)]).to(image)
    grid = (places.permute(1, 2, 0) * scale - 1)[None]
    return torch.nn.functional.grid_sample(image, grid, mode="bilinear", padding_mode="reflection", align_corners=True)
