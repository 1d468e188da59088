"""The real family: SVD-XT, the published ExVideo extension, the ablations of it, and what needs no training.

Base: ``$HARNESS_SVD``, see `variants._svd_base`; SVD-XT by default. `exvideo` is the published 128-frame checkpoint
with its authors' sampling, contrast and normalisation; frames are decoded in chunks side by side where theirs overlap.
Of the rows that are post-tuned here, `exvideo-tuned`, `no-conv`, `pos-static` and `temporal-only` form the 2x2
factorial of convolution and positions: they share data, steps and sampling, which the published one does not. All rows
share sampler, steps, guidance and noise.

Memory of decoding: ``decode_tile = 64`` decodes large frames in squares. It changes them a little, which makes it a row
of its own: ``harness new variant NAME --from exvideo``.

SVD-XT needs a GPU. A base of less than a gigabyte runs on the CPU too, in single precision. ``HARNESS_BATCHED=1`` (both
branches of guidance at once), ``HARNESS_ATTENTION`` (auto, flash, efficient, cudnn, math) and ``HARNESS_COMPILE=1``
change speed and memory, never what is computed; each video's record says what was used.
"""

from __future__ import annotations

import json
import math
import os
import shlex
from dataclasses import dataclass
from typing import Any

from harness.api import (
    Frames,
    Generator,
    HubSource,
    Needs,
    Request,
    Weight,
    resolve_weight,
    safetensors_header,
    unpinned_weight,
    variant,
)

from ._checkpoint import table_rows
from ._grid import register_ablations
from ._svd_base import WEIGHT_BYTES, base_place, base_source, base_weights, is_small

FAMILY = "svd"
PUBLISHED = "exvideo-128f"
REPOSITORY = "ECNU-CILab/ExVideo-SVD-128f-v1"
PUBLISHED_BYTES = 2 * 832_956_800  # its parameters in half precision
TINY = "madebyollin/taesd"
VRAM_BYTES = 20_000_000_000  # what the authors state for their example: 128 frames of 512x512 in half precision
SAMPLING = (
    *("steps", "noise_aug_strength", "min_guidance", "max_guidance", "contrast", "normalise_frames"),
    *("decode_chunk", "decode_tile", "window", "stride"),
)
# How the rows that are post-tuned here are made, equal for all: the authors' constant rate and the batch of their eight
# GPUs, on one; noise levels as SVD was trained (median e); and the corrected loss, which is the default.
RECIPE = (
    "--lr 1e-5 --schedule constant --warmup 0 --batch 1 --accumulate 8 --steps 8000 --ema 0.999 --p-mean 1 --p-std 1.6"
)
MIN_SIZE = 128  # the innermost feature map must be 2x2 for the convolution to reflect


