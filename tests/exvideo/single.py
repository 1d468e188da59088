"""A base as a single file in its authors' names: written here by rules of its own, the inverse of what loads it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import torch
from diffusers import StableVideoDiffusionPipeline
from safetensors.torch import save_file
from torch import Tensor
from transformers import CLIPVisionConfig

from harness.exvideo.svd_xt import svd_xt

UNET, VISUAL = "model.diffusion_model.", "conditioner.embedders.0.open_clip.model.visual."
RES = [
    ("norm1", "in_layers.0"),
    ("conv1", "in_layers.2"),
    ("norm2", "out_layers.0"),
    ("conv2", "out_layers.3"),
    ("time_emb_proj", "emb_layers.1"),
    ("conv_shortcut", "skip_connection"),
]
# The tiny UNet of the tests, place by place, written out by hand.
PLACES = {
    "conv_in": "input_blocks.0.0",
    "down_blocks.0.resnets.0": "input_blocks.1.0",
    "down_blocks.0.attentions.0": "input_blocks.1.1",
    "down_blocks.0.downsamplers.0.conv": "input_blocks.2.0.op",
    "down_blocks.1.resnets.0": "input_blocks.3.0",
    "down_blocks.1.attentions.0": "input_blocks.3.1",
    "mid_block.resnets.0": "middle_block.0",
    "mid_block.attentions.0": "middle_block.1",
    "mid_block.resnets.1": "middle_block.2",
    "up_blocks.0.resnets.0": "output_blocks.0.0",
    "up_blocks.0.attentions.0": "output_blocks.0.1",
    "up_blocks.0.resnets.1": "output_blocks.1.0",
    "up_blocks.0.attentions.1": "output_blocks.1.1",
    "up_blocks.0.upsamplers.0.conv": "output_blocks.1.2.conv",
    "up_blocks.1.resnets.0": "output_blocks.2.0",
    "up_blocks.1.attentions.0": "output_blocks.2.1",
    "up_blocks.1.resnets.1": "output_blocks.3.0",
    "up_blocks.1.attentions.1": "output_blocks.3.1",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
}


def unet_tensors(state: dict[str, Tensor]) -> dict[str, Tensor]:
    out = {}
    for name, tensor in state.items():
        place = next(p for p in sorted(PLACES, key=len, reverse=True) if name.startswith(p + "."))
        rest = name[len(place) + 1 :]
        if ".resnets." in name:
            for ours, theirs in RES:
                rest = rest.replace(f"block.{ours}.", f"block.{theirs}.")
            rest = rest.replace("spatial_res_block.", "").replace("temporal_res_block.", "time_stack.")
        rest = rest.replace("temporal_transformer_blocks", "time_stack")
        rest = rest.replace("pos_embed.linear_1", "pos_embed.0").replace("pos_embed.linear_2", "pos_embed.2")
        out[f"{UNET}{PLACES[place]}.{rest}"] = tensor
    return out


def vae_tensors(state: dict[str, Tensor], levels: int) -> dict[str, Tensor]:
    out = {}
    for name, value in state.items():
        theirs, tensor = name, value
        if ".attentions.0." in name:
            for ours, letter in (("to_q", "q"), ("to_k", "k"), ("to_v", "v"), ("to_out.0", "proj_out")):
                if f".{ours}.weight" in name:
                    tensor = value[:, :, None, None]
                theirs = theirs.replace(f".{ours}.", f".{letter}.")
            theirs = theirs.replace("mid_block.attentions.0", "mid.attn_1").replace("group_norm", "norm")
        theirs = theirs.replace("mid_block.resnets.0", "mid.block_1").replace("mid_block.resnets.1", "mid.block_2")
        theirs = re.sub(r"down_blocks\.(\d)\.resnets", r"down.\1.block", theirs)
        theirs = re.sub(r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample", theirs)
        for level in range(levels):
            theirs = theirs.replace(f"up_blocks.{level}.resnets", f"up.{levels - 1 - level}.block")
            theirs = theirs.replace(f"up_blocks.{level}.upsamplers.0", f"up.{levels - 1 - level}.upsample")
        for ours, block in RES[:4]:
            theirs = theirs.replace(f"temporal_res_block.{ours}", f"time_stack.{block}")
        theirs = theirs.replace("spatial_res_block.", "").replace("time_mixer.", "")
        theirs = theirs.replace("conv_shortcut", "nin_shortcut").replace("conv_norm_out", "norm_out")
        theirs = theirs.replace("time_conv_out", "conv_out.time_mix_conv")
        prefix = "first_stage_model." if name.startswith("decoder.") else "conditioner.embedders.3.encoder."
        out[prefix + theirs] = tensor
    return out


def tower_tensors(state: dict[str, Tensor], layers: int) -> dict[str, Tensor]:
    get = {name.removeprefix("vision_model."): tensor for name, tensor in state.items()}
    out = {
        "class_embedding": get["embeddings.class_embedding"],
        "conv1.weight": get["embeddings.patch_embedding.weight"],
        "positional_embedding": get["embeddings.position_embedding.weight"],
        "proj": get["visual_projection.weight"].T.contiguous(),
    }
    for leaf in ("weight", "bias"):
        out[f"ln_pre.{leaf}"], out[f"ln_post.{leaf}"] = get[f"pre_layrnorm.{leaf}"], get[f"post_layernorm.{leaf}"]
        for i in range(layers):
            ours, theirs = f"encoder.layers.{i}", f"transformer.resblocks.{i}"
            out[f"{theirs}.attn.in_proj_{leaf}"] = torch.cat([get[f"{ours}.self_attn.{x}_proj.{leaf}"] for x in "qkv"])
            out[f"{theirs}.attn.out_proj.{leaf}"] = get[f"{ours}.self_attn.out_proj.{leaf}"]
            for a, b in (
                ("layer_norm1", "ln_1"),
                ("layer_norm2", "ln_2"),
                ("mlp.fc1", "mlp.c_fc"),
                ("mlp.fc2", "mlp.c_proj"),
            ):
                out[f"{theirs}.{b}.{leaf}"] = get[f"{ours}.{a}.{leaf}"]
    return {VISUAL + name: tensor for name, tensor in out.items()}


def single_file_tensors(folder: Path) -> dict[str, Tensor]:
    pipe = StableVideoDiffusionPipeline.from_pretrained(folder)
    tower = pipe.image_encoder
    tensors = {
        **unet_tensors(pipe.unet.state_dict()),
        **vae_tensors(pipe.vae.state_dict(), len(pipe.vae.config.block_out_channels)),
        **tower_tensors(tower.state_dict(), tower.config.num_hidden_layers),
        # Of no use for video, but in the published file.
        "conditioner.embedders.0.open_clip.model.logit_scale": torch.zeros(()),
        "first_stage_model.encoder.conv_in.bias": torch.zeros(4),
    }
    return {name: tensor.contiguous() for name, tensor in tensors.items()}


def save_single_file(folder: Path, path: Path) -> Path:
    """The base of ``folder`` as one file, with the JSON file that says where it differs from SVD-XT."""
    save_file(single_file_tensors(folder), path)
    files = {"unet": "config", "vae": "config", "image_encoder": "config", "scheduler": "scheduler_config"}
    configs = {part: json.loads((folder / part / f"{file}.json").read_text()) for part, file in files.items()}
    # transformers writes only what differs from its own defaults, which are not SVD-XT's.
    configs["image_encoder"] = CLIPVisionConfig.from_pretrained(folder / "image_encoder").to_dict()
    described = {
        part: {name: value for name, value in config.items() if name in svd_xt()[part]}
        for part, config in configs.items()
    }
    path.with_suffix(".json").write_text(json.dumps(described))
    return path
