"""Small random models, the reference fixtures, and the names that the reference gives to parameters."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import torch
from diffusers import UNetSpatioTemporalConditionModel
from diffusers.models.transformers.transformer_temporal import TransformerSpatioTemporalModel
from safetensors.torch import load_file
from torch import Tensor

FIXTURES = Path(__file__).parents[1] / "fixtures" / "exvideo"

# The reference's name of each parameter of one temporal block -> diffusers' name inside the transformer.
BLOCK_NAMES = {
    "positional_embedding.embeddings": "time_proj.weight",
    "positional_embedding_proj.0": "time_pos_embed.linear_1",
    "positional_embedding_proj.2": "time_pos_embed.linear_2",
    "positional_conv": "temporal_conv",
    "norm_in": "temporal_transformer_blocks.0.norm_in",
    "act_fn_in.proj": "temporal_transformer_blocks.0.ff_in.net.0.proj",
    "ff_in": "temporal_transformer_blocks.0.ff_in.net.2",
    "norm1": "temporal_transformer_blocks.0.norm1",
    "attn1.to_q": "temporal_transformer_blocks.0.attn1.to_q",
    "attn1.to_k": "temporal_transformer_blocks.0.attn1.to_k",
    "attn1.to_v": "temporal_transformer_blocks.0.attn1.to_v",
    "attn1.to_out": "temporal_transformer_blocks.0.attn1.to_out.0",
    "norm2": "temporal_transformer_blocks.0.norm2",
    "attn2.to_q": "temporal_transformer_blocks.0.attn2.to_q",
    "attn2.to_k": "temporal_transformer_blocks.0.attn2.to_k",
    "attn2.to_v": "temporal_transformer_blocks.0.attn2.to_v",
    "attn2.to_out": "temporal_transformer_blocks.0.attn2.to_out.0",
    "norm_out": "temporal_transformer_blocks.0.norm3",
    "act_fn_out.proj": "temporal_transformer_blocks.0.ff.net.0.proj",
    "ff_out": "temporal_transformer_blocks.0.ff.net.2",
}


def fixture_tensors(name: str) -> dict[str, Tensor]:
    return load_file(FIXTURES / f"{name}.safetensors")  # type: ignore[no-any-return]


@cache
def fixture_json(name: str) -> Any:
    return json.loads((FIXTURES / f"{name}.json").read_text())


def block_state(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The reference block's parameters under diffusers' names."""
    state = {}
    for name, tensor in tensors.items():
        if name.startswith("state."):
            stem, _, leaf = name.removeprefix("state.").rpartition(".")
            whole = f"{stem}.{leaf}"
            state[BLOCK_NAMES[whole] if whole in BLOCK_NAMES else f"{BLOCK_NAMES[stem]}.{leaf}"] = tensor
    return state


def reference_block() -> TransformerSpatioTemporalModel:
    """A stock block with the reference's sizes: 32 channels, 2 heads of 16, context width 24."""
    return TransformerSpatioTemporalModel(2, 16, in_channels=32, cross_attention_dim=24)


def tiny_unet(seed: int = 0) -> UNetSpatioTemporalConditionModel:
    """A random UNet of two levels whose output depends on every block: 8 latent channels in, 4 out."""
    torch.manual_seed(seed)
    unet = UNetSpatioTemporalConditionModel(
        sample_size=8,
        in_channels=8,
        out_channels=4,
        down_block_types=("CrossAttnDownBlockSpatioTemporal",) * 2,
        up_block_types=("CrossAttnUpBlockSpatioTemporal",) * 2,
        block_out_channels=(32, 64),
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=24,
        layers_per_block=1,
        cross_attention_dim=24,
        num_attention_heads=(2, 2),
        num_frames=8,
    )
    return unet.eval()


def unet_inputs(num_frames: int, batch: int = 1, seed: int = 1, size: int = 8) -> dict[str, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    return {
        "sample": torch.randn(batch, num_frames, 8, size, size, generator=rng),
        "timestep": torch.tensor(0.3),
        "encoder_hidden_states": torch.randn(batch, 1, 24, generator=rng),
        "added_time_ids": torch.tensor([[9.0, 100.0, 0.02]]).repeat(batch, 1),
    }


@torch.no_grad()
def run_unet(unet: UNetSpatioTemporalConditionModel, inputs: dict[str, Tensor]) -> Tensor:
    return unet(**inputs).sample  # type: ignore[no-any-return]
