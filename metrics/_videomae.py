"""VideoMAE-v2's encoder (Wang et al. 2023) on transformers' classes, loaded from files that use the published names.

What transformers calls VideoMAE computes the same: pre-norm blocks, biases on queries and values but not on keys, a
fixed sinusoid for positions. Three things are set here because its defaults are others: layer norms have epsilon 1e-6,
the pooled feature is the layer norm (``fc_norm``) of the mean over all tokens, and the classifier is not built.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

EPSILON = 1e-6


@dataclass(frozen=True)
class Shape:
    """Sizes of the encoder; the defaults are those of ViT-g/14 for Something-Something-v2."""

    side: int = 224  # pixels
    patch: int = 14
    frames: int = 16
    tubelet: int = 2
    width: int = 1408
    depth: int = 40
    heads: int = 16
    mlp: int = 6144
    classes: int = 174


class VideoMAE(nn.Module):
    """float32 [B, T, 3, side, side] in [0, 1] to the features [B, width] that the classifier would see."""

    def __init__(self, shape: Shape) -> None:
        from transformers import VideoMAEConfig, VideoMAEModel

        super().__init__()
        config = VideoMAEConfig(
            image_size=shape.side,
            patch_size=shape.patch,
            num_frames=shape.frames,
            tubelet_size=shape.tubelet,
            hidden_size=shape.width,
            num_hidden_layers=shape.depth,
            num_attention_heads=shape.heads,
            intermediate_size=shape.mlp,
            hidden_act="gelu",
            layer_norm_eps=EPSILON,
            qkv_bias=True,
            use_mean_pooling=True,
        )
        self.encoder = VideoMAEModel(config)
        self.fc_norm = nn.LayerNorm(shape.width, eps=EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        tokens: Tensor = self.encoder(pixel_values=x).last_hidden_state
        pooled: Tensor = self.fc_norm(tokens.mean(1))
        return pooled


PARTS = {
    "norm1": "layernorm_before",
    "norm2": "layernorm_after",
    "attn.proj": "attention.output.dense",
    "mlp.fc1": "intermediate.dense",
    "mlp.fc2": "output.dense",
}
PATCHES = "encoder.embeddings.patch_embeddings.projection"
BLOCK = re.compile(r"blocks\.(\d+)\.(.+)\.(weight|bias)")


def renamed(published: Mapping[str, Tensor], names: frozenset[str]) -> dict[str, Tensor]:
    """A published state dict under the names of `VideoMAE`, without the classifier.

    Args:
        names: the state names of the network. They tell how this version of transformers calls the attention biases.

    Raises:
        KeyError: a name that no published file has.
    """
    found: dict[str, Tensor] = {}
    for name, value in published.items():
        if name.startswith(("head.", "fc_norm.")):
            found |= {} if name.startswith("head.") else {name: value}
        elif name.startswith("patch_embed.proj."):
            found[f"{PATCHES}.{name.rpartition('.')[2]}"] = value
        else:
            found |= _of_block(name, value, names)
    return found


def load(published: Mapping[str, Any], shape: Shape) -> VideoMAE:
    """The encoder with the weights of a published file, ``{"model" or "module": state dict}`` or the bare state dict.

    Raises:
        KeyError, RuntimeError, ValueError: it is the file of another network.
    """
    state = next((published[key] for key in ("model", "module") if key in published), published)
    classes = len(state["head.weight"])
    if classes != shape.classes:
        raise ValueError(f"it tells {classes} classes apart, Something-Something-v2 has {shape.classes}")
    with torch.device("meta"):  # a billion parameters need not be drawn at random before they are replaced
        net = VideoMAE(shape)
    mine = renamed(state, frozenset(net.state_dict()))
    net.load_state_dict({name: value.float() for name, value in mine.items()}, strict=True, assign=True)
    return net.eval().requires_grad_(False)


def _of_block(name: str, value: Tensor, names: frozenset[str]) -> dict[str, Tensor]:
    attention = "encoder.encoder.layer.{}.attention.attention"
    if bias := re.fullmatch(r"blocks\.(\d+)\.attn\.([qv])_bias", name):
        place, letter = attention.format(bias[1]), bias[2]
        old = f"{place}.{letter}_bias"
        return {old if old in names else f"{place}.{'query' if letter == 'q' else 'value'}.bias": value}
    match = BLOCK.fullmatch(name)
    if match is None:
        raise KeyError(name)
    number, part, kind = match.groups()
    if (part, kind) == ("attn.qkv", "weight"):
        place = attention.format(number)
        parts = zip(("query", "key", "value"), value.chunk(3), strict=True)
        return {f"{place}.{which}.weight": piece for which, piece in parts}
    return {f"encoder.encoder.layer.{number}.{PARTS[part]}.{kind}": value}
