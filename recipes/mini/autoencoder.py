"""Train the mini autoencoder: diffusers' `AutoencoderTiny`, factor 8, 16 latent channels, on frames of the world.

    python recipes/mini/autoencoder.py --out work/vae

Two facts that this recipe rests on. PyTorch's default initialisation leaves this norm-free network at a grey image,
so it is initialised for residual learning (`initialise`). Small crops cost a quarter of a whole frame and teach the
same filters, so only the last fifth of the training sees whole frames.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderTiny
from diffusers.models.autoencoders.vae import AutoencoderTinyBlock
from torch import Tensor, nn
from torch.nn import functional as F

from harness.suites.mini import world
from harness.suites.mini.seeds import TRAIN_SEEDS, VALIDATION_SEEDS

CONFIG = {
    "in_channels": 3,
    "out_channels": 3,
    "encoder_block_out_channels": (64, 64, 64, 64),
    "decoder_block_out_channels": (64, 64, 64, 64),
    "latent_channels": 16,
    "num_encoder_blocks": (0, 1, 2, 2),
    "num_decoder_blocks": (3, 2, 1, 0),
    "act_fn": "relu",
}
LATENT_NOISE = 0.03


@torch.no_grad()
def initialise(vae: AutoencoderTiny) -> None:
    """Kaiming convolutions, zero biases, near-identity residual blocks, a mid-grey output."""
    convolutions = [module for module in vae.modules() if isinstance(module, nn.Conv2d)]
    for convolution in convolutions:
        nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
        if convolution.bias is not None:
            convolution.bias.zero_()
    for module in vae.modules():
        if isinstance(module, AutoencoderTinyBlock):
            module.conv[-1].weight.mul_(0.1)
    last = convolutions[-1]
    last.weight.mul_(0.1)
    if last.bias is not None:
        last.bias.fill_(0.5)  # the decoder maps [0, 1] to [-1, 1]


def frame_pool(
    seeds: range, count: int, per_clip: int = 4, draw: Callable[[int], world.Scene] = world.sample_free_scene
) -> Tensor:
    """Random frames of ``count`` clips as uint8 [N, 3, 64, 64]; ``draw`` makes a scene of a seed."""
    rng = np.random.default_rng(0)
    frames = []
    for seed in seeds[:count]:
        scene = draw(seed)
        frames += [world.render(scene, 1, int(t))[0] for t in rng.integers(0, 40, per_clip)]
    return torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2).contiguous()


def to_float(frames: Tensor) -> Tensor:
    """uint8 to [-1, 1]."""
    return frames.float().div_(127.5).sub_(1)


def loss_fn(output: Tensor, target: Tensor) -> Tensor:
    """L1 + 0.5 MSE + 0.2 L1 of the spatial gradients; the last keeps edges sharp."""
    dx = F.l1_loss(output.diff(dim=-1), target.diff(dim=-1))
    dy = F.l1_loss(output.diff(dim=-2), target.diff(dim=-2))
    return F.l1_loss(output, target) + 0.5 * F.mse_loss(output, target) + 0.2 * (dx + dy)


@torch.no_grad()
def evaluate(vae: AutoencoderTiny, frames: Tensor) -> dict[str, float]:
    latents = vae.encode(to_float(frames)).latents
    output = vae.decode(latents).sample.clamp(-1, 1)
    mse = F.mse_loss(output, to_float(frames)).item() / 4  # of [0, 1] images
    return {"psnr_db": -10 * math.log10(mse), "latent_std": latents.std().item(), "latent_mean": latents.mean().item()}


def log_row(vae: AutoencoderTiny, held_out: Tensor, step: int, loss: float, start: float) -> dict[str, float]:
    """What the log says of a step."""
    row = {"step": step, "loss": round(loss, 5), "seconds": round(time.time() - start)}
    return row | {name: round(value, 4) for name, value in evaluate(vae, held_out).items()}


def train(args: argparse.Namespace) -> None:
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    vae = AutoencoderTiny(**CONFIG)
    initialise(vae)
    vae = vae.to(memory_format=torch.channels_last)
    pool, held_out = frame_pool(TRAIN_SEEDS, args.clips), frame_pool(VALIDATION_SEEDS, 64)
    optimiser = torch.optim.Adam(vae.parameters(), lr=args.lr, betas=(0.9, 0.99))
    start, running = time.time(), 0.0
    args.out.mkdir(parents=True, exist_ok=True)
    log = (args.out / "log.jsonl").open("a")
    for step in range(1, args.steps + 1):
        warm, done = min(1.0, step / 200), step / args.steps
        for group in optimiser.param_groups:
            group["lr"] = args.lr * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))
        batch = pool[torch.randint(len(pool), (args.batch,))]
        if done <= 0.8:
            top, left = (8 * int(i) for i in torch.randint(5, (2,)))
            batch = batch[..., top : top + 32, left : left + 32]
        else:
            batch = batch[: args.batch // 3]
        target = to_float(batch).contiguous(memory_format=torch.channels_last)
        latents = vae.encode(target).latents
        loss = loss_fn(vae.decode(latents + LATENT_NOISE * torch.randn_like(latents)).sample, target)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimiser.step()
        running = loss.item() if step == 1 else 0.98 * running + 0.02 * loss.item()
        if step % 200 == 0 or step == args.steps:
            row = log_row(vae, held_out, step, running, start)
            print(json.dumps(row), file=log, flush=True)
            vae.register_to_config(scaling_factor=1 / row["latent_std"])
            vae.save_pretrained(args.out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--clips", type=int, default=4000)
    parser.add_argument("--lr", type=float, default=8e-4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
