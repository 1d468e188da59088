"""The format in which ExVideo's SVD extension was published: other names for the same tensors.

``ECNU-CILab/ExVideo-SVD-128f-v1`` holds 33 tensors for each of SVD-XT's 16 temporal blocks, named ``blocks.N.<name>``.
N counts the layers of the UNet that the authors' implementation runs one after the other: convolutional, temporal and
bookkeeping ones alike. The count is derived from the UNet here, so that a UNet of another size has numbers too.
The file always has a table, a convolution and the tuned temporal weights of SVD.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping

from diffusers import UNetSpatioTemporalConditionModel
from torch import Tensor

from harness.exvideo.misfits import Shape

# Name inside a published block -> name inside diffusers' transformer; weight and bias where both have them.
STEMS = {
    "positional_embedding_proj.0": "time_pos_embed.linear_1",
    "positional_embedding_proj.2": "time_pos_embed.linear_2",
    "positional_conv": "temporal_conv",
    "norm_in": "temporal_transformer_blocks.0.norm_in",
    "act_fn_in.proj": "temporal_transformer_blocks.0.ff_in.net.0.proj",
    "ff_in": "temporal_transformer_blocks.0.ff_in.net.2",
    **{f"attn{i}.to_{x}": f"temporal_transformer_blocks.0.attn{i}.to_{x}" for i in (1, 2) for x in "qkv"},
    **{f"attn{i}.to_out": f"temporal_transformer_blocks.0.attn{i}.to_out.0" for i in (1, 2)},
    "norm1": "temporal_transformer_blocks.0.norm1",
    "norm2": "temporal_transformer_blocks.0.norm2",
    "norm_out": "temporal_transformer_blocks.0.norm3",
    "act_fn_out.proj": "temporal_transformer_blocks.0.ff.net.0.proj",
    "ff_out": "temporal_transformer_blocks.0.ff.net.2",
}
NUM_FRAMES = 128
TABLE = "positional_embedding.embeddings"
NAMES = {
    TABLE: "time_proj.weight",
    **{
        f"{theirs}.{leaf}": f"{ours}.{leaf}"
        for theirs, ours in STEMS.items()
        for leaf in (("weight",) if theirs.rpartition("_")[2] in "qkv" else ("weight", "bias"))
    },
}
PATTERN = re.compile(r"blocks\.(\d+)\.(.+)")

# Layers of the authors' UNet: a residual block is followed by its temporal twin, an attention block by its own.
RESNET, ATTENTION, SKIP, DOWNSAMPLER, UPSAMPLER = 4, 5, 1, 2, 1
TEMPORAL = 3  # where the temporal one stands among the five layers of an attention


def is_published(names: Iterable[str]) -> bool:
    """Whether tensors go by the published names."""
    return any(PATTERN.fullmatch(name) for name in names)


def block_numbers(unet: UNetSpatioTemporalConditionModel) -> dict[str, int]:
    """The published number of each temporal block of ``unet``, by its diffusers name."""
    return dict(_numbered(unet))


def published_names(unet: UNetSpatioTemporalConditionModel) -> dict[str, str]:
    """Published name -> diffusers name, of everything that the format holds for ``unet``."""
    return {
        f"blocks.{number}.{theirs}": f"{block}.{ours}"
        for block, number in block_numbers(unet).items()
        for theirs, ours in NAMES.items()
    }


def published_shapes(unet: UNetSpatioTemporalConditionModel, num_frames: int) -> dict[str, Shape]:
    """Shapes by published name; ``unet`` may be extended or not, and on the meta device."""
    present = {name: tuple(parameter.shape) for name, parameter in unet.named_parameters()}
    shapes = {}
    for block, number in block_numbers(unet).items():
        width = unet.get_submodule(block).in_channels
        added = {
            "time_proj.weight": (num_frames, width),
            "temporal_conv.weight": (width, width, 3, 3, 3),
            "temporal_conv.bias": (width,),
        }
        for theirs, ours in NAMES.items():
            shapes[f"blocks.{number}.{theirs}"] = added[ours] if ours in added else present[f"{block}.{ours}"]
    return shapes


def fingerprint(shapes: Mapping[str, Shape]) -> str:
    """The md5 by which the authors' loader recognises a file, over names and shapes: sorted, both forms of each."""
    forms = [form for name, shape in shapes.items() for form in (f"{name}:{'_'.join(map(str, shape))}", name)]
    return hashlib.md5(",".join(sorted(forms)).encode(), usedforsecurity=False).hexdigest()


def to_ours(tensors: Mapping[str, Tensor], unet: UNetSpatioTemporalConditionModel) -> dict[str, Tensor]:
    """Published tensors under diffusers' names; raises KeyError for a name that the UNet has not."""
    names = published_names(unet)
    return {names[name]: tensor for name, tensor in tensors.items()}


def to_published(tensors: Mapping[str, Tensor], unet: UNetSpatioTemporalConditionModel) -> dict[str, Tensor]:
    """The inverse of `to_ours`; a tensor that the format has no name for keeps its own."""
    names = {ours: theirs for theirs, ours in published_names(unet).items()}
    return {names.get(name, name): tensor for name, tensor in tensors.items()}


def _numbered(unet: UNetSpatioTemporalConditionModel) -> Iterator[tuple[str, int]]:
    position = 0
    for level, block in enumerate(unet.down_blocks):
        for layer in range(len(block.resnets)):
            position += RESNET
            if hasattr(block, "attentions"):
                yield f"down_blocks.{level}.attentions.{layer}", position + TEMPORAL
                position += ATTENTION
            position += SKIP
        position += DOWNSAMPLER if block.downsamplers else 0
    yield "mid_block.attentions.0", position + RESNET + TEMPORAL
    position += RESNET + ATTENTION + RESNET
    for level, block in enumerate(unet.up_blocks):
        for layer in range(len(block.resnets)):
            position += SKIP + RESNET
            if hasattr(block, "attentions"):
                yield f"up_blocks.{level}.attentions.{layer}", position + TEMPORAL
                position += ATTENTION
        position += UPSAMPLER if block.upsamplers else 0
