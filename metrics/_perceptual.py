"""LPIPS-type distances: unit-normalised features of a trunk, squared differences, one learned weight per channel.

    d(a, b) = sum over layers l of mean over places of  sum_c w_lc ( f_lc(a) - f_lc(b) )^2,   |f_l| = 1 at every place

Zhang et al., CVPR 2018 (Alex trunk), and the shift-tolerant trunk of Ghildyal and Liu, ECCV 2022. The
layers here carry the names of the published files, so that state dicts load strictly.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CHANNELS = (64, 192, 384, 256, 256)
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
EPSILON = 1e-10
BATCH = 4  # frames at once


class BlurPool(nn.Module):
    """Binomial blur [1 2 1] and subsampling by 2, padded by reflection of two pixels on every side."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        row = torch.tensor([1.0, 2.0, 1.0]) / 4
        self.register_buffer("filt", (row[:, None] * row[None, :]).repeat(channels, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        weight = self.get_buffer("filt")
        return F.conv2d(F.pad(x, (2, 2, 2, 2), mode="reflect"), weight, stride=2, groups=x.shape[1])


def _conv(before: int, after: int, kernel: int, *, stride: int = 1, padding: int) -> nn.Conv2d:
    return nn.Conv2d(before, after, kernel, stride=stride, padding=padding)


def alex_slices() -> list[nn.Sequential]:
    """AlexNet's convolutions up to each of its five rectified layers, as LPIPS cuts them."""
    layers: list[nn.Module] = [_conv(3, 64, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)]
    layers += [_conv(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)]
    layers += [_conv(192, 384, 3, padding=1), nn.ReLU(), _conv(384, 256, 3, padding=1), nn.ReLU()]
    layers += [_conv(256, 256, 3, padding=1), nn.ReLU()]
    return _cut(layers, (0, 2, 5, 8, 10, 12))


def shift_tolerant_slices() -> list[nn.Sequential]:
    """The shift-tolerant Alex trunk: no stride in a convolution, blur before every subsampling."""
    layers: list[nn.Module] = [_conv(3, 64, 11, padding=2), BlurPool(64), nn.ReLU()]
    layers += [nn.MaxPool2d(3, 1), BlurPool(64), _conv(64, 192, 5, padding=2), nn.ReLU()]
    layers += [nn.MaxPool2d(3, 1), BlurPool(192), _conv(192, 384, 3, padding=1), nn.ReLU()]
    layers += [_conv(384, 256, 3, padding=1), nn.ReLU(), _conv(256, 256, 3, padding=1), nn.ReLU()]
    return _cut(layers, (0, 3, 7, 11, 13, 15))


class Perceptual(nn.Module):
    """Distances of images [N, 3, H, W] in [-1, 1], which are brought to ImageNet's statistics first."""

    def __init__(self, slices: list[nn.Sequential]) -> None:
        super().__init__()
        self.slices = nn.ModuleList(slices)
        self.heads = nn.ParameterList([nn.Parameter(torch.zeros(1, c, 1, 1)) for c in CHANNELS])
        self.register_buffer("shift", torch.tensor(SHIFT)[None, :, None, None])
        self.register_buffer("scale", torch.tensor(SCALE)[None, :, None, None])

    def load(self, trunk: Mapping[str, Tensor], heads: Mapping[str, Tensor]) -> None:
        """Load a trunk whose keys are ``<slice>.<layer>.<tensor>`` and heads ``lin<k>.model.1.weight``.

        Raises:
            RuntimeError: a tensor is missing, left over or of another shape.
        """
        self.slices.load_state_dict(dict(trunk), strict=True)
        with torch.no_grad():
            for index, head in enumerate(self.heads):
                value = heads[f"lin{index}.model.1.weight"]
                if value.shape != head.shape:
                    raise RuntimeError(f"head {index} is {list(value.shape)}, expected {list(head.shape)}")
                head.copy_(value)

    def features(self, images: Tensor) -> list[Tensor]:
        """Unit-normalised features of every layer."""
        x = (images - self.get_buffer("shift")) / self.get_buffer("scale")
        found = []
        for part in self.slices:
            x = part(x)
            found.append(x / (x.square().sum(1, keepdim=True).sqrt() + EPSILON))
        return found

    def forward(self, image: Tensor, frames: Tensor) -> Tensor:
        """Distances [N] of frames [N, 3, H, W] to one image [1, 3, H, W]."""
        target = self.features(image)
        parts = [self._distance(target, frames[k : k + BATCH]) for k in range(0, len(frames), BATCH)]
        return torch.cat(parts)

    def _distance(self, target: list[Tensor], frames: Tensor) -> Tensor:
        total = frames.new_zeros(len(frames))
        for mine, theirs, head in zip(self.features(frames), target, self.heads, strict=True):
            total = total + ((mine - theirs).square() * head).sum(1).mean((1, 2))
        return total


def _cut(layers: list[nn.Module], edges: tuple[int, ...]) -> list[nn.Sequential]:
    """Slices that keep the numbers of the whole network's layers as their names."""
    slices = []
    for begin, end in pairwise(edges):
        part = nn.Sequential()
        for index in range(begin, end):
            part.add_module(str(index), layers[index])
        slices.append(part)
    return slices
