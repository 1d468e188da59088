"""I3D: Inception-v1 inflated to three dimensions (Carreira and Zisserman 2017), RGB, 400 classes of Kinetics.

Modules and parameters are named as in the public PyTorch conversion, so that its state dict loads strictly. The
output is the logits averaged over time, which is what the Frechet video distance is computed on.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SIDE = 224  # pixels
DIM = 400
MIN_FRAMES = 9  # stride 8 overall, then a pool over two positions

Triple = tuple[int, int, int]


def pad_same(x: Tensor, kernel: Triple, stride: Triple) -> Tensor:
    """Zero padding that leaves ceil(size / stride) outputs a side; the odd one goes to the end, as in TensorFlow."""
    widths: list[int] = []
    for size, k, s in zip(reversed(x.shape[-3:]), reversed(kernel), reversed(stride), strict=True):
        total = max(k - (size % s or s), 0)
        widths += [total // 2, total - total // 2]
    return F.pad(x, widths)


class Unit(nn.Module):
    """Convolution, batch norm, ReLU; the last one of the network has a bias instead of the latter two."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1, *, last: bool = False) -> None:
        super().__init__()
        self.kernel, self.stride = (kernel,) * 3, (stride,) * 3
        self.conv3d = nn.Conv3d(inputs, outputs, kernel, stride, bias=last)
        self.bn = nn.BatchNorm3d(outputs, eps=1e-3) if not last else None

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv3d(pad_same(x, self.kernel, self.stride))
        return y if self.bn is None else F.relu(self.bn(y))


class Pool(nn.Module):
    """Maximum over non-negative values, so that padding with zeros changes nothing."""

    def __init__(self, kernel: Triple, stride: Triple) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x: Tensor) -> Tensor:
        return F.max_pool3d(pad_same(x, self.kernel, self.stride), self.kernel, self.stride)


class Mixed(nn.Module):
    """Four branches side by side; ``widths`` are those of b0, b1a, b1b, b2a, b2b and b3b."""

    def __init__(self, inputs: int, widths: tuple[int, int, int, int, int, int]) -> None:
        super().__init__()
        b0, b1a, b1b, b2a, b2b, b3b = widths
        self.b0 = Unit(inputs, b0)
        self.b1a, self.b1b = Unit(inputs, b1a), Unit(b1a, b1b, 3)
        self.b2a, self.b2b = Unit(inputs, b2a), Unit(b2a, b2b, 3)
        self.b3a, self.b3b = Pool((3, 3, 3), (1, 1, 1)), Unit(inputs, b3b)

    def forward(self, x: Tensor) -> Tensor:
        branches = [self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(self.b3a(x))]
        return torch.cat(branches, 1)


MIXED = {
    "3b": (192, (64, 96, 128, 16, 32, 32)),
    "3c": (256, (128, 128, 192, 32, 96, 64)),
    "4b": (480, (192, 96, 208, 16, 48, 64)),
    "4c": (512, (160, 112, 224, 24, 64, 64)),
    "4d": (512, (128, 128, 256, 24, 64, 64)),
    "4e": (512, (112, 144, 288, 32, 64, 64)),
    "4f": (528, (256, 160, 320, 32, 128, 128)),
    "5b": (832, (256, 160, 320, 32, 128, 128)),
    "5c": (832, (384, 192, 384, 48, 128, 128)),
}
SPACE: tuple[Triple, Triple] = ((1, 3, 3), (1, 2, 2))
POOLS = {"4b": ((3, 3, 3), (2, 2, 2), "MaxPool3d_4a_3x3"), "5b": ((2, 2, 2), (2, 2, 2), "MaxPool3d_5a_2x2")}


class I3D(nn.Module):
    """float32 [B, 3, T, 224, 224] in [-1, 1], T >= 9, to logits [B, 400], their mean over time."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv3d_1a_7x7 = Unit(3, 64, 7, 2)
        self.MaxPool3d_2a_3x3 = Pool(*SPACE)
        self.Conv3d_2b_1x1 = Unit(64, 64)
        self.Conv3d_2c_3x3 = Unit(64, 192, 3)
        self.MaxPool3d_3a_3x3 = Pool(*SPACE)
        for name, (inputs, widths) in MIXED.items():
            if name in POOLS:
                kernel, stride, pool = POOLS[name]
                self.add_module(pool, Pool(kernel, stride))
            self.add_module(f"Mixed_{name}", Mixed(inputs, widths))
        self.logits = Unit(1024, DIM, last=True)

    def forward(self, x: Tensor) -> Tensor:
        for name, module in self.named_children():
            if name != "logits":
                x = module(x)
        x = F.avg_pool3d(x, (2, 7, 7), (1, 1, 1))
        logits: Tensor = self.logits(x)
        return logits.mean((2, 3, 4))
