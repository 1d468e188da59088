"""Muon for the matrices of a network, AdamW for the rest, as one optimiser.

Muon (Jordan et al. 2024) replaces the momentum of a weight matrix by its nearest semi-orthogonal matrix, found with
five Newton-Schulz iterations; the factor 0.2 sqrt(max(rows, columns)) gives the update AdamW's usual size (Liu et al.
2025, arXiv 2502.16982), so that one learning rate serves both. ``torch.optim.Muon`` takes two-dimensional parameters
only and iterates in bfloat16, which processors without AVX-512 emulate; here convolution kernels are matrices
[out, in * taps] and arithmetic is float32.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5
BETAS = (0.9, 0.99)
EPSILON = 1e-8
NOT_MATRICES = (
    "conv_out",
    "position_embedding",
    "class_embedding",
    "time_proj",
)  # the last: ExVideo's table


def orthogonal(stack: Tensor) -> Tensor:
    """Approximate polar factors of the matrices ``stack`` [N, rows, columns]; singular values end up in 0.7 to 1.2."""
    wide = stack.shape[1] <= stack.shape[2]
    x = stack if wide else stack.transpose(1, 2)
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-12)
    a, b, c = COEFFICIENTS
    for _ in range(ITERATIONS):
        gram = x @ x.transpose(1, 2)
        x = a * x + (b * gram + c * gram @ gram) @ x
    result: Tensor = x if wide else x.transpose(1, 2)
    return result


def is_matrix(name: str, parameter: nn.Parameter) -> bool:
    """Whether Muon steps it: weights and kernels, but neither embeddings nor the output convolution."""
    return parameter.ndim >= 2 and not any(word in name for word in NOT_MATRICES)


class Muon(torch.optim.Optimizer):
    """Steps the matrices among the named parameters with Muon and the others with AdamW.

    Args:
        named: names and parameters, as ``model.named_parameters()`` gives them.
        lr: learning rate of the matrices; of the others too unless ``vector_lr`` is given.
        vector_lr: learning rate of what is not a matrix.
        momentum: of the matrices' running gradient (Nesterov).
        weight_decay: decoupled, of matrices and others alike.
    """

    def __init__(
        self,
        named: Iterable[tuple[str, nn.Parameter]],
        lr: float,
        vector_lr: float | None = None,
        momentum: float = 0.95,
        weight_decay: float = 0.01,
    ) -> None:
        matrices: list[nn.Parameter] = []
        others: list[nn.Parameter] = []
        for name, parameter in named:
            (matrices if is_matrix(name, parameter) else others).append(parameter)
        groups: list[dict[str, Any]] = [
            {"params": matrices, "lr": lr, "matrices": True},
            {"params": others, "lr": lr if vector_lr is None else vector_lr, "matrices": False},
        ]
        super().__init__([g for g in groups if g["params"]], {"momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One step; parameters without a gradient stay."""
        for group in self.param_groups:
            trained = [parameter for parameter in group["params"] if parameter.grad is not None]
            for parameter in trained:
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
            if group["matrices"]:
                self._step_matrices(trained, group["lr"], group["momentum"])
            else:
                for parameter in trained:
                    self._step_vector(parameter, group["lr"])

    def _step_matrices(self, weights: list[nn.Parameter], lr: float, momentum: float) -> None:
        """Matrices of one shape go through Newton-Schulz as one batch."""
        alike: dict[torch.Size, list[tuple[Tensor, Tensor]]] = defaultdict(list)
        for weight in weights:
            gradient, state = _gradient(weight), self.state[weight]
            if not state:
                state["momentum"] = torch.zeros_like(weight)
            mean: Tensor = state["momentum"].lerp_(gradient, 1 - momentum)
            update = gradient.lerp(mean, momentum).flatten(1)
            alike[update.shape].append((weight, update))
        for shape, members in alike.items():
            size = lr * 0.2 * max(shape) ** 0.5
            updates = orthogonal(torch.stack([update for _, update in members]))
            for (moved, _), update in zip(members, updates, strict=True):
                moved.add_(update.view_as(moved), alpha=-size)

    def _step_vector(self, parameter: nn.Parameter, lr: float) -> None:
        gradient, state = _gradient(parameter), self.state[parameter]
        if not state:
            zeros = torch.zeros_like(parameter)
            state |= {"step": torch.zeros(()), "exp_avg": zeros, "exp_avg_sq": zeros.clone()}
        adamw(
            [parameter],
            [gradient],
            [state["exp_avg"]],
            [state["exp_avg_sq"]],
            [],
            [state["step"]],
            amsgrad=False,
            beta1=BETAS[0],
            beta2=BETAS[1],
            lr=lr,
            weight_decay=0.0,  # `step` has done it
            eps=EPSILON,
            maximize=False,
        )


def _gradient(parameter: nn.Parameter) -> Tensor:
    if parameter.grad is None:
        raise RuntimeError("a parameter without a gradient")  # `step` leaves these out
    return parameter.grad
