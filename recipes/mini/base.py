"""Train the mini base: an 8-frame Stable Video Diffusion of five million parameters.

    python recipes/mini/base.py --vae work/vae --train work/train-8f.safetensors \
        --validation work/valid-8f.safetensors --out work/base --steps 7500

The classes and the objective are SVD's: EDM preconditioning with v-prediction on latents of unit variance, log-normal
sigma, first-frame latents concatenated at every frame, a CLIP vision tower whose embedding is the only context token,
and (fps - 1, motion bucket, noise augmentation) as added ids. The CLIP tower is trained with the UNet.

The learning rate is constant after a warm-up and falls linearly over the last ``--decay`` steps. ``trainer.pt`` is
written every few minutes and once more before the decay starts (``stable.pt``), so a training can be extended: start
again from the latter with a larger ``--steps``, or hand it, or a base folder, to another training as ``--init``.
"""

from __future__ import annotations

import argparse
import functools
import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderTiny, EulerDiscreteScheduler, UNetSpatioTemporalConditionModel
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModelWithProjection

from harness.exvideo.image import clip_pixels, to_pixels
from harness.exvideo.muon import Muon
from harness.exvideo.scheduler import network_input, velocity
from harness.suites.mini.world import FPS

UNET = {
    "sample_size": 8,
    "in_channels": 32,
    "out_channels": 16,
    "down_block_types": ("CrossAttnDownBlockSpatioTemporal",) * 2,
    "up_block_types": ("CrossAttnUpBlockSpatioTemporal",) * 2,
    "block_out_channels": (64, 96),
    "addition_time_embed_dim": 32,
    "projection_class_embeddings_input_dim": 96,
    "layers_per_block": 1,
    "cross_attention_dim": 64,
    "transformer_layers_per_block": 1,
    "num_attention_heads": (2, 3),
    "num_frames": 8,
}
CLIP = {
    "hidden_size": 64,
    "intermediate_size": 256,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 224,
    "patch_size": 32,
    "projection_dim": 64,
}
SCHEDULER = {
    "prediction_type": "v_prediction",
    "timestep_type": "continuous",
    "timestep_spacing": "leading",
    "use_karras_sigmas": True,
    "sigma_min": 0.02,
    "sigma_max": 80.0,
    "steps_offset": 1,
}
P_MEAN, P_STD = 0.2, 1.6  # log-normal sigma
AUGMENTATION = (-3.5, 0.6)  # log-normal strength of the noise on the conditioning image
DROPOUT = 0.1  # share of clips trained without their image, so that guidance has an unconditional branch
VALIDATION_CLIPS = 48
VALIDATION_SIGMAS = (0.1, 0.3, 1.0, 3.0, 10.0, 40.0)


def convolve_time(module: nn.Conv3d, x: Tensor) -> Tensor:
    """A convolution over time alone, as a two-dimensional one over (time, space): the same sums. With one thread torch
    sends kernels of [k, 1, 1] to its plain implementation, which takes twice as long."""
    count, channels, frames, height, width = x.shape
    kernel = module.weight.flatten(3)
    flat = x.reshape(count, channels, frames, height * width)
    padding = (int(module.padding[0]), 0)
    return nn.functional.conv2d(flat, kernel, module.bias, padding=padding).reshape(count, -1, frames, height, width)


class Base(nn.Module):
    """UNet and image tower as one trainable thing."""

    def __init__(self) -> None:
        super().__init__()
        self.unet = UNetSpatioTemporalConditionModel(**UNET)
        self.tower = CLIPVisionModelWithProjection(CLIPVisionConfig(**CLIP))
        nn.init.zeros_(self.unet.conv_out.weight)  # start from the prediction "no change"
        nn.init.zeros_(self.unet.conv_out.bias)
        for module in self.unet.modules():
            if isinstance(module, nn.Conv3d) and module.kernel_size[1:] == (1, 1):
                module.forward = functools.partial(convolve_time, module)  # type: ignore[method-assign]

    def forward(self, state: Tensor, sigma: Tensor, condition: dict[str, Tensor]) -> Tensor:
        """v-prediction [B, T, C, H, W] for the noisy latents ``state`` (not yet scaled) at ``sigma`` [B]."""
        scaled = network_input(state, sigma[:, None, None, None, None])
        context = self.tower(condition["pixels"]).image_embeds * condition["keep"][:, None]
        latents = condition["latents"] * condition["keep"][:, None, None, None]
        stacked = torch.cat([scaled, latents[:, None].expand(-1, state.shape[1], -1, -1, -1)], dim=2)
        result: Tensor = self.unet(stacked, 0.25 * sigma.log(), context[:, None], condition["ids"]).sample
        return result


