"""diffusers' LTX image-to-video pipeline as a variant, at a tiny size and with random weights.

It is untrained, so its frames are noise. For trained weights, replace `_pipeline` by
``LTXImageToVideoPipeline.from_pretrained(FOLDER)``, pass ``prompt=request.item.prompt`` in place of the embeddings,
list the files with their sha256 in `needs`, and say ``gpu=True``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.api import Frames, Generator, Needs, Protocol, Request, variant

TEXT, WIDTH = 8, 32  # tokens and channels of the empty prompt


@variant("tiny-ltx", revision=1, family="example", role="baseline", summary="LTX at a tiny size, random weights: noise")
class TinyLtx:
    steps: int = 2
    weights_seed: int = 0  # stands for the weights, and so enters the key of every video

    def needs(self) -> Needs:
        return Needs()

    def load(self, device: str) -> Generator:
        return _Loaded(self, device)


class _Loaded:
    def __init__(self, config: TinyLtx, device: str) -> None:
        self.config, self.pipeline = config, _pipeline(config.weights_seed).to(device)
        self.pipeline.set_progress_bar_config(disable=True)

    def generate(self, request: Request) -> Frames:
        import torch
        from PIL import Image

        size = request.protocol
        clip = self.pipeline(
            image=Image.fromarray(request.image),
            height=size.height,
            width=size.width,
            num_frames=_enough(size),
            frame_rate=size.fps,
            num_inference_steps=self.config.steps,
            guidance_scale=1.0,
            prompt_embeds=torch.zeros(1, TEXT, WIDTH),
            prompt_attention_mask=torch.ones(1, TEXT),
            generator=torch.Generator().manual_seed(_seed(request)),
            output_type="np",
        ).frames[0]
        frames: Frames = (clip[: size.num_frames] * 255).round().clip(0, 255).astype(np.uint8)
        return frames


def _seed(request: Request) -> int:
    """A pipeline that draws its own noise draws it from a generator, whose seed comes from item and seed."""
    return int(np.abs(request.noise("generator", (1,)).view(np.int32)[0]))


def _enough(size: Protocol) -> int:
    """The model makes 1 + 8k frames: the least that has all, of which the rest is cut off."""
    return 1 + 8 * -(-(size.num_frames - 1) // 8)


def _pipeline(seed: int) -> Any:
    import torch
    from diffusers import (
        AutoencoderKLLTXVideo,
        FlowMatchEulerDiscreteScheduler,
        LTXImageToVideoPipeline,
        LTXVideoTransformer3DModel,
    )

    halved = (True, True, True, False)  # three times, in space and time
    with torch.random.fork_rng():  # random weights leave the process's own generator alone
        torch.manual_seed(seed)
        vae = AutoencoderKLLTXVideo(
            latent_channels=8,
            block_out_channels=(8, 8, 8, 8),
            decoder_block_out_channels=(8, 8, 8, 8),
            layers_per_block=(1,) * 5,
            decoder_layers_per_block=(1,) * 5,
            spatio_temporal_scaling=halved,
            decoder_spatio_temporal_scaling=halved,
            decoder_inject_noise=(False,) * 5,
            upsample_residual=(False,) * 4,
            upsample_factor=(1,) * 4,
            patch_size=1,
        )
        transformer = LTXVideoTransformer3DModel(
            in_channels=8,
            out_channels=8,
            num_attention_heads=4,
            attention_head_dim=8,
            cross_attention_dim=WIDTH,
            num_layers=1,
            caption_channels=WIDTH,
        )
    scheduler = FlowMatchEulerDiscreteScheduler()
    return LTXImageToVideoPipeline(
        scheduler=scheduler, vae=vae.eval(), text_encoder=None, tokenizer=None, transformer=transformer.eval()
    )
