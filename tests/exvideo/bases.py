"""Tiny random bases in diffusers' folder format, one with each autoencoder."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import AutoencoderKLTemporalDecoder, AutoencoderTiny, StableVideoDiffusionPipeline
from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModelWithProjection

from harness.exvideo.scheduler import euler_scheduler
from tests.exvideo.helpers import tiny_unet


def svd_vae(levels: int = 2) -> AutoencoderKLTemporalDecoder:
    return AutoencoderKLTemporalDecoder(
        down_block_types=("DownEncoderBlock2D",) * levels,
        block_out_channels=(32,) * levels,
        latent_channels=4,
        layers_per_block=1,
    )


def tiny_vae(levels: int = 2) -> AutoencoderTiny:
    return AutoencoderTiny(
        encoder_block_out_channels=(8,) * levels,
        decoder_block_out_channels=(8,) * levels,
        latent_channels=4,
        num_encoder_blocks=(1,) * levels,
        num_decoder_blocks=(1,) * levels,
        scaling_factor=0.7,
    )


def tower() -> CLIPVisionModelWithProjection:
    config = CLIPVisionConfig(
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        image_size=224,
        patch_size=32,
        projection_dim=24,
    )
    return CLIPVisionModelWithProjection(config)


def pipeline(vae: AutoencoderKLTemporalDecoder | AutoencoderTiny) -> StableVideoDiffusionPipeline:
    torch.manual_seed(0)
    pipe = StableVideoDiffusionPipeline(
        vae=vae,
        image_encoder=tower(),
        unet=tiny_unet(),
        scheduler=euler_scheduler(0.02, 80.0),
        feature_extractor=CLIPImageProcessor(),
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def save_base(folder: Path, *, tiny: bool, levels: int = 2) -> Path:
    """A base of 8 native frames and 4 latent channels; its autoencoder's stride is 2 ** (levels - 1)."""
    torch.manual_seed(1)
    pipeline(tiny_vae(levels) if tiny else svd_vae()).save_pretrained(folder)
    return folder