class Data:
    """Cached clips, and the conditions that belong to them."""

    def __init__(self, path: Path, vae: AutoencoderTiny) -> None:
        tensors = load_file(path)
        self.vae, self.scale = vae, vae.config.scaling_factor
        self.latents, self.first, self.bucket = tensors["latents"], tensors["first"], tensors["bucket"]

    def batch(self, index: Tensor, rng: torch.Generator, augment: bool) -> tuple[Tensor, dict[str, Tensor]]:
        image = to_pixels(self.first[index])
        count = len(index)
        strength = torch.zeros(count)
        if augment:
            strength = (AUGMENTATION[0] + AUGMENTATION[1] * torch.randn(count, generator=rng)).exp()
        keep = (torch.rand(count, generator=rng) >= DROPOUT).float() if augment else torch.ones(count)
        noisy = image + strength[:, None, None, None] * torch.randn(image.shape, generator=rng)
        with torch.no_grad():
            latents = self.vae.encode(noisy).latents
        ids = torch.stack([torch.full((count,), FPS - 1.0), self.bucket[index].float(), strength], dim=1)
        condition = {"pixels": clip_pixels(image), "latents": latents, "ids": ids, "keep": keep}
        return self.latents[index].float() * self.scale, condition


def v_loss(model: Base, clean: Tensor, noise: Tensor, sigma: Tensor, condition: dict[str, Tensor]) -> Tensor:
    """Per-clip mean squared error of the v-prediction, which is EDM's loss weight (sigma^2 + 1) / sigma^2 on x0."""
    wide = sigma[:, None, None, None, None]
    error: Tensor = model(clean + wide * noise, sigma, condition) - velocity(clean, noise, wide)
    return error.square().mean(dim=(1, 2, 3, 4))


def draw_sigma(count: int, rng: torch.Generator) -> Tensor:
    """``count`` log-normal sigmas, one from each of as many equally likely intervals: each is distributed as an
    independent draw, and the batch's gradient varies less (the low-discrepancy sampler of VDM, arXiv 2107.00630)."""
    quantile = (torch.arange(count) + torch.rand(count, generator=rng).clamp(1e-6, 1 - 1e-6)) / count
    result: Tensor = (P_MEAN + P_STD * torch.special.ndtri(quantile)).exp()
    return result


@torch.no_grad()
def held_out(model: Base, data: Data, clips: int = VALIDATION_CLIPS) -> list[list[float]]:
    """The loss of every 16 held-out clips, for each of the fixed sigmas, with fixed noise."""
    losses: list[list[float]] = []
    for number, sigma in enumerate(VALIDATION_SIGMAS):
        rng = torch.Generator().manual_seed(number)
        losses.append([])
        for low in range(0, clips, 16):
            clean, condition = data.batch(torch.arange(low, low + 16), rng, augment=False)
            noise = torch.randn(clean.shape, generator=rng)
            losses[-1].append(v_loss(model, clean, noise, torch.full((16,), sigma), condition).mean().item())
    return losses


def validate(model: Base, data: Data) -> float:
    """Mean held-out loss over fixed sigmas and noise."""
    losses = [loss for row in held_out(model, data) for loss in row]
    return sum(losses) / len(losses)


def schedule(args: argparse.Namespace, step: int) -> float:
    """Share of the learning rate in ``step``."""
    return float(min(1.0, step / args.warmup) * min(1.0, (args.steps - step + 1) / args.decay))


def make_optimiser(model: Base, args: argparse.Namespace) -> torch.optim.Optimizer:
    if args.muon_lr:
        return Muon(model.named_parameters(), lr=args.muon_lr, vector_lr=args.lr)
    return torch.optim.AdamW(model.parameters(), lr=args.lr, betas=(0.9, 0.99), weight_decay=0.01)


