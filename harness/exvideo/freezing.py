"""Which parameters a post-tuning trains.

ExVideo trains the whole temporal block, of which its own additions are less than half: SVD's temporal attention and
position MLP are tuned with them. Everything else (spatial layers, residual blocks, mixing factors) stays frozen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from diffusers import UNetSpatioTemporalConditionModel
from torch import nn

from harness.errors import UsageError
from harness.exvideo.extension import spatio_temporal_blocks

Policy = Literal["temporal", "new_only", "none"]

NEW = ("time_proj.", "temporal_conv.")
TEMPORAL = (*NEW, "time_pos_embed.", "temporal_transformer_blocks.")


@dataclass(frozen=True)
class ParameterCount:
    """Numbers of scalars: ``new`` were added by the extension, ``tuned`` existed in the base and are trained."""

    total: int
    trainable: int
    new: int

    @property
    def tuned(self) -> int:
        """Trainable scalars that the base already had."""
        return self.trainable - self.new


def trainable_names(unet: UNetSpatioTemporalConditionModel, policy: Policy) -> tuple[str, ...]:
    """Names of the parameters that ``policy`` trains, in the order of the UNet's parameters.

    ``temporal``: the whole temporal block with the extension, as ExVideo does. ``new_only``: the extension alone.
    ``none``: nothing.

    Raises:
        UsageError: E-UNKNOWN, no such policy.
    """
    if policy not in get_args(Policy):
        raise UsageError("E-UNKNOWN", f"No policy named '{policy}'.", fix=f"one of {', '.join(get_args(Policy))}")
    parts = {"temporal": TEMPORAL, "new_only": NEW, "none": ()}[policy]
    prefixes = tuple(f"{block}.{part}" for block, _ in spatio_temporal_blocks(unet) for part in parts)
    return tuple(name for name, _ in unet.named_parameters() if prefixes and name.startswith(prefixes))


def freeze(unet: UNetSpatioTemporalConditionModel, policy: Policy) -> dict[str, nn.Parameter]:
    """Make exactly the parameters of ``policy`` require gradients, and return them by name.

    Raises:
        UsageError: E-UNKNOWN, no such policy.
    """
    names = set(trainable_names(unet, policy))
    chosen = {}
    for name, parameter in unet.named_parameters():
        parameter.requires_grad_(name in names)
        if name in names:
            chosen[name] = parameter
    return chosen


def count_parameters(unet: UNetSpatioTemporalConditionModel, policy: Policy) -> ParameterCount:
    """Parameter counts under ``policy``; works on a UNet on the meta device."""
    sizes = {name: parameter.numel() for name, parameter in unet.named_parameters()}
    trained, new = trainable_names(unet, policy), trainable_names(unet, "new_only")
    return ParameterCount(
        total=sum(sizes.values()),
        trainable=sum(sizes[name] for name in trained),
        new=sum(sizes[name] for name in new) if trained else 0,
    )
