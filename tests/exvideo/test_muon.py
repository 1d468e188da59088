"""The optimiser of the mini base: its updates are what the method says, and it learns."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from harness.exvideo.muon import Muon, is_matrix, orthogonal


@pytest.mark.parametrize("shape", [(3, 8, 20), (2, 20, 8), (1, 6, 6)])
def test_newton_schulz_brings_every_singular_value_near_one(shape: tuple[int, ...]) -> None:
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonal(matrices))
    assert values.min() > 0.3
    assert values.max() < 1.4


def test_the_polar_factor_keeps_the_singular_vectors() -> None:
    matrix = torch.randn(1, 8, 20, generator=torch.Generator().manual_seed(1))
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    between = u.transpose(1, 2) @ orthogonal(matrix) @ v.transpose(1, 2)
    off_diagonal = between - torch.diag_embed(torch.diagonal(between, dim1=1, dim2=2))
    assert off_diagonal.abs().max() < 1e-3


def test_kernels_are_matrices_and_vectors_embeddings_and_the_output_are_not() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.GroupNorm(2, 4))
    model.register_module("conv_out", nn.Conv2d(4, 1, 1))
    assert [name for name, p in model.named_parameters() if is_matrix(name, p)] == ["0.weight"]
    table = nn.Parameter(torch.zeros(40, 64))
    assert not is_matrix("down_blocks.0.attentions.0.time_proj.weight", table)
    assert is_matrix("down_blocks.0.attentions.0.time_pos_embed.linear_1.weight", table)


def test_vectors_move_as_torchs_adamw_moves_them() -> None:
    rng = torch.Generator().manual_seed(0)
    start = torch.randn(7, generator=rng)
    ours, theirs = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    pairs = [
        (Muon([("bias", ours)], lr=0.5, vector_lr=0.01), ours),
        (torch.optim.AdamW([theirs], lr=0.01, betas=(0.9, 0.99), weight_decay=0.01), theirs),
    ]
    for _ in range(5):
        gradient = torch.randn(7, generator=rng)
        for optimiser, parameter in pairs:
            parameter.grad = gradient.clone()
            optimiser.step()
    torch.testing.assert_close(ours, theirs)


def test_matrices_of_one_shape_step_as_each_would_alone() -> None:
    rng = torch.Generator().manual_seed(0)
    starts = torch.randn(3, 5, 4, generator=rng)
    gradients = torch.randn(3, 5, 4, generator=rng)
    together = [nn.Parameter(start.clone()) for start in starts]
    alone = [nn.Parameter(start.clone()) for start in starts]
    optimisers = [Muon([(f"{i}.weight", p) for i, p in enumerate(together)], lr=0.1)]
    optimisers += [Muon([("weight", p)], lr=0.1) for p in alone]
    for parameters in (together, alone):
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient.clone()
    for optimiser in optimisers:
        optimiser.step()
    for one, other in zip(together, alone, strict=True):
        torch.testing.assert_close(one, other)


def test_it_fits_a_linear_map() -> None:
    rng = torch.Generator().manual_seed(0)
    x, truth = torch.randn(64, 10, generator=rng), torch.randn(6, 10, generator=rng)
    weight = nn.Parameter(torch.zeros(6, 10))
    optimiser = Muon([("weight", weight)], lr=0.05)
    losses = []
    for _ in range(120):
        loss = (x @ (weight - truth).T).square().mean()
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]


def test_a_parameter_without_a_gradient_stays() -> None:
    weight = nn.Parameter(torch.ones(2, 2))
    Muon([("weight", weight)], lr=0.1).step()
    assert torch.equal(weight, torch.ones(2, 2))
