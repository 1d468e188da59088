"""The feature network of the mini family: a small 3-D convolutional net on 16-frame windows of 64x64 frames.

It has no normalisation layers: they would divide out the absolute colour, contrast and noise level that a quality
feature has to keep. Five layers train well without them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

WINDOW = 16  # frames
SIDE = 64  # pixels
DIM = 96

# (output channels, kernel in time, stride in time, stride in space); the kernel in space is 3.
LAYERS = ((16, 1, 1, 2), (32, 3, 2, 2), (64, 3, 2, 2), (96, 3, 1, 2), (128, 3, 2, 1))


class WorldNet(nn.Module):
    """uint8 [B, 16, 64, 64, 3] to float32 [B, 96]: mean and maximum of the last layer over all places, mixed linearly.

    Everything that the training heads predict is read linearly from the output, so that directions of the feature
    space are the world's own quantities (colours, shapes, speeds, kinds of damage).
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = 3
        for channels, kernel, time, space in LAYERS:
            size, stride, padding = (kernel, 3, 3), (time, space, space), (kernel // 2, 1, 1)
            layers += [nn.Conv3d(width, channels, size, stride, padding), nn.ReLU()]
            width = channels
        self.trunk = nn.Sequential(*layers)
        self.project = nn.Linear(2 * width, DIM)
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, clips: Tensor) -> Tensor:
        x = clips.permute(0, 4, 1, 2, 3).float().div(127.5).sub(1)
        cells = self.trunk(x).flatten(2)
        features: Tensor = self.project(torch.cat([cells.mean(-1), cells.amax(-1)], dim=1))
        return features