@dataclass(frozen=True)
class SvdVariant:
    """Settings of one row; every field enters the key.

    ``checkpoint`` is ``exvideo-128f`` for the published one, the file of a post-tuned row, or empty for none; what is
    in a checkpoint is told by its header, ``conv`` and ``positions`` say what it must hold. ``latent_factor`` is the
    scale of the latents; without it the checkpoint's own, or else the autoencoder's. ``contrast`` and
    ``normalise_frames`` are what the authors' pipeline does to latents before decoding. ``posthoc`` takes a part out
    of a trained extension. ``dtype`` is what everything is loaded in on a GPU: ``float16``, ``bfloat16`` or
    ``float32``; a CPU computes in single precision.
    """

    checkpoint: str = ""
    conv: bool = False
    positions: str = "sin"
    num_frames: int = 128
    steps: int = 50
    min_guidance: float = 2.0
    max_guidance: float = 2.0
    noise_aug_strength: float = 0.02
    contrast: float = 1.0
    normalise_frames: bool = False
    latent_factor: float | None = None
    decode_chunk: int = 8
    decode_tile: int | None = None
    window: int | None = None
    stride: int | None = None
    chain: int | None = None
    posthoc: str = ""
    fast_decoder: bool = False
    dtype: str = "float16"

    def needs(self) -> Needs:
        base = base_weights()
        extra = (*filter(None, [self.tuned_weight()]), *([tiny_weight()] if self.fast_decoder else []))
        learned = self.positions.startswith("learn")
        frames = (table_rows(self.tuned_weight()) or self.num_frames) if learned else 0
        if is_small(base):
            return Needs(weights=(*base, *extra), max_frames=frames)
        # A short clip at a time takes less, how much nobody has stated: less than the weights will not do.
        vram = WEIGHT_BYTES if self.window or self.chain else VRAM_BYTES
        return Needs(weights=(*base, *extra), gpu=True, vram_bytes=vram, min_size=MIN_SIZE, max_frames=frames)

    def tuned_weight(self) -> Weight | None:
        """The checkpoint of a tuned row."""
        if not self.checkpoint:
            return None
        if self.checkpoint == PUBLISHED:
            return unpinned_weight(
                PUBLISHED,
                f"{REPOSITORY.rpartition('/')[2]}/model.fp16.safetensors",
                source=HubSource(REPOSITORY, "model.fp16.safetensors"),
                how=f"harness doctor --fetch {PUBLISHED}",
                size=PUBLISHED_BYTES,
                licence=f"see https://huggingface.co/{REPOSITORY}",
            )
        path = f"svd/{self.checkpoint}.safetensors"
        how = (
            f"harness posttune --base {shlex.quote(base_source())} --frames {self.num_frames} "
            f"--positions {self.positions} --conv {'identity' if self.conv else 'none'} {RECIPE} "
            f"--data VIDEOS --device cuda --precision bf16 --checkpointing --out weights/{path}"
        )
        return unpinned_weight(self.checkpoint, path, how=how, licence="as the base")

    def provenance(self) -> dict[str, Any]:
        """Training cost of the row, from its checkpoint's header; the published one tells none."""
        weight = self.tuned_weight()
        if weight is None:
            return {}
        header = safetensors_header(resolve_weight(weight))
        metadata = header.pop("__metadata__", {})
        tuned = sum(math.prod(tensor["shape"]) for tensor in header.values())
        training = json.loads(metadata["exvideo"])["training"] if "exvideo" in metadata else {"published": REPOSITORY}
        return {"trainable_parameters": tuned, "training": training}

    def load(self, device: str) -> Generator:
        return _Generator(self, device)


def tiny_weight() -> Weight:
    """A small decoder for the same latents."""
    file = "diffusion_pytorch_model.safetensors"
    return unpinned_weight(
        "taesd",
        f"taesd/{file}",
        source=HubSource(TINY, file, beside=("config.json",)),
        how="harness doctor --fetch taesd",
        licence=f"MIT, https://huggingface.co/{TINY}",
    )


class _Generator:
    """A loaded base with its extension."""

    def __init__(self, config: SvdVariant, device: str) -> None:
        import dataclasses

        from harness.exvideo.base import align, load_base, loading_dtype, usable_device
        from harness.exvideo.execution import Execution

        weights = config.needs().weights
        paths = {weight.name: resolve_weight(weight) for weight in weights}
        dtype = loading_dtype(config.dtype, device)
        tiny = paths["taesd"].parent if config.fast_decoder else None
        # On the CPU first: each part moves to the device when it is used, and with offloading back again.
        loaded = load_base(base_place(weights), "cpu", dtype, fast_decoder=tiny)
        self.config, self.components = config, dataclasses.replace(loaded, device=usable_device(device))
        self.execution = Execution(
            batched=_flag("HARNESS_BATCHED"),
            attention=os.environ.get("HARNESS_ATTENTION", "auto"),  # type: ignore[arg-type]  # checked by the class
            compiled=_flag("HARNESS_COMPILE"),
        )
        self.latent_factor = config.latent_factor
        self._extend(paths)
        align(loaded)
        if self.execution.compiled:
            self.components.unet.compile()

    def _extend(self, paths: dict[str, Any]) -> None:
        from harness.exvideo.base import backbone_digest
        from harness.exvideo.claim import Claim, load_claimed
        from harness.exvideo.extension import ExtensionConfig, extend
        from harness.exvideo.posthoc import with_static_positions, without_convolution

        config, unet = self.config, self.components.unet
        if config.checkpoint:
            known = "" if config.checkpoint == PUBLISHED else backbone_digest(base_place(config.needs().weights))
            claim = Claim(config.conv, config.positions, config.latent_factor)
            self.latent_factor = load_claimed(unet, paths[config.checkpoint], claim, base=known)
        elif config.positions == "reflect":
            native, frames = self.components.native_frames, config.num_frames
            extend(unet, ExtensionConfig.of_native(native, num_frames=frames, conv="none", positions="reflect"))
        if config.posthoc == "no-conv":
            without_convolution(unet)
        elif config.posthoc == "static":
            with_static_positions(unet)

    def generate(self, request: Request) -> Frames:
        from harness.exvideo.chain import generate_chain
        from harness.exvideo.pipeline import SamplingSettings, generate

        protocol, config = request.protocol, self.config
        settings = SamplingSettings(
            num_frames=protocol.num_frames,
            fps=protocol.fps,
            motion_bucket=request.item.motion_bucket,
            latent_factor=self.latent_factor,
            **{name: getattr(config, name) for name in SAMPLING},
        )
        execution, lightened = self.execution.lightened(request.lighter)
        factor = self.components.factor(self.latent_factor)
        dtype = str(self.components.unet.dtype).removeprefix("torch.")
        request.note(**vars(settings) | vars(execution) | {"latent_factor": factor, "dtype": dtype})
        request.note(lightened=lightened)
        if config.chain:
            return generate_chain(self.components, request.image, settings, config.chain, request.noise, execution)
        noise = request.noise(
            "latents", self.components.latent_shape(protocol.num_frames, protocol.height, protocol.width)
        )
        image_noise = request.noise("image", (3, protocol.height, protocol.width))
        return generate(self.components, request.image, settings, noise, image_noise, execution)


