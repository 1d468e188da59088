"""Sampling: from an image and noise to a clip, for every base and every extension alike.

A pure function of its arguments. All noise comes from the caller, so neither device nor batch nor worker can change it.
Conventions are SVD's: the UNet is told fps - 1, sees unscaled image latents at every frame, and a clean image through
the image tower; the autoencoder sees the image with a little noise.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, cast, get_args

import numpy as np
import torch
from diffusers import EulerDiscreteScheduler
from numpy.typing import NDArray
from torch import Tensor

from harness.errors import UsageError
from harness.exvideo.base import Components
from harness.exvideo.image import to_frames, to_pixels
from harness.exvideo.postprocess import post_process
from harness.exvideo.scheduler import set_steps
from harness.exvideo.windows import Window, blend, plan_windows

Precision = Literal["full", "bf16", "fp16"]
AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class SamplingSettings:
    """How a clip is sampled.

    Args:
        num_frames: length of the clip.
        steps: Euler steps on the scheduler's grid.
        fps: what the model is told, before its own minus 1.
        motion_bucket: 0 to 255; more means more motion.
        noise_aug_strength: standard deviation of the noise on the image, in [-1, 1] pixels, before encoding.
        min_guidance, max_guidance: classifier-free guidance scale of the first and of the last frame, linear between.
            At most 1 in ``max_guidance`` turns guidance off and halves the work.
        contrast: factor on the sampled latents (ExVideo's pipeline: 1.2).
        normalise_frames: give every frame the clip's mean and deviation (ExVideo's pipeline: on).
        window, stride: sample in overlapping windows blended at every step; None for one pass.
        decode_chunk: frames decoded together.
        latent_factor: scale of the latents in place of the autoencoder's own.
        precision: ``full`` runs the UNet in its own dtype, the others under autocast.

    Raises:
        UsageError: E-SETTINGS, numbers that cannot be; E-WINDOW, see `plan_windows`.
    """

    num_frames: int
    steps: int = 25
    fps: int = 7
    motion_bucket: int = 127
    noise_aug_strength: float = 0.02
    min_guidance: float = 1.0
    max_guidance: float = 1.0
    contrast: float = 1.0
    normalise_frames: bool = False
    window: int | None = None
    stride: int | None = None
    decode_chunk: int = 8
    latent_factor: float | None = None
    precision: Precision = "full"

    def __post_init__(self) -> None:
        for name in ("num_frames", "steps", "fps", "decode_chunk"):
            if getattr(self, name) < 1:
                raise _bad_settings(f"{name} is {getattr(self, name)}", "at least 1")
        if not 0 <= self.motion_bucket <= 255:
            raise _bad_settings(f"motion_bucket is {self.motion_bucket}", "0 to 255")
        if not (self.noise_aug_strength >= 0 and math.isfinite(self.noise_aug_strength)):
            raise _bad_settings(f"noise_aug_strength is {self.noise_aug_strength}", "0 or more, usually 0.02")
        if self.precision not in get_args(Precision):
            raise _bad_settings(f"precision is '{self.precision}'", f"one of {', '.join(get_args(Precision))}")
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
) -> NDArray[np.uint8]:
    """Make one clip.

    Args:
        components: the base, extended or not.
        image: uint8 [H, W, 3], the first frame.
        settings: how to sample.
        noise: standard normal, `Components.latent_shape`.
        image_noise: standard normal, [3, H, W].

    Returns:
        uint8 [T, H, W, 3] of the image's size.

    Raises:
        UsageError: E-SIZE, a size that the autoencoder cannot represent, or too small for the extension; E-FRAMES.
        ItemError: E-NAN, an overflow.
        ValueError: noise of another shape.
    """
    condition = encode_condition(components, image, settings, image_noise)
    latents = sample(components, condition, settings, noise)
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
            why=f"the autoencoder works in blocks of {stride}x{stride} pixels",
            fix=f"width and height divisible by {stride}",
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
) -> Tensor:
    """Scaled latents [T, C, h, w], float32, after the last step; see `generate`."""
    shape = (settings.num_frames, *condition.latents.shape[1:])
    scheduler = EulerDiscreteScheduler.from_config(components.scheduler.config)
    set_steps(scheduler, settings.steps, components.device)
    state = _as_noise(noise, shape, "noise").to(components.device) * scheduler.init_noise_sigma
    windows = settings.windows()
    for timestep in scheduler.timesteps:
        scaled = scheduler.scale_model_input(state, timestep)
        predict = _predictor(components, condition, settings, scaled, timestep)
        prediction = blend(predict, windows, settings.num_frames)
        state = scheduler.step(prediction, timestep, state).prev_sample
    return cast(Tensor, state)


@torch.no_grad()
def decode(components: Components, latents: Tensor, settings: SamplingSettings) -> NDArray[np.uint8]:
    """uint8 frames [T, H, W, 3] of sampled latents [T, C, h, w]; see `generate`."""
    latents = post_process(latents, normalise=settings.normalise_frames, contrast=settings.contrast)
    factor = components.vae.factor if settings.latent_factor is None else settings.latent_factor
    return to_frames(components.vae.decode(latents / factor, settings.decode_chunk))


def _predictor(
    components: Components, condition: Condition, settings: SamplingSettings, scaled: Tensor, timestep: Tensor
) -> Callable[[Window], Tensor]:
    """The guided prediction of a window of ``scaled``. The branches run one after the other: half the memory."""
    guidance = torch.linspace(settings.min_guidance, settings.max_guidance, settings.num_frames, device=scaled.device)
    empty = condition.dropped()

    def predict(window: Window) -> Tensor:
        part = scaled[window.start : window.stop]
        conditional = run_unet(components, part, timestep, condition, settings.precision)
        if not settings.guided:
            return conditional
        unconditional = run_unet(components, part, timestep, empty, settings.precision)
        scale = guidance[window.start : window.stop, None, None, None]
        return unconditional + scale * (conditional - unconditional)

    return predict


def run_unet(
    components: Components, scaled: Tensor, timestep: Tensor, condition: Condition, precision: Precision
) -> Tensor:
    """v-prediction [T, C, h, w], float32, for one clip's network input of the same shape."""
    unet, dtype = components.unet, components.unet.dtype
    stacked = torch.cat([scaled, condition.latents.expand(len(scaled), -1, -1, -1)], dim=1)
    with autocast(components.device, precision):
        output: Tensor = unet(
            stacked[None].to(dtype), timestep, condition.embedding.to(dtype), condition.ids, return_dict=False
        )[0]
    return output[0].float()


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
