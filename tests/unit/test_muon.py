"""The optimiser of the mini base: its updates are what the method says, and it learns."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import nn

RECIPE = Path(__file__).parents[2] / "recipes" / "mini" / "muon.py"


@pytest.fixture(scope="module")
def muon() -> ModuleType:
    spec = importlib.util.spec_from_file_location("muon", RECIPE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("shape", [(3, 8, 20), (2, 20, 8), (1, 6, 6)])
def test_newton_schulz_brings_every_singular_value_near_one(muon: ModuleType, shape: tuple[int, ...]) -> None:
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(muon.orthogonal(matrices))
    assert values.min() > 0.3
    assert values.max() < 1.4


def test_the_polar_factor_keeps_the_singular_vectors(muon: ModuleType) -> None:
    matrix = torch.randn(1, 8, 20, generator=torch.Generator().manual_seed(1))
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    between = u.transpose(1, 2) @ muon.orthogonal(matrix) @ v.transpose(1, 2)
    off_diagonal = between - torch.diag_embed(torch.diagonal(between, dim1=1, dim2=2))
    assert off_diagonal.abs().max() < 1e-3


def test_a_kernel_is_stepped_as_a_matrix_and_vectors_are_left_to_adamw(muon: ModuleType) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.GroupNorm(2, 4))
    model.register_module("conv_out", nn.Conv2d(4, 1, 1))
    matrices, others = muon.split(model)
    assert [tuple(p.shape) for p in matrices] == [(4, 3, 3, 3)]
    assert len(others) == 5


def test_it_fits_a_linear_map(muon: ModuleType) -> None:
    rng = torch.Generator().manual_seed(0)
    x, truth = torch.randn(64, 10, generator=rng), torch.randn(6, 10, generator=rng)
    weight = nn.Parameter(torch.zeros(6, 10))
    optimiser = muon.Muon([weight], lr=0.05)
    losses = []
    for _ in range(120):
        loss = (x @ (weight - truth).T).square().mean()
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]


def test_a_missing_gradient_is_an_error(muon: ModuleType) -> None:
    with pytest.raises(RuntimeError, match="without a gradient"):
        muon.Muon([nn.Parameter(torch.zeros(2, 2))], lr=0.1).step()
