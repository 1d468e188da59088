"""What one training step computes: its draws, the network's prediction, the loss, the learning rate."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from harness.exvideo.base import Components
from harness.exvideo.dataset import Clips
from harness.exvideo.image import to_pixels
from harness.exvideo.pipeline import autocast
from harness.exvideo.posttune_config import Loss, PosttuneConfig
from harness.exvideo.scheduler import (
    clean_estimate,
    exvideo_weight,
    karras_sigmas,
    network_input,
    timestep_of,
    velocity,
)
from harness.keys import digest

EXVIDEO_GRID = 1000
EXVIDEO_CONTRAST = 1.01  # the published target is 1.01 times the clean latents
HELD_OUT_SIGMAS = (0.1, 0.3, 1.0, 3.0, 10.0, 40.0)


@dataclass(frozen=True)
class Batch:
    """Clips with their noise, on the training device.

    ``clean`` (scaled) and ``noise`` [B, T, C, h, w]; ``sigma`` [B]; ``image`` [B, C, h, w], unscaled latents of the
    first frame; ``embedding`` [B, 1, D]; ``ids`` [B, 3].
    """

    clean: Tensor
    noise: Tensor
    sigma: Tensor
    image: Tensor
    embedding: Tensor
    ids: Tensor


def stream(*path: object) -> torch.Generator:
    """A CPU generator that depends on the path alone, so that no state has to be carried from step to step."""
    return torch.Generator().manual_seed(int(digest("posttune-draw/1", *path)[:15], 16))


def clips_of_step(seed: int, step: int, batch: int, clips: int) -> Tensor:
    """Indices [batch] of the clips of a step (from 1): a fresh permutation of all clips per epoch."""
    positions = range((step - 1) * batch, step * batch)
    return torch.tensor([_order(seed, position // clips, clips)[position % clips] for position in positions])


@functools.lru_cache(maxsize=2)
def _order(seed: int, epoch: int, clips: int) -> tuple[int, ...]:
    return tuple(torch.randperm(clips, generator=stream(seed, "order", epoch)).tolist())


def training_batch(
    config: PosttuneConfig, data: Clips, components: Components, step: int, part: int = 0, parts: int = 1
) -> Batch:
    """The batch of a step, or one of its ``parts``, each of ``config.batch`` clips.

    It depends on the seed, the step and the data settings, not on the extension; and every draw is made for the whole
    step, so that its parts are together what one batch of all its clips would be.
    """
    count, rows = config.batch * parts, slice(config.batch * part, config.batch * (part + 1))
    index = clips_of_step(config.seed, step, count, len(data))
    draw = functools.partial(stream, config.seed)
    strength = torch.zeros(count)
    if config.augmentation is not None:
        mean, std = config.augmentation
        strength = (mean + std * torch.randn(count, generator=draw("strength", step))).exp()
    image_noise = torch.randn(count, 3, *data.image_size, generator=draw("image", step))
    keep = torch.rand(count, generator=draw("keep", step)) >= config.dropout
    noise = torch.randn(count, *data.clip_shape, generator=draw("noise", step))
    sigma = draw_sigma(config, count, draw("sigma", step))
    drawn = (index, noise, sigma, strength, image_noise, keep)
    return _assemble(config, data, components, *(tensor[rows] for tensor in drawn))


def held_out_batch(config: PosttuneConfig, data: Clips, components: Components, clips: range, number: int) -> Batch:
    """Validation clips at the sigma of that ``number``, with noise that depends on clip and sigma alone."""
    index = torch.tensor(list(clips))
    noise = torch.stack([torch.randn(data.clip_shape, generator=stream("held-out", c, number)) for c in clips])
    sigma = torch.full((len(index),), HELD_OUT_SIGMAS[number])
    strength, keep = torch.zeros(len(index)), torch.ones(len(index), dtype=torch.bool)
    image_noise = torch.zeros(len(index), 3, *data.image_size)
    return _assemble(config, data, components, index, noise, sigma, strength, image_noise, keep)


def draw_sigma(config: PosttuneConfig, count: int, generator: torch.Generator) -> Tensor:
    """Noise levels [count] as the loss wants them: log-normal, or uniform on ExVideo's 1000-point grid."""
    if config.loss == "edm":
        return (config.p_mean + config.p_std * torch.randn(count, generator=generator)).exp()
    return karras_sigmas(EXVIDEO_GRID)[torch.randint(EXVIDEO_GRID, (count,), generator=generator)]


@torch.no_grad()
def _assemble(
    config: PosttuneConfig,
    data: Clips,
    components: Components,
    index: Tensor,
    noise: Tensor,
    sigma: Tensor,
    strength: Tensor,
    image_noise: Tensor,
    keep: Tensor,
) -> Batch:
    device = components.device
    factor = components.vae.factor if config.latent_factor is None else config.latent_factor
    rows = data.take(index)
    first = to_pixels(rows.first) + strength[:, None, None, None] * image_noise
    kept = keep.float().to(device)
    return Batch(
        clean=rows.latents.to(device).float() * factor,
        noise=noise.to(device),
        sigma=sigma.to(device),
        image=components.vae.encode(first) * kept[:, None, None, None],
        embedding=rows.embedding.to(device)[:, None] * kept[:, None, None],
        ids=torch.stack([rows.fps - 1.0, rows.bucket.float(), strength], dim=1).to(device),
    )


def loss_per_clip(config: PosttuneConfig, components: Components, batch: Batch, loss: Loss) -> Tensor:
    """The loss of each clip [B], float32.

    ``edm``: mean squared error of v, which is EDM's weight on the clean estimate. ``exvideo``: see `exvideo_loss`.
    """
    sigma = batch.sigma[:, None, None, None, None]
    state = batch.clean + sigma * batch.noise
    image = batch.image[:, None].expand(-1, state.shape[1], -1, -1, -1)
    stacked = torch.cat([network_input(state, sigma), image], dim=2)
    with autocast(components.device, config.precision):
        output = components.unet(stacked, timestep_of(batch.sigma), batch.embedding, batch.ids, return_dict=False)[0]
    prediction: Tensor = output.float()
    if loss == "edm":
        error = (prediction - velocity(batch.clean, batch.noise, sigma)).square()
        return error.mean(dim=(1, 2, 3, 4))
    return exvideo_loss(clean_estimate(prediction, state, sigma), batch.clean, sigma).mean(dim=(1, 2, 3, 4))


def exvideo_loss(estimate: Tensor, clean: Tensor, sigma: Tensor) -> Tensor:
    """ExVideo's weighted squared error of the clean estimate against 1.01 times the clean latents, elementwise."""
    return exvideo_weight(sigma) * (estimate - EXVIDEO_CONTRAST * clean).square()


def learning_rate(config: PosttuneConfig, step: int) -> float:
    """The rate of a step (from 1): linear warm-up, then constant or half a cosine down to zero after the last step."""
    warm = min(1.0, step / config.warmup) if config.warmup else 1.0
    if config.schedule == "constant":
        return config.lr * warm
    return config.lr * warm * 0.5 * (1 + math.cos(math.pi * (step - 1) / config.steps))