def save_pretrained(ema: Base, vae: AutoencoderTiny, out: Path) -> None:
    """The diffusers folder: unet, vae, image_encoder, feature_extractor, scheduler and model_index.json."""
    ema.unet.save_pretrained(out / "unet")
    ema.tower.save_pretrained(out / "image_encoder")
    vae.save_pretrained(out / "vae")
    EulerDiscreteScheduler(**SCHEDULER).save_pretrained(out / "scheduler")
    CLIPImageProcessor().save_pretrained(out / "feature_extractor")
    index = {
        "_class_name": "StableVideoDiffusionPipeline",
        "feature_extractor": ["transformers", "CLIPImageProcessor"],
        "image_encoder": ["transformers", "CLIPVisionModelWithProjection"],
        "scheduler": ["diffusers", "EulerDiscreteScheduler"],
        "unet": ["diffusers", "UNetSpatioTemporalConditionModel"],
        "vae": ["diffusers", "AutoencoderTiny"],
    }
    (out / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")


def start_from(model: Base, source: Path) -> None:
    """Take the weights of a trainer's state or, given a folder, of a base in diffusers' format."""
    if source.is_dir():
        model.unet.load_state_dict(load_file(source / "unet" / "diffusion_pytorch_model.safetensors"))
        model.tower.load_state_dict(load_file(source / "image_encoder" / "model.safetensors"))
    else:
        model.load_state_dict(torch.load(source, weights_only=True)["model"])


def save_state(path: Path, state: dict[str, Any]) -> None:
    torch.save(state, path.with_suffix(".tmp"))
    path.with_suffix(".tmp").replace(path)


def train(args: argparse.Namespace) -> None:
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    vae = AutoencoderTiny.from_pretrained(args.vae).requires_grad_(False)
    data, held_out = Data(args.train, vae), Data(args.validation, vae)
    model, ema = Base(), Base().requires_grad_(False)
    if args.init:
        start_from(model, args.init)
    ema.load_state_dict(model.state_dict())
    optimiser = make_optimiser(model, args)
    full = [group["lr"] for group in optimiser.param_groups]
    rng = torch.Generator().manual_seed(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    trainer, first, spent, running = args.out / "trainer.pt", 1, 0.0, None
    if trainer.exists():
        held = torch.load(trainer, weights_only=True)
        model.load_state_dict(held["model"])
        ema.load_state_dict(held["ema"])
        optimiser.load_state_dict(held["optimiser"])
        rng.set_state(held["rng"])
        first, spent, running = held["step"] + 1, held["seconds"], held["running"]
    log, start, saved = (args.out / "log.jsonl").open("a"), time.time(), time.time()
    for step in range(first, args.steps + 1):
        for group, rate in zip(optimiser.param_groups, full, strict=True):
            group["lr"] = rate * schedule(args, step)
        index = torch.randint(len(data.latents), (args.batch,), generator=rng)
        clean, condition = data.batch(index, rng, augment=True)
        sigma = draw_sigma(args.batch, rng)
        noise = torch.randn(clean.shape, generator=rng)
        loss = v_loss(model, clean, noise, sigma, condition).mean()
        model.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        decay = min(args.ema, (1 + step) / (10 + step))
        with torch.no_grad():
            torch._foreach_lerp_(list(ema.parameters()), list(model.parameters()), 1 - decay)
        running = loss.item() if running is None else 0.98 * running + 0.02 * loss.item()
        before_decay = step == args.steps - args.decay
        if step % 50 == 0 or step == args.steps:
            row = {"step": step, "loss": round(running, 4), "seconds": round(spent + time.time() - start)}
            if step % args.validate == 0 or step == args.steps:
                row["validation"] = round(validate(ema, held_out), 4)
            print(json.dumps(row), file=log, flush=True)
            print(row, file=sys.stderr, flush=True)
        if time.time() - saved > 240 or step == args.steps or before_decay:
            state = {
                "model": model.state_dict(),
                "ema": ema.state_dict(),
                "optimiser": optimiser.state_dict(),
                "rng": rng.get_state(),
                "step": step,
                "seconds": spent + time.time() - start,
                "running": running,
            }
            save_state(trainer, state)
            if before_decay:
                save_state(args.out / "stable.pt", state)
            save_pretrained(ema, vae, args.out)
            saved = time.time()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("vae", "train", "validation", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--decay", type=int, default=1500)
    parser.add_argument("--warmup", type=int, default=200)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--lr", type=float, default=7e-4)
    parser.add_argument("--muon-lr", type=float, default=0.0, help="step matrices with Muon; 0: AdamW steps everything")
    parser.add_argument(
        "--init", type=Path, help="start at step 1 from the weights of this trainer state or base folder"
    )
    parser.add_argument("--ema", type=float, default=0.999)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--validate", type=int, default=500)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
