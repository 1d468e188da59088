"""EfficientNet-Lite0: the EfficientNet-B0 layout without squeeze-and-excitation and with ReLU6.

Architecture after Tan and Le, "EfficientNet" (2019), table 1, and the published description of the Lite variants:
inverted residual blocks, "same" padding as TensorFlow has it (the odd pixel goes right and below), batch norm with
epsilon 0.001. Parameters are named as in the published PyTorch conversion, less the leading underscores.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SIDE = 224  # pixels
DIM = 1280
CLASSES = 1000

# (repeats, kernel, stride of the first, expansion, output channels)
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


class SameConv(nn.Conv2d):
    """A convolution whose output has ceil(size / stride) pixels a side."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        down, right = (max(kernel - (stride if size % stride == 0 else size % stride), 0) for size in x.shape[-2:])
        padded = F.pad(x, (right // 2, right - right // 2, down // 2, down - down // 2))
        return super().forward(padded)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)


class Block(nn.Module):
    """Inverted residual: widen, filter each channel, narrow; the input is added where the shape stays."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        width = inputs * expansion
        self.expands = expansion != 1
        if self.expands:
            self.expand_conv, self.bn0 = SameConv(inputs, width, 1), _norm(width)
        self.depthwise_conv, self.bn1 = SameConv(width, width, kernel, stride, groups=width), _norm(width)
        self.project_conv, self.bn2 = SameConv(width, outputs, 1), _norm(outputs)
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        wide = F.relu6(self.bn0(self.expand_conv(x))) if self.expands else x
        wide = F.relu6(self.bn1(self.depthwise_conv(wide)))
        y: Tensor = self.bn2(self.project_conv(wide))
        return x + y if self.adds else y


class EfficientNetLite0(nn.Module):
    """float32 [B, 3, 224, 224], normalised, to logits [B, 1000]; `pooled` gives the 1280 features before them."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_stem, self.bn0 = SameConv(3, 32, 3, 2), _norm(32)
        blocks, width = [], 32
        for repeats, kernel, stride, expansion, outputs in STAGES:
            for index in range(repeats):
                blocks.append(Block(width, outputs, kernel, stride if index == 0 else 1, expansion))
                width = outputs
        self.blocks = nn.ModuleList(blocks)
        self.conv_head, self.bn1 = SameConv(width, DIM, 1), _norm(DIM)
        self.fc = nn.Linear(DIM, CLASSES)

    def pooled(self, x: Tensor) -> Tensor:
        """Global average of the last layer, [B, 1280]."""
        x = F.relu6(self.bn0(self.conv_stem(x)))
        for block in self.blocks:
            x = block(x)
        features: Tensor = F.relu6(self.bn1(self.conv_head(x))).mean((2, 3))
        return features

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.pooled(x))
        return logits


def renamed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The published state dict under the names used here: without leading underscores."""
    return {re.sub(r"(^|\.)_", r"\1", name): value for name, value in state.items()}


def load(path: str) -> EfficientNetLite0:
    """The network with published weights, in evaluation mode.

    Raises:
        RuntimeError: the file holds another network.
    """
    net = EfficientNetLite0()
    net.load_state_dict(renamed(torch.load(path, map_location="cpu", weights_only=True)))
    return net.eval().requires_grad_(False)
