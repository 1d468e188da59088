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
CHANNELS = 9
GAIN = 4.0

# (output channels, kernel in time, stride in time, stride in space); the kernel in space is 3.
LAYERS = ((16, 1, 1, 2), (32, 3, 2, 2), (64, 3, 2, 2), (96, 3, 1, 2), (128, 3, 2, 1))


def spread(clips: Tensor) -> Tensor:
    """uint8 [B, T, H, W, 3] to float32 [B, 9, T, H, W]: colours in [-1, 1], their change since the frame before, and
    their difference to the mean of the four neighbours.

    The last two carry motion, flicker, noise and blur, and are a tenth of the first in size: without their own gain a
    small network without normalisation spends its training on colour.
    """
    x = clips.permute(0, 4, 1, 2, 3).float().div(127.5).sub(1)
    stacked = x.new_zeros(x.shape[0], CHANNELS, *x.shape[2:])
    stacked[:, :3] = x
    stacked[:, 3:6, 1:] = GAIN * x.diff(dim=2)
    for axis in (-1, -2):  # half the second difference along each axis, zero at the border
        inner = slice(1, -1)
        size = x.shape[axis] - 2
        bend = x.narrow(axis, 0, size) + x.narrow(axis, 2, size) - 2 * x.narrow(axis, 1, size)
        place = (..., inner) if axis == -1 else (..., inner, slice(None))
        stacked[:, 6:9][place] -= GAIN / 4 * bend
    return stacked


class WorldNet(nn.Module):
    """uint8 [B, 16, 64, 64, 3] to float32 [B, 96]: mean and maximum of the last layer over all places, mixed linearly.

    Everything that the training heads predict is read linearly from the output, so that directions of the feature
    space are the world's own quantities (colours, shapes, speeds, kinds of damage).
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = CHANNELS
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
        cells = self.trunk(spread(clips)).flatten(2)
        features: Tensor = self.project(torch.cat([cells.mean(-1), cells.amax(-1)], dim=1))
        return features
