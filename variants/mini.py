"""The mini family: a small SVD of the procedural world and its post-tuned ExVideo configurations.

Base: 8 frames of 64x64, shipped in ``weights/mini/base`` in diffusers' folder format. Extended to 40 frames, five
times its native length, as ExVideo extends SVD from 25 to 128. `mini-exvideo`, `mini-no-conv`, `mini-pos-static` and
`mini-temporal-only` form the 2x2 factorial of convolution and positions; the last three rows are not tuned at all.
`mini-autoencoder` is a control: real clips after the loss that every row shares.

Every other row is the same class with other settings. All noise is drawn by the harness on the CPU from item and seed.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.api import Frames, Generator, Needs, Request, Weight, resolve_weight, safetensors_header, variant
from harness.api import shipped_weight as shipped

from ._checkpoint import table_rows
from ._grid import register_ablations
from .controls import real_clip

if TYPE_CHECKING:
    from harness.exvideo.base import Vae

FAMILY = "mini"
PACKAGE = "harness.variants"
BASE = "weights/mini/base"
PARTS = {
    "unet": "unet/diffusion_pytorch_model.safetensors",
    "vae": "vae/diffusion_pytorch_model.safetensors",
    "image_encoder": "image_encoder/model.safetensors",
}
NATIVE_FRAMES = 8


@dataclass(frozen=True)
class MiniVariant:
    """Settings of one row; every field enters the key.

    ``positions`` names the embedding of frame numbers. ``checkpoint`` is the tuned row's file name without ending,
    empty for a row that is not tuned; a tuned row's convolution and table come from its checkpoint's own header,
    ``conv`` and ``positions`` say what it must hold. The noise grid is shorter at both ends than what the base was
    trained for, and only high noise is guided: four steps do nearly what eight did (README of recipes/mini).
    """

    checkpoint: str = ""
    conv: bool = False
    positions: str = "sin"
    num_frames: int = 40
    steps: int = 4
    sigma_min: float = 0.05
    sigma_max: float = 15.0
    guidance: float = 1.7
    guidance_above: float = 2.0
    noise_aug_strength: float = 0.02
    window: int | None = None
    stride: int | None = None

    def needs(self) -> Needs:
        how = "recipes/mini/README.md has the command that makes it"
        weights = [shipped(PACKAGE, f"{BASE}/{path}", name=part, how=how) for part, path in PARTS.items()]
        tuned = self.tuned_weight()
        frames = min(self.num_frames, table_rows(tuned) or self.num_frames)
        return Needs(weights=(*weights, *filter(None, [tuned])), max_frames=frames)

    def tuned_weight(self) -> Weight | None:
        """The checkpoint of a tuned row."""
        if not self.checkpoint:
            return None
        tuned = f"work/tuned/{self.checkpoint}.safetensors"
        how = f"recipes/mini/tune.sh work/tuned && python recipes/mini/ship.py variant {tuned}"
        return shipped(PACKAGE, f"weights/mini/{self.checkpoint}.safetensors", how=how)

    def provenance(self) -> dict[str, Any]:
        """Training cost of the row, from its checkpoint's header."""
        weight = self.tuned_weight()
        if weight is None:
            return {}
        header = safetensors_header(resolve_weight(weight))
        metadata = header.pop("__metadata__", {})
        tuned = sum(math.prod(tensor["shape"]) for tensor in header.values())
        return {"trainable_parameters": tuned, "training": json.loads(metadata["exvideo"])["training"]}

    def load(self, device: str) -> Generator:
        return _Generator(self, device)


class _Generator:
    """A loaded base with its extension."""

    def __init__(self, config: MiniVariant, device: str) -> None:
        from harness.exvideo.base import backbone_digest, load_base
        from harness.exvideo.claim import Claim, load_claimed
        from harness.exvideo.extension import ExtensionConfig, extend

        paths = {weight.name: resolve_weight(weight) for weight in config.needs().weights}
        base = paths["unet"].parents[1]
        self.config = config
        self.components = load_base(base, device)
        unet = self.components.unet
        self.latent_factor: float | None = None
        if config.checkpoint:
            claim, path = Claim(config.conv, config.positions), paths[config.checkpoint]
            self.latent_factor = load_claimed(unet, path, claim, base=backbone_digest(base))
        elif config.positions == "reflect":
            frames = config.num_frames
            extend(unet, ExtensionConfig.of_native(NATIVE_FRAMES, num_frames=frames, conv="none", positions="reflect"))

    def generate(self, request: Request) -> Frames:
        from harness.exvideo.pipeline import SamplingSettings, generate

        protocol, config = request.protocol, self.config
        settings = SamplingSettings(
            num_frames=protocol.num_frames,
            steps=config.steps,
            sigma_range=(config.sigma_min, config.sigma_max),
            fps=protocol.fps,
            motion_bucket=request.item.motion_bucket,
            noise_aug_strength=config.noise_aug_strength,
            min_guidance=config.guidance,
            max_guidance=config.guidance,
            guidance_above=config.guidance_above,
            window=config.window,
            stride=config.stride,
            latent_factor=self.latent_factor,
        )
        shape = self.components.latent_shape(protocol.num_frames, protocol.height, protocol.width)
        noise = request.noise("latents", shape)
        image_noise = request.noise("image", (3, protocol.height, protocol.width))
        return generate(self.components, request.image, settings, noise, image_noise)


@variant(
    "mini-exvideo",
    revision=1,
    family=FAMILY,
    role="method",
    summary="ExVideo: identity 3D conv, learned positions",
    factors={"conv": True, "positions": "learned"},
)
class ExVideo(MiniVariant):
    checkpoint: str = "mini-exvideo"
    conv: bool = True
    positions: str = "learn_reflect"


register_ablations(__name__, MiniVariant, FAMILY, "mini-")


@variant("mini-svd-direct", revision=1, family=FAMILY, role="baseline", summary="the base run at 40 frames, not tuned")
class SvdDirect(MiniVariant):
    pass


@variant(
    "mini-svd-reflect",
    revision=1,
    family=FAMILY,
    role="baseline",
    summary="reflected ids, not tuned: step 0 of ExVideo",
)
class SvdReflect(MiniVariant):
    positions: str = "reflect"


@variant(
    "mini-svd-window", revision=1, family=FAMILY, role="baseline", summary="overlapping 8-frame windows, not tuned"
)
class SvdWindow(MiniVariant):
    window: int | None = 8
    stride: int | None = 4


@variant(
    "mini-autoencoder",
    revision=1,
    family=FAMILY,
    role="control",
    summary="the real clip, encoded and decoded: what the family's autoencoder costs",
)
class Autoencoder:
    """Quality that no row of the family can exceed: their frames come out of the same decoder."""

    def needs(self) -> Needs:
        return Needs(weights=MiniVariant().needs().weights, real=True)

    def load(self, device: str) -> Generator:
        from harness.exvideo.base import load_base

        return _RoundTrip(load_base(resolve_weight(self.needs().weights[0]).parents[1], device).vae)


class _RoundTrip:
    """A loaded autoencoder."""

    def __init__(self, vae: Vae) -> None:
        self.vae = vae

    def generate(self, request: Request) -> Frames:
        import torch

        from harness.exvideo.image import to_frames, to_pixels

        with torch.inference_mode():
            latents = self.vae.encode(to_pixels(real_clip(request)))
            return to_frames(self.vae.decode(latents, len(latents)))
