"""ExVideo's other model: CogVideoX, a video transformer that reads text, extended by a LoRA from 49 to 129 frames.

The published LoRA names weights as its authors' implementation does; diffusers' names for them are in `TARGETS`. It is
merged into the transformer, as its authors do, with a scale of 1: W + B A. A LoRA in diffusers' own names fits as well.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import (
    AutoencoderKLCogVideoX,
    CogVideoXDDIMScheduler,
    CogVideoXPipeline,
    CogVideoXTransformer3DModel,
)
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from torch import Tensor
from transformers import T5EncoderModel

from harness.errors import CannotStart, UsageError
from harness.exvideo.image import to_frames
from harness.exvideo.misfits import misfits
from harness.exvideo.pretrained import UNLOADABLE, load_model, quiet, reason
from harness.model import Frames

# The authors' names -> diffusers', of layers with a matrix; inside a block, and outside.
IN_BLOCK = {
    "attn1.to_q": "attn1.to_q",
    "attn1.to_k": "attn1.to_k",
    "attn1.to_v": "attn1.to_v",
    "attn1.to_out": "attn1.to_out.0",
    "norm1.linear": "norm1.linear",
    "norm2.linear": "norm2.linear",
    "ff.0": "ff.net.0.proj",
    "ff.2": "ff.net.2",
}
OUTSIDE = {
    "context_embedder": "patch_embed.text_proj",
    "time_embedder.timestep_embedder.0": "time_embedding.linear_1",
    "time_embedder.timestep_embedder.2": "time_embedding.linear_2",
    "norm_out.linear": "norm_out.linear",
    "proj_out": "proj_out",
}
NAME = re.compile(r"(?:transformer\.|diffusion_model\.)?(?P<layer>.+)\.lora_(?P<half>[AB])(?:\.default)?\.weight")
BLOCK = re.compile(r"blocks\.(\d+)\.(.+)")


@dataclass(frozen=True)
class CogSettings:
    """How a clip is sampled.

    Args:
        num_frames: length of the clip. The autoencoder makes 4 k + 1 frames: what is over is cut off at the end.
        steps: DDIM steps, deterministic.
        guidance: classifier-free guidance scale; at most 1 turns it off.
        dynamic_guidance: the scale grows over the steps, as CogVideoX's authors suggest for another scheduler.
        max_tokens: length of the prompt in tokens.

    Raises:
        UsageError: E-SETTINGS, numbers that cannot be.
    """

    num_frames: int
    steps: int = 100
    guidance: float = 7.0
    dynamic_guidance: bool = False
    max_tokens: int = 226

    def __post_init__(self) -> None:
        for name in ("num_frames", "steps", "max_tokens"):
            if getattr(self, name) < 1:
                raise UsageError("E-SETTINGS", f"{name} is {getattr(self, name)}.", fix="at least 1")

    @property
    def latent_frames(self) -> int:
        """Frames of the latents: one for the first frame, and one for every four after it."""
        return 1 + math.ceil((self.num_frames - 1) / 4)


def load_pipeline(folder: Path, dtype: torch.dtype = torch.float32) -> CogVideoXPipeline:
    """Load CogVideoX from a folder in diffusers' format.

    Raises:
        CannotStart: E-WEIGHTS, a part is missing or unreadable; E-EXTRA, the tokenizer needs a package.
    """
    try:
        models = {
            "transformer": load_model(CogVideoXTransformer3DModel, folder / "transformer", torch_dtype=dtype),
            "vae": load_model(AutoencoderKLCogVideoX, folder / "vae", torch_dtype=dtype),
            "text_encoder": load_model(T5EncoderModel, folder / "text_encoder", dtype=dtype),
        }
        with quiet():
            pipe = CogVideoXPipeline.from_pretrained(folder, **models)
    except ImportError as error:
        raise CannotStart(
            "E-EXTRA",
            "CogVideoX's tokenizer needs a package.",
            where=str(folder),
            why=str(error).strip().splitlines()[0],
            fix="pip install 'exvideo-bench[cogvideo]'",
        ) from error
    except UNLOADABLE as error:
        raise CannotStart(
            "E-WEIGHTS",
            "CogVideoX cannot be loaded.",
            where=str(folder),
            why=reason(error),
            fix="harness doctor --fetch 'cogvideox-*'; another base: hf download ID --local-dir DIR, "
            "then: export HARNESS_COGVIDEOX=DIR",
        ) from error
    pipe.set_progress_bar_config(disable=True)
    pipe.scheduler = CogVideoXDDIMScheduler.from_config(pipe.scheduler.config)
    return pipe


def read_lora(path: Path) -> dict[str, Tensor]:
    """The tensors of a LoRA by diffusers' names: ``LAYER.lora_A`` [rank, in] and ``LAYER.lora_B`` [out, rank].

    Raises:
        CannotStart: E-CHECKPOINT, the file cannot be read, or holds something that is no LoRA of CogVideoX.
    """
    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise _bad_lora(path, str(error)) from error
    renamed = {ours: tensor for name, tensor in tensors.items() if (ours := _renamed(name))}
    if foreign := [name for name in tensors if not _renamed(name)]:
        raise _bad_lora(path, f"{len(foreign)} names are of another format, such as {sorted(foreign)[0]}")
    layers = {name.rpartition(".")[0] for name in renamed}
    if not layers or (
        alone := [layer for layer in layers if not {f"{layer}.lora_A", f"{layer}.lora_B"} <= set(renamed)]
    ):
        raise _bad_lora(path, f"one half of a layer is missing: {sorted(alone)[0]}" if layers else "it is empty")
    return renamed


@torch.no_grad()
def merge_lora(transformer: CogVideoXTransformer3DModel, lora: Mapping[str, Tensor], source: str = "") -> int:
    """Add B A to the weights that a LoRA is for, in place, computed in float32; returns how many.

    Raises:
        CannotStart: E-CHECKPOINT, a layer that the transformer lacks, or one of another shape.
    """
    weights = {name.removesuffix(".weight"): p for name, p in transformer.named_parameters() if p.ndim == 2}
    allowed: dict[str, tuple[int, ...]] = {}
    for layer in {name.rpartition(".")[0] for name in lora} & set(weights):
        rank, (rows, columns) = len(lora[f"{layer}.lora_A"]), weights[layer].shape
        allowed |= {f"{layer}.lora_A": (rank, columns), f"{layer}.lora_B": (rows, rank)}
    if lines := misfits({name: tuple(tensor.shape) for name, tensor in lora.items()}, allowed, ()):
        raise _bad_lora(source, lines)
    layers = sorted({name.rpartition(".")[0] for name in lora})
    for layer in layers:
        weight = weights[layer]
        change = lora[f"{layer}.lora_B"].float() @ lora[f"{layer}.lora_A"].float()
        weight.add_(change.to(device=weight.device, dtype=weight.dtype))
    return len(layers)


def latent_shape(pipe: CogVideoXPipeline, settings: CogSettings, height: int, width: int) -> tuple[int, int, int, int]:
    """Shape of the noise that a clip starts from: [t, C, h, w].

    Raises:
        UsageError: E-SIZE, a size that the transformer's patches do not cover.
    """
    step = pipe.vae_scale_factor_spatial * pipe.transformer.config.patch_size
    if height % step or width % step:
        why = f"autoencoder and patches work in blocks of {step}x{step} pixels"
        fix = f"a suite of width and height divisible by {step}: harness list suites"
        what = f"A video of {width}x{height} cannot be made."
        raise UsageError("E-SIZE", what, where="the transformer", why=why, fix=fix)
    side = pipe.vae_scale_factor_spatial
    return settings.latent_frames, int(pipe.transformer.config.in_channels), height // side, width // side


@torch.no_grad()
def generate(pipe: CogVideoXPipeline, prompt: str, settings: CogSettings, noise: NDArray[np.float32]) -> Frames:
    """Make one clip from a prompt.

    Args:
        pipe: on the device that is to compute, or offloading by itself.
        prompt: what the clip shows.
        settings: how to sample.
        noise: standard normal, `latent_shape`.

    Returns:
        uint8 [T, H, W, 3].

    Raises:
        ItemError: E-NAN, an overflow.
    """
    side = pipe.vae_scale_factor_spatial
    latents: Any = pipe(
        prompt,
        height=noise.shape[2] * side,
        width=noise.shape[3] * side,
        num_frames=4 * (settings.latent_frames - 1) + 1,
        num_inference_steps=settings.steps,
        guidance_scale=settings.guidance,
        use_dynamic_cfg=settings.dynamic_guidance,
        latents=torch.from_numpy(noise)[None].to(pipe.transformer.dtype),
        max_sequence_length=settings.max_tokens,
        output_type="latent",
    ).frames
    pixels = pipe.decode_latents(latents)[0].permute(1, 0, 2, 3)[: settings.num_frames]
    return to_frames(pixels)


def _renamed(name: str) -> str:
    """Diffusers' name of a tensor of a LoRA; empty for what is none."""
    found = NAME.fullmatch(name)
    if not found:
        return ""
    layer, half = found["layer"], f"lora_{found['half']}"
    if layer.startswith("transformer_blocks.") or layer in OUTSIDE.values():
        return f"{layer}.{half}"
    if inside := BLOCK.fullmatch(layer):
        theirs = IN_BLOCK.get(inside[2], "")
        return f"transformer_blocks.{inside[1]}.{theirs}.{half}" if theirs else ""
    return f"{OUTSIDE[layer]}.{half}" if layer in OUTSIDE else ""


def _bad_lora(source: Path | str, why: str) -> CannotStart:
    fix = "ExVideo's published LoRA: harness doctor --fetch cogvideox-exvideo-lora; or one in diffusers' names"
    return CannotStart("E-CHECKPOINT", "The LoRA cannot be used.", where=str(source), why=why, fix=fix)
