"""The optimisers: the makes of AdamW agree, what they remember can be stored, and a missing package is named."""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from harness.errors import CannotStart
from harness.exvideo.base import Components
from harness.exvideo.optimisers import make_optimiser, moments, restore_moments
from harness.exvideo.posttune_config import PosttuneConfig
from harness.exvideo.trainer import Trainer
from tests.exvideo.helpers import tiny_unet


def config(kind: Any) -> PosttuneConfig:
    return PosttuneConfig("base", Path("out"), 5, optimiser=kind, lr=0.01)


def step(optimiser: torch.optim.Optimizer, parameter: nn.Parameter, seed: int) -> None:
    parameter.grad = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(seed))
    optimiser.step()


def weight() -> nn.Parameter:
    return nn.Parameter(torch.randn(6, 5, generator=torch.Generator().manual_seed(9)))


def test_the_fused_make_computes_the_same() -> None:
    plain, fused = weight(), weight()
    pairs = [(make_optimiser(config(kind), {"w": p}), p) for kind, p in (("adamw", plain), ("adamw-fused", fused))]
    for seed in range(3):
        for optimiser, parameter in pairs:
            step(optimiser, parameter, seed)
    torch.testing.assert_close(fused, plain)
    assert pairs[1][0].param_groups[0]["fused"]


@pytest.mark.parametrize("kind", ["adamw", "adamw-fused", "muon"])
def test_what_it_remembers_can_be_stored_and_put_back(kind: str) -> None:
    first = weight()
    optimiser = make_optimiser(config(kind), {"w": first})
    assert moments(optimiser, first) == {}
    step(optimiser, first, 0)
    held = copy.deepcopy(moments(optimiser, first))
    assert held.keys() == ({"momentum"} if kind == "muon" else {"step", "exp_avg", "exp_avg_sq"})
    second = nn.Parameter(first.detach().clone())
    again = make_optimiser(config(kind), {"w": second})
    restore_moments(again, second, held)
    for one, parameter in ((optimiser, first), (again, second)):
        step(one, parameter, 1)
    assert torch.equal(first, second)


def test_moments_of_eight_bits_without_the_package_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bitsandbytes.optim", None)
    with pytest.raises(CannotStart) as caught:
        make_optimiser(config("adamw-8bit"), {"w": weight()})
    error = caught.value
    assert error.code == "E-EXTRA"
    assert error.where == "--optimiser adamw-8bit"
    assert error.why
    assert "pip install 'exvideo-bench[train]'" in error.fix


QMAP = torch.linspace(-1, 1, 4)  # one table for all parameters


class Fake8bit(torch.optim.Optimizer):
    """Keeps the step as a number, and a table that all parameters share, as bitsandbytes does."""

    def __init__(self, parameters: Any, lr: float, weight_decay: float) -> None:
        super().__init__(parameters, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        for parameter in self.param_groups[0]["params"]:
            state = self.state[parameter]
            state["step"] = state.get("step", 0) + 1
            state["state1"] = torch.full((2,), float(state["step"]))
            state["qmap1"] = QMAP


def test_a_step_that_is_a_number_stays_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.exvideo.optimisers._eight_bit", lambda: Fake8bit)
    parameter = weight()
    optimiser = make_optimiser(config("adamw-8bit"), {"w": parameter})
    step(optimiser, parameter, 0)
    held = moments(optimiser, parameter)
    assert int(held["step"]) == 1
    again = make_optimiser(config("adamw-8bit"), {"w": parameter})
    restore_moments(again, parameter, held)
    assert again.state[parameter]["step"] == 1
    assert isinstance(again.state[parameter]["step"], int)
    step(again, parameter, 1)
    assert again.state[parameter]["state1"].tolist() == [2.0, 2.0]


def test_a_training_state_holds_moments_that_share_a_table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("harness.exvideo.optimisers._eight_bit", lambda: Fake8bit)
    nothing: Any = None
    base = Components(tiny_unet(), nothing, nothing, nothing, torch.device("cpu"))
    trainers = [Trainer(config("adamw-8bit"), base, {name: weight() for name in "ab"}) for _ in range(2)]
    first, again = trainers
    for parameter in first.parameters.values():
        parameter.grad = torch.ones_like(parameter)
    first.optimiser.step()
    first.save(tmp_path / "x.state", "print")
    again.resume(tmp_path / "x.state", "print")
    for parameter in again.parameters.values():
        assert torch.equal(again.optimiser.state[parameter]["qmap1"], QMAP)
        assert again.optimiser.state[parameter]["step"] == 1
