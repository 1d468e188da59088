"""What a policy trains, with the published parameter counts of SVD-XT as the known answer."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from diffusers import UNetSpatioTemporalConditionModel

from harness.errors import UsageError
from harness.exvideo.extension import ExtensionConfig, extend
from harness.exvideo.freezing import count_parameters, freeze, trainable_names
from tests.exvideo.helpers import tiny_unet, unet_inputs


@cache
def svd_xt(conv: str, positions: str) -> UNetSpatioTemporalConditionModel:
    """SVD-XT's UNet (the class's defaults with its head counts) without storage, extended to 128 frames."""
    with torch.device("meta"):
        unet = UNetSpatioTemporalConditionModel(num_attention_heads=(5, 10, 20, 20))
    return extend(unet, ExtensionConfig(conv, positions, 128))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("conv", "positions", "policy", "trainable"),
    [
        ("identity", "learn_reflect", "temporal", 832_956_800),
        ("none", "learn_reflect", "temporal", 498_403_520),
        ("identity", "sin", "temporal", 831_359_360),
        ("none", "sin", "temporal", 496_806_080),
        ("none", "reflect", "temporal", 496_806_080),
        ("identity", "learn_rand", "temporal", 832_956_800),
        ("identity", "learn_reflect", "new_only", 336_150_720),
        ("none", "sin", "new_only", 0),
        ("identity", "learn_reflect", "none", 0),
    ],
)
def test_the_counts_of_svd_xt(conv: str, positions: str, policy: str, trainable: int) -> None:
    assert count_parameters(svd_xt(conv, positions), policy).trainable == trainable  # type: ignore[arg-type]


def test_the_split_between_new_and_tuned() -> None:
    count = count_parameters(svd_xt("identity", "learn_reflect"), "temporal")
    assert (count.total, count.new, count.tuned) == (1_860_773_802, 336_150_720, 496_806_080)
    assert len(trainable_names(svd_xt("identity", "learn_reflect"), "temporal")) == 528


def test_only_temporal_parameters_receive_gradients() -> None:
    unet = extend(tiny_unet(), ExtensionConfig.of_native(8, num_frames=12))
    chosen = freeze(unet, "temporal")
    unet(**unet_inputs(12)).sample.square().mean().backward()
    with_gradient = {name for name, p in unet.named_parameters() if p.grad is not None}
    assert with_gradient == set(chosen)
    parts = ("time_proj", "time_pos_embed", "temporal_conv", "temporal_transformer_blocks")
    assert {part for part in parts if any(f".{part}." in name for name in chosen)} == set(parts)
    for name in unet.state_dict():
        frozen = any(part in name for part in ("resnets", ".transformer_blocks", "time_mixer", "proj_out", "proj_in"))
        assert not (frozen and name in chosen)


def test_the_time_embedding_of_the_unet_itself_stays_frozen() -> None:
    names = trainable_names(extend(tiny_unet(), ExtensionConfig.of_native(8, num_frames=12)), "temporal")
    assert not [n for n in names if n.startswith(("time_embedding", "add_embedding"))]


def test_an_unknown_policy_is_named() -> None:
    with pytest.raises(UsageError, match="No policy named 'all'"):
        freeze(tiny_unet(), "all")  # type: ignore[arg-type]
