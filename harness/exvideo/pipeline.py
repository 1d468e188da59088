"""Sampling: from an image and noise to a clip, for every base and every extension alike.

A pure function of its arguments. All noise comes from the caller, so neither device nor batch nor worker can change it.
Conventions are SVD's: the UNet is told fps - 1, sees unscaled image latents at every frame, and a clean image through
the image tower; the autoencoder sees the image with a little noise.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, cast, get_args

import numpy as np
import torch
from diffusers import EulerDiscreteScheduler
from numpy.typing import NDArray
from torch import Tensor

from harness.errors import UsageError
from harness.exvideo.base import Components
from harness.exvideo.execution import (
    Execution,
    attention_kernel,
    check_tensors,
    feed_forward_in_pieces,
    resident,
)
from harness.exvideo.image import to_frames, to_pixels
from harness.exvideo.postprocess import post_process
from harness.exvideo.scheduler import set_steps
from harness.exvideo.tiles import decode_tiled
from harness.exvideo.windows import Window, blend, plan_windows

Precision = Literal["full", "bf16", "fp16"]
MIN_TILE = 8
AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class SamplingSettings:
    """How a clip is sampled.

    Args:
        num_frames: length of the clip.
        steps: Euler steps on the scheduler's grid.
        sigma_range: lowest and highest noise level of that grid in place of the scheduler's own.
        fps: what the model is told, before its own minus 1.
        motion_bucket: 0 to 255; more means more motion.
        noise_aug_strength: standard deviation of the noise on the image, in [-1, 1] pixels, before encoding.
        min_guidance, max_guidance: classifier-free guidance scale of the first and of the last frame, linear between.
            At most 1 in ``max_guidance`` turns guidance off and halves the work.
        guidance_above: steps at this noise level and below it are not guided, which saves their second half
            (Kynkaanniemi et al., arXiv 2404.07724, who also leave out the highest levels).
        contrast: factor on the sampled latents (ExVideo's pipeline: 1.2).
        normalise_frames: give every frame the clip's mean and deviation (ExVideo's pipeline: on).
        window, stride: sample in overlapping windows blended at every step; None for one pass.
        decode_chunk: frames decoded together. SVD's decoder looks across the frames of a chunk, so this changes them.
        decode_tile: side of the squares, in latent pixels, that are decoded apart and blended; None for whole frames.
        latent_factor: scale of the latents in place of the autoencoder's own.
        precision: ``full`` runs the UNet in its own dtype, the others under autocast.

    Raises:
        UsageError: E-SETTINGS, numbers that cannot be; E-WINDOW, see `plan_windows`.
    """

    num_frames: int
    steps: int = 25
    sigma_range: tuple[float, float] | None = None
    fps: int = 7
    motion_bucket: int = 127
    noise_aug_strength: float = 0.02
    min_guidance: float = 1.0
    max_guidance: float = 1.0
    guidance_above: float = 0.0
    contrast: float = 1.0
    normalise_frames: bool = False
    window: int | None = None
    stride: int | None = None
    decode_chunk: int = 8
    decode_tile: int | None = None
    latent_factor: float | None = None
    precision: Precision = "full"

    def __post_init__(self) -> None:
        for name in ("num_frames", "steps", "fps", "decode_chunk"):
            if getattr(self, name) < 1:
                raise _bad_settings(f"{name} is {getattr(self, name)}", "at least 1")
        if not 0 <= self.motion_bucket <= 255:
            raise _bad_settings(f"motion_bucket is {self.motion_bucket}", "0 to 255")
        if not self.guidance_above >= 0:
            raise _bad_settings(f"guidance_above is {self.guidance_above}", "a noise level of 0 or more")
        if not (self.noise_aug_strength >= 0 and math.isfinite(self.noise_aug_strength)):
            raise _bad_settings(f"noise_aug_strength is {self.noise_aug_strength}", "0 or more, usually 0.02")
        if self.sigma_range and not 0 < self.sigma_range[0] < self.sigma_range[1] < math.inf:
            raise _bad_settings(f"sigma_range is {self.sigma_range}", "(lowest, highest), both above 0")
        if self.precision not in get_args(Precision):
            raise _bad_settings(f"precision is '{self.precision}'", f"one of {', '.join(get_args(Precision))}")
        if self.decode_tile is not None and self.decode_tile < MIN_TILE:
            raise _bad_settings(f"decode_tile is {self.decode_tile}", f"{MIN_TILE} latent pixels or more, usually 64")
        if (self.window is None) != (self.stride is None):
            raise _bad_settings("one of window and stride is set without the other", "both or neither")
        self.windows()

    @property
    def guided(self) -> bool:
        """Whether the unconditional branch is needed."""
        return self.max_guidance > 1

    def windows(self) -> list[Window]:
        """The temporal windows; one that covers the clip without windowing."""
        if self.window is None or self.stride is None:
            return plan_windows(self.num_frames, self.num_frames, 1)
        return plan_windows(self.num_frames, self.window, self.stride)


@dataclass(frozen=True)
class Condition:
    """What the UNet is conditioned on: ``embedding`` [1, 1, D], ``latents`` [1, C, h, w] unscaled, ``ids`` [1, 3]."""

    embedding: Tensor
    latents: Tensor
    ids: Tensor

    def dropped(self) -> Condition:
        """The unconditional branch: no image, the same ids."""
        return Condition(torch.zeros_like(self.embedding), torch.zeros_like(self.latents), self.ids)


@torch.no_grad()
def generate(
    components: Components,
    image: NDArray[np.uint8],
    settings: SamplingSettings,
    noise: NDArray[np.float32] | Tensor,
    image_noise: NDArray[np.float32] | Tensor,
    execution: Execution = Execution(),  # noqa: B008  # frozen
) -> NDArray[np.uint8]:
    """Make one clip.

    Args:
        components: the base, extended or not.
        image: uint8 [H, W, 3], the first frame.
        settings: how to sample.
        noise: standard normal, `Components.latent_shape`.
        image_noise: standard normal, [3, H, W].
        execution: in what portions; never what comes out.

    Returns:
        uint8 [T, H, W, 3] of the image's size.

    Raises:
        UsageError: E-SIZE, a size that the autoencoder cannot represent, or too small for the extension; E-FRAMES;
            E-SETTINGS, too large for the kernels.
        ItemError: E-NAN, an overflow.
        ValueError: noise of another shape.
    """
    device = components.device
    with (
        resident(components.vae.model, device, execution),
        resident(components.image_encoder, device, execution),
    ):
        condition = encode_condition(components, image, settings, image_noise)
    with resident(components.unet, device, execution), attention_kernel(execution.attention):
        latents = sample(components, condition, settings, noise, execution)
    with resident(components.decoder.model, device, execution):
        return decode(components, latents, settings)


@torch.no_grad()
def encode_condition(
    components: Components,
    image: NDArray[np.uint8],
    settings: SamplingSettings,
    image_noise: NDArray[np.float32] | Tensor,
) -> Condition:
    """Everything that the UNet is told about the image; see `generate`."""
    height, width = image.shape[:2]
    stride = components.vae.stride
    if height % stride or width % stride:
        raise UsageError(
            "E-SIZE",
            f"An image of {width}x{height} cannot be encoded.",
            where="the first frame",
            why=f"the autoencoder works in blocks of {stride}x{stride} pixels",
            fix=f"a suite of width and height divisible by {stride}: harness list suites",
        )
    pixels = to_pixels(image[None]).to(components.device)
    drawn = _as_noise(image_noise, (3, height, width), "image noise").to(components.device)
    latents = components.vae.encode(pixels + settings.noise_aug_strength * drawn)
    ids = torch.tensor([[settings.fps - 1, settings.motion_bucket, settings.noise_aug_strength]])
    return Condition(components.embed(pixels)[:, None], latents, ids.to(components.device))


@torch.no_grad()
def sample(
    components: Components,
    condition: Condition,
    settings: SamplingSettings,
    noise: NDArray[np.float32] | Tensor,
    execution: Execution = Execution(),  # noqa: B008  # frozen
) -> Tensor:
    """Scaled latents [T, C, h, w], float32, after the last step; see `generate`."""
    shape = (settings.num_frames, *condition.latents.shape[1:])
    ends = dict(zip(("sigma_min", "sigma_max"), settings.sigma_range, strict=True)) if settings.sigma_range else {}
    scheduler = EulerDiscreteScheduler.from_config(components.scheduler.config, **ends)
    set_steps(scheduler, settings.steps, components.device)
    state = _as_noise(noise, shape, "noise").to(components.device) * scheduler.init_noise_sigma
    windows = settings.windows()
    longest = max(window.stop - window.start for window in windows)
    batch, alone = 2 if execution.batched and settings.guided else 1, "unset HARNESS_BATCHED"
    check_tensors(components.unet, longest, shape[2], shape[3], batch, attention=execution.attention, fewer=alone)
    for timestep, sigma in zip(scheduler.timesteps, scheduler.sigmas[:-1].tolist(), strict=True):  # the last is 0
        scaled = scheduler.scale_model_input(state, timestep)
        guided = settings.guided and sigma > settings.guidance_above
        predict = _predictor(components, condition, settings, scaled, timestep, execution, guided=guided)
        prediction = blend(predict, windows, settings.num_frames)
        state = scheduler.step(prediction, timestep, state).prev_sample
    return cast(Tensor, state)


@torch.no_grad()
def decode(components: Components, latents: Tensor, settings: SamplingSettings) -> NDArray[np.uint8]:
    """uint8 frames [T, H, W, 3] of sampled latents [T, C, h, w]; see `generate`."""
    latents = post_process(latents, normalise=settings.normalise_frames, contrast=settings.contrast)
    decoder = components.decoder
    factor = components.factor(settings.latent_factor)
    if settings.decode_tile is None:
        return to_frames(decoder.decode(latents / factor, settings.decode_chunk))
    return to_frames(decode_tiled(decoder, latents / factor, settings.decode_chunk, settings.decode_tile))


def _predictor(
    components: Components,
    condition: Condition,
    settings: SamplingSettings,
    scaled: Tensor,
    timestep: Tensor,
    execution: Execution,
    *,
    guided: bool,
) -> Callable[[Window], Tensor]:
    """The prediction of a window of ``scaled``: both branches of guidance one after the other, which halves the memory,
    or together if ``execution`` says so."""
    guidance = torch.linspace(settings.min_guidance, settings.max_guidance, settings.num_frames, device=scaled.device)
    empty = condition.dropped()

    def predict(window: Window) -> Tensor:
        part = scaled[window.start : window.stop]
        wanted = (condition, empty) if guided else (condition,)
        batches = (wanted,) if execution.batched else tuple((one,) for one in wanted)
        found = [run_unet(components, part, timestep, batch, settings.precision, execution.pieces) for batch in batches]
        predictions = torch.cat(found)
        conditional = predictions[0]
        if not guided:
            return conditional
        unconditional = predictions[1]
        scale = guidance[window.start : window.stop, None, None, None]
        return unconditional + scale * (conditional - unconditional)

    return predict


def run_unet(
    components: Components,
    scaled: Tensor,
    timestep: Tensor,
    conditions: Sequence[Condition],
    precision: Precision,
    pieces: int = Execution.pieces,
) -> Tensor:
    """v-predictions [N, T, C, h, w], float32, for one clip's network input [T, C, h, w] under N conditions."""
    unet, dtype = components.unet, components.unet.dtype
    frames, _, height, width = scaled.shape
    feed_forward_in_pieces(unet, frames, height, width, len(conditions), pieces)
    stacked = torch.stack([torch.cat([scaled, c.latents.expand(frames, -1, -1, -1)], dim=1) for c in conditions])
    embedding = torch.cat([condition.embedding for condition in conditions])
    ids = torch.cat([condition.ids for condition in conditions])
    with autocast(components.device, precision):
        output: Tensor = unet(stacked.to(dtype), timestep, embedding.to(dtype), ids, return_dict=False)[0]
    return output.float()


def autocast(device: torch.device, precision: Precision) -> contextlib.AbstractContextManager[object]:
    """The autocast context of a precision; nothing for ``full``."""
    if precision == "full":
        return contextlib.nullcontext()
    return torch.autocast(device.type, AUTOCAST[precision])


def _as_noise(noise: NDArray[np.float32] | Tensor, shape: tuple[int, ...], what: str) -> Tensor:
    if tuple(noise.shape) != shape:
        raise ValueError(f"{what} has shape {tuple(noise.shape)}, expected {shape}")
    return torch.as_tensor(noise, dtype=torch.float32)


def _bad_settings(why: str, fix: str) -> UsageError:
    return UsageError("E-SETTINGS", "These sampling settings cannot be.", why=why, fix=fix)
