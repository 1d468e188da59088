"""A tiny CogVideoX in diffusers' folder format, and a LoRA for it in the published file's names."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import AutoencoderKLCogVideoX, CogVideoXDPMScheduler, CogVideoXPipeline, CogVideoXTransformer3DModel
from safetensors.torch import save_file
from torch import Tensor
from transformers import T5Config, T5EncoderModel, T5Tokenizer

RANK, HEADS, HEAD = 2, 2, 16
WIDTH = HEADS * HEAD
WORDS = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0), *((f"▁{w}", -3.0) for w in ("a", "cat", "dog"))]


def save_cogvideo(folder: Path) -> Path:
    """A random pipeline: autoencoder of stride 8 in space and 4 in time, two transformer blocks."""
    torch.manual_seed(2)
    transformer = CogVideoXTransformer3DModel(
        num_attention_heads=HEADS,
        attention_head_dim=HEAD,
        in_channels=4,
        out_channels=4,
        time_embed_dim=8,
        text_embed_dim=16,
        num_layers=2,
        sample_width=4,
        sample_height=4,
        sample_frames=9,
        max_text_seq_length=8,
        use_rotary_positional_embeddings=True,
    )
    vae = AutoencoderKLCogVideoX(
        down_block_types=("CogVideoXDownBlock3D",) * 4,
        up_block_types=("CogVideoXUpBlock3D",) * 4,
        block_out_channels=(8, 8, 8, 8),
        latent_channels=4,
        layers_per_block=1,
        norm_num_groups=2,
        temporal_compression_ratio=4,
    )
    config = T5Config(vocab_size=len(WORDS), d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    tokenizer = T5Tokenizer(vocab=WORDS, extra_ids=0)
    pipe = CogVideoXPipeline(tokenizer, T5EncoderModel(config), vae, transformer, CogVideoXDPMScheduler())
    pipe.save_pretrained(folder)
    return folder


def lora(names: list[str], seed: int = 3) -> dict[str, Tensor]:
    """Random halves for layers by the authors' names, as PEFT writes them."""
    draw = torch.Generator().manual_seed(seed)
    wide = {"ff.0": (WIDTH, 4 * WIDTH), "ff.2": (4 * WIDTH, WIDTH)}
    tensors = {}
    for name in names:
        columns, rows = wide.get(".".join(name.split(".")[-2:]), (WIDTH, WIDTH))
        tensors[f"{name}.lora_A.default.weight"] = torch.randn(RANK, columns, generator=draw)
        tensors[f"{name}.lora_B.default.weight"] = torch.randn(rows, RANK, generator=draw)
    return tensors


def published_layers() -> list[str]:
    """Layers of both blocks, by the authors' names."""
    inside = ("attn1.to_q", "attn1.to_k", "attn1.to_v", "attn1.to_out", "ff.0", "ff.2")
    return [f"blocks.{block}.{layer}" for block in range(2) for layer in inside]


def save_lora(path: Path, tensors: dict[str, Tensor] | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors or lora(published_layers()), path)
    return path
