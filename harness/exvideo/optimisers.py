"""AdamW in three makes, Muon, and what they remember as tensors that a file can hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from harness.errors import CannotStart
from harness.exvideo.muon import Muon
from harness.exvideo.posttune_config import PosttuneConfig
from harness.exvideo.sharding import like

STEP = "step"


def make_optimiser(config: PosttuneConfig, parameters: Mapping[str, nn.Parameter]) -> torch.optim.Optimizer:
    """The optimiser of a recipe.

    Raises:
        CannotStart: E-EXTRA, moments of 8 bits without bitsandbytes.
    """
    if config.optimiser == "muon":
        return Muon(parameters.items(), lr=config.lr, weight_decay=config.weight_decay)
    if config.optimiser == "adamw-8bit":
        made: torch.optim.Optimizer = _eight_bit()(parameters.values(), lr=config.lr, weight_decay=config.weight_decay)
        return made
    # Decay pulls towards zero, which the convolution's centre and the table are not meant to be; it is ExVideo's
    # choice all the same, and part of the recipe.
    fused = True if config.optimiser == "adamw-fused" else None
    return torch.optim.AdamW(parameters.values(), lr=config.lr, weight_decay=config.weight_decay, fused=fused)


def moments(optimiser: torch.optim.Optimizer, parameter: nn.Parameter) -> dict[str, Tensor]:
    """What the optimiser remembers of a parameter, by its own names; nothing before the first step."""
    state: Mapping[str, Any] = optimiser.state.get(parameter, {})
    return {name: torch.as_tensor(value) for name, value in state.items()}


def restore_moments(optimiser: torch.optim.Optimizer, parameter: nn.Parameter, held: Mapping[str, Tensor]) -> None:
    """Put back what `moments` gave, whole tensors; of those of a sharded parameter, this process's part."""
    group: Mapping[str, Any] = optimiser.param_groups[0]
    state: dict[str, Any] = {}
    for name, tensor in held.items():
        if name != STEP:
            state[name] = like(parameter, tensor)
        elif isinstance(optimiser, torch.optim.AdamW | Muon):
            state[name] = tensor.to(parameter.device) if group.get("fused") else tensor
        else:
            state[name] = int(tensor)
    optimiser.state[parameter] = state


def _eight_bit() -> Any:
    try:
        from bitsandbytes.optim import AdamW8bit
    except ImportError as error:
        raise CannotStart(
            "E-EXTRA",
            "An optimiser with moments of 8 bits needs bitsandbytes.",
            where="--optimiser adamw-8bit",
            why=str(error),
            fix="pip install 'exvideo-bench[train]', or --optimiser adamw-fused",
        ) from error
    return AdamW8bit
