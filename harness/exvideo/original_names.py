"""What each parameter of diffusers' SVD is called in its authors' own checkpoints, and how it is stored there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from harness.exvideo.misfits import Shape

UNET = "model.diffusion_model."
ENCODER = "conditioner.embedders.3.encoder."
DECODER = "first_stage_model."
TOWER = "conditioner.embedders.0.open_clip.model.visual."

RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1",
    "conv_shortcut": "skip_connection",
}
UNET_ENDS = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
VAE_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
VAE_RESNET = {name: name for name in ("norm1", "conv1", "norm2", "conv2", "nin_shortcut")}
VAE_ENDS = {
    "conv_in": "conv_in",
    "conv_norm_out": "norm_out",
    "conv_out": "conv_out",
    "time_conv_out": "conv_out.time_mix_conv",
}
TOWER_ENDS = {
    "vision_model.embeddings.class_embedding": "class_embedding",
    "vision_model.embeddings.patch_embedding.weight": "conv1.weight",
    "vision_model.embeddings.position_embedding.weight": "positional_embedding",
    "vision_model.pre_layrnorm": "ln_pre",
    "vision_model.post_layernorm": "ln_post",
}
TOWER_LAYER = {
    "self_attn.out_proj": "attn.out_proj",
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
}


@dataclass(frozen=True)
class Origin:
    """Where a parameter comes from.

    ``form``: ``same``; ``pointwise``, a matrix stored as a 1x1 convolution; ``transposed``; or ``third``, number
    ``index`` of the three blocks of rows of one stored tensor.
    """

    name: str
    form: Literal["same", "pointwise", "transposed", "third"] = "same"
    index: int = 0

    def stored(self, shape: Shape) -> Shape:
        """The shape in the file of a parameter of ``shape``."""
        if self.form == "pointwise":
            return (*shape, 1, 1)
        if self.form == "transposed":
            return shape[::-1]
        return (3 * shape[0], *shape[1:]) if self.form == "third" else shape

    def read(self, tensor: Tensor) -> Tensor:
        """The parameter, from the tensor of the file."""
        if self.form == "pointwise":
            return tensor[..., 0, 0]
        if self.form == "transposed":
            return tensor.T.contiguous()
        return tensor.chunk(3)[self.index].clone() if self.form == "third" else tensor


def unet_origins(unet: nn.Module) -> dict[str, Origin]:
    """Of every parameter of a `UNetSpatioTemporalConditionModel`, by its diffusers name."""
    places = {**UNET_ENDS, **dict(_unet_places(unet))}
    return {name: Origin(UNET + _inside_unet(*_split(name, places))) for name in unet.state_dict()}


def vae_origins(vae: nn.Module) -> dict[str, Origin]:
    """Of every parameter of an `AutoencoderKLTemporalDecoder`, by its diffusers name."""
    return {name: _vae_origin(name, len(vae.decoder.up_blocks)) for name in vae.state_dict()}  # type: ignore[union-attr, arg-type]


def tower_origins(tower: nn.Module) -> dict[str, Origin]:
    """Of every parameter of a `CLIPVisionModelWithProjection`, by its name in transformers."""
    return {name: _tower_origin(name) for name in tower.state_dict()}


def _split(name: str, places: dict[str, str]) -> tuple[str, str]:
    """The original place of the longest known beginning of ``name``, and the rest of it."""
    stem = max((place for place in places if name.startswith(place + ".")), key=len)
    return places[stem], name[len(stem) + 1 :]


def _unet_places(unet: nn.Module) -> Iterator[tuple[str, str]]:
    """The authors number the layers of the way down and of the way up; a sampler counts as one on the way down."""
    index = 0
    for level, block in enumerate(unet.down_blocks):  # type: ignore[arg-type]
        for layer in range(len(block.resnets)):
            index += 1
            yield f"down_blocks.{level}.resnets.{layer}", f"input_blocks.{index}.0"
            yield f"down_blocks.{level}.attentions.{layer}", f"input_blocks.{index}.1"
        if block.downsamplers:
            index += 1
            yield f"down_blocks.{level}.downsamplers.0.conv", f"input_blocks.{index}.0.op"
    yield "mid_block.resnets.0", "middle_block.0"
    yield "mid_block.attentions.0", "middle_block.1"
    yield "mid_block.resnets.1", "middle_block.2"
    index = -1
    for level, block in enumerate(unet.up_blocks):  # type: ignore[arg-type]
        for layer in range(len(block.resnets)):
            index += 1
            yield f"up_blocks.{level}.resnets.{layer}", f"output_blocks.{index}.0"
            yield f"up_blocks.{level}.attentions.{layer}", f"output_blocks.{index}.1"
        behind = 2 if hasattr(block, "attentions") else 1
        yield f"up_blocks.{level}.upsamplers.0.conv", f"output_blocks.{index}.{behind}.conv"


def _inside_unet(place: str, rest: str) -> str:
    rest = rest.replace("temporal_transformer_blocks.", "time_stack.")
    rest = rest.replace("pos_embed.linear_1", "pos_embed.0").replace("pos_embed.linear_2", "pos_embed.2")
    return f"{place}.{_inside_resnet(rest, RESNET)}"


def _inside_resnet(rest: str, spatial: dict[str, str]) -> str:
    """Names inside a residual block; the temporal half stands under ``time_stack`` in both models."""
    half, _, tail = rest.partition(".")
    if half not in ("spatial_res_block", "temporal_res_block"):
        return rest
    layer, _, leaf = tail.rpartition(".")
    return f"time_stack.{RESNET[layer]}.{leaf}" if half == "temporal_res_block" else f"{spatial[layer]}.{leaf}"


def _vae_origin(name: str, levels: int) -> Origin:
    side, _, rest = name.partition(".")
    if side == "quant_conv":
        return Origin(ENCODER + name)
    prefix = f"{ENCODER}encoder." if side == "encoder" else f"{DECODER}decoder."
    if match := re.fullmatch(r"mid_block\.attentions\.0\.(.+)\.(\w+)", rest):
        pointwise = match[2] == "weight" and match[1] != "group_norm"
        return Origin(f"{prefix}mid.attn_1.{VAE_ATTENTION[match[1]]}.{match[2]}", "pointwise" if pointwise else "same")
    if match := re.fullmatch(r"mid_block\.resnets\.(\d)\.(.+)", rest):
        return Origin(f"{prefix}mid.block_{int(match[1]) + 1}.{_vae_resnet(match[2])}")
    if match := re.fullmatch(r"(down|up)_blocks\.(\d+)\.(\w+)\.(\d+)\.(.+)", rest):
        way, level, kind, layer, tail = match.groups()
        level = level if way == "down" else str(levels - 1 - int(level))
        inside = f"block.{layer}.{_vae_resnet(tail)}" if kind == "resnets" else f"{way}sample.{tail}"
        return Origin(f"{prefix}{way}.{level}.{inside}")
    stem, _, leaf = rest.rpartition(".")
    return Origin(f"{prefix}{VAE_ENDS[stem]}.{leaf}")


def _vae_resnet(rest: str) -> str:
    """The autoencoder keeps diffusers' names, but for the shortcut, and for the temporal half of the decoder's."""
    rest = rest.replace("conv_shortcut", "nin_shortcut").replace("time_mixer.", "")
    return _inside_resnet(rest, VAE_RESNET)


def _tower_origin(name: str) -> Origin:
    if name == "visual_projection.weight":
        return Origin(f"{TOWER}proj", "transposed")
    if match := re.fullmatch(r"vision_model\.encoder\.layers\.(\d+)\.self_attn\.([qkv])_proj\.(\w+)", name):
        return Origin(
            f"{TOWER}transformer.resblocks.{match[1]}.attn.in_proj_{match[3]}", "third", "qkv".index(match[2])
        )
    if match := re.fullmatch(r"vision_model\.encoder\.layers\.(\d+)\.(.+)\.(\w+)", name):
        return Origin(f"{TOWER}transformer.resblocks.{match[1]}.{TOWER_LAYER[match[2]]}.{match[3]}")
    if name in TOWER_ENDS:
        return Origin(TOWER + TOWER_ENDS[name])
    stem, _, leaf = name.rpartition(".")
    return Origin(f"{TOWER}{TOWER_ENDS[stem]}.{leaf}")