def _flag(name: str) -> bool:
    return os.environ.get(name, "") not in ("", "0")


@variant(
    "exvideo",
    revision=1,
    family=FAMILY,
    role="method",
    summary="the published 128-frame ExVideo with its authors' settings",
)
class ExVideo(SvdVariant):
    checkpoint: str = PUBLISHED
    conv: bool = True
    positions: str = "learn_reflect"
    contrast: float = 1.2
    normalise_frames: bool = True


@variant(
    "exvideo-raw",
    revision=1,
    family=FAMILY,
    role="method",
    summary="the published ExVideo without contrast and per-frame normalisation, which hide drift",
)
class ExVideoRaw(SvdVariant):
    checkpoint: str = PUBLISHED
    conv: bool = True
    positions: str = "learn_reflect"


@variant(
    "exvideo-fast-decoder",
    revision=1,
    family=FAMILY,
    role="method",
    summary="the published ExVideo, decoded frame by frame with a tiny autoencoder",
)
class ExVideoFastDecoder(ExVideo):
    fast_decoder: bool = True


@variant(
    "exvideo-posthoc-no-conv",
    revision=1,
    family=FAMILY,
    role="baseline",
    summary="diagnostic, no ablation: the published ExVideo with its convolution taken out afterwards",
)
class PosthocNoConv(ExVideo):
    posthoc: str = "no-conv"


@variant(
    "exvideo-posthoc-static",
    revision=1,
    family=FAMILY,
    role="baseline",
    summary="diagnostic, no ablation: the published ExVideo with its table replaced by the sinusoid",
)
class PosthocStatic(ExVideo):
    posthoc: str = "static"


@variant(
    "exvideo-tuned",
    revision=1,
    family=FAMILY,
    role="method",
    summary="ExVideo post-tuned here, with the recipe of its ablations",
    factors={"conv": True, "positions": "learned"},
)
class ExVideoTuned(SvdVariant):
    checkpoint: str = "exvideo-tuned"
    conv: bool = True
    positions: str = "learn_reflect"


register_ablations(__name__, SvdVariant, FAMILY)


@variant("svd-direct", revision=1, family=FAMILY, role="baseline", summary="SVD run at the suite's length, not tuned")
class SvdDirect(SvdVariant):
    pass


@variant(
    "svd-reflect", revision=1, family=FAMILY, role="baseline", summary="reflected ids, not tuned: step 0 of ExVideo"
)
class SvdReflect(SvdVariant):
    positions: str = "reflect"


@variant(
    "svd-window",
    revision=1,
    family=FAMILY,
    role="baseline",
    summary="overlapping 25-frame windows blended at each step, not tuned",
)
class SvdWindow(SvdVariant):
    window: int | None = 25
    stride: int | None = 5


@variant(
    "svd-chain",
    revision=1,
    family=FAMILY,
    role="baseline",
    summary="25-frame clips, each begun with the last frame of the one before",
)
class SvdChain(SvdVariant):
    chain: int | None = 25
