"""Muon for the matrices of a network, AdamW for the rest.

Muon (Jordan et al. 2024) replaces the momentum of a weight matrix by its nearest semi-orthogonal matrix, found with
five Newton-Schulz iterations; the factor 0.2 sqrt(max(rows, columns)) gives the update AdamW's usual size (Liu et al.
2025, arXiv 2502.16982). ``torch.optim.Muon`` takes two-dimensional parameters only and iterates in bfloat16, which
processors without AVX-512 emulate; here convolution kernels are matrices [out, in * taps] and arithmetic is float32.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor, nn

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5
NOT_MATRICES = ("conv_out", "position_embedding", "class_embedding")


def orthogonal(stack: Tensor) -> Tensor:
    """Approximate polar factors of the matrices ``stack`` [N, rows, columns]."""
    wide = stack.shape[1] <= stack.shape[2]
    x = stack if wide else stack.transpose(1, 2)
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-12)
    a, b, c = COEFFICIENTS
    for _ in range(ITERATIONS):
        gram = x @ x.transpose(1, 2)
        x = a * x + (b * gram + c * gram @ gram) @ x
    result: Tensor = x if wide else x.transpose(1, 2)
    return result


class Muon(torch.optim.Optimizer):
    """Steps every parameter as a matrix [first dimension, all others]; parameters of one shape go in one batch."""

    def __init__(self, params: Iterable[Tensor], lr: float, momentum: float = 0.95, weight_decay: float = 0.01) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            alike: dict[torch.Size, list[tuple[Tensor, Tensor]]] = defaultdict(list)
            for weight in group["params"]:
                update = self._nesterov(weight, group["momentum"]).reshape(weight.shape[0], -1)
                alike[update.shape].append((weight, update))
            for shape, members in alike.items():
                size = group["lr"] * 0.2 * max(shape) ** 0.5
                for (weight, _), update in zip(members, orthogonal(torch.stack([u for _, u in members])), strict=True):
                    weight.mul_(1 - group["lr"] * group["weight_decay"]).add_(update.view_as(weight), alpha=-size)

    def _nesterov(self, weight: Tensor, momentum: float) -> Tensor:
        gradient, state = weight.grad, self.state[weight]
        if gradient is None:
            raise RuntimeError("a parameter without a gradient")
        if not state:
            state["momentum"] = torch.zeros_like(weight)
        mean: Tensor = state["momentum"].lerp_(gradient, 1 - momentum)
        return gradient.lerp(mean, momentum)


def split(model: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """The hidden weight matrices and kernels of ``model``, and everything else (vectors, embeddings, the output)."""
    matrices: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        hidden = parameter.ndim >= 2 and not any(word in name for word in NOT_MATRICES)
        (matrices if hidden else others).append(parameter)
    return matrices, others
