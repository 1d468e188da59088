"""Train the decoder of the mini autoencoder further. The encoder stays as it is, and with it the latents that the base
was trained on, so that nothing else has to be trained again.

    python recipes/mini/decoder.py --vae variants/weights/mini/base/vae --out work/vae-decoder

Real clips that went through the autoencoder were three fifths of the way from real clips to the samples of the untuned
base (`fd_world` 323; 132 real, 392 untuned), so that there was little room for a variant to be better in. ``BLOCKS``
adds residual blocks where edges are drawn; each begins as the identity.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path

import torch
from autoencoder import LATENT_NOISE, evaluate, frame_pool, log_row, loss_fn, to_float  # type: ignore[import-not-found]
from diffusers import AutoencoderTiny
from torch import Tensor, nn

from harness.exvideo.muon import Muon
from harness.suites.mini import world
from harness.suites.mini.seeds import TRAIN_SEEDS, VALIDATION_SEEDS

BLOCKS = (3, 4, 2, 0)  # per level, from 8x8 to 64x64


def deepened(vae: AutoencoderTiny, blocks: tuple[int, ...]) -> AutoencoderTiny:
    """The same function with more residual blocks in the decoder: new ones stand last in their level and add nothing.

    A level without any blocks stays so: a block ends in a ReLU, which is no identity of what an upsampling gives.
    """
    before = vae.config.num_decoder_blocks
    deep = AutoencoderTiny.from_config({**vae.config, "num_decoder_blocks": list(blocks)})
    deep.encoder.load_state_dict(vae.encoder.state_dict())
    old, new = list(vae.decoder.layers), list(deep.decoder.layers)
    source, target = 2, 2  # the first convolution and its activation are the same in both
    for copy in range(2):
        new[copy].load_state_dict(old[copy].state_dict())
    for held, wanted in zip(before, blocks, strict=True):
        for number in range(wanted):
            if number < held:
                new[target + number].load_state_dict(old[source + number].state_dict())
            else:
                nn.init.zeros_(new[target + number].conv[-1].weight)
                nn.init.zeros_(new[target + number].conv[-1].bias)
        source, target = source + held, target + wanted
        while source < len(old) and not hasattr(old[source], "skip"):  # upsampling and convolution
            new[target].load_state_dict(old[source].state_dict())
            source, target = source + 1, target + 1
    return deep


@torch.no_grad()
def encode(vae: AutoencoderTiny, frames: Tensor, chunk: int = 64) -> Tensor:
    """Latents of uint8 frames, in half precision."""
    return torch.cat([vae.encode(to_float(piece)).latents.half() for piece in torch.split(frames, chunk)])


def train(args: argparse.Namespace) -> None:
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    vae = deepened(AutoencoderTiny.from_pretrained(args.vae), BLOCKS).to(memory_format=torch.channels_last)
    vae.encoder.requires_grad_(False)
    kinds = (world.sample_scene, world.sample_free_scene)
    pool = torch.cat([frame_pool(TRAIN_SEEDS, args.clips // 2, draw=draw) for draw in kinds])
    held_out = frame_pool(VALIDATION_SEEDS, 64, draw=world.sample_scene)
    latents = encode(vae, pool)
    optimiser = Muon(vae.decoder.named_parameters(), lr=args.muon_lr, vector_lr=args.lr)
    full = [group["lr"] for group in optimiser.param_groups]
    start, running = time.time(), 0.0
    args.out.mkdir(parents=True, exist_ok=True)
    log = (args.out / "log.jsonl").open("a")
    print(json.dumps({"step": 0, "seconds": 0} | evaluate(vae, held_out)), file=log, flush=True)
    for step in range(1, args.steps + 1):
        share = min(1.0, step / args.warmup) * 0.5 * (1 + math.cos(math.pi * (step - 1) / args.steps))
        for group, rate in zip(optimiser.param_groups, full, strict=True):
            group["lr"] = rate * share
        index = torch.randint(len(pool), (args.batch,))
        target = to_float(pool[index]).contiguous(memory_format=torch.channels_last)
        clean = latents[index].float()
        loss = loss_fn(vae.decode(clean + LATENT_NOISE * torch.randn_like(clean)).sample, target)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(vae.decoder.parameters(), 1.0)
        optimiser.step()
        running = loss.item() if step == 1 else 0.98 * running + 0.02 * loss.item()
        if step % 200 == 0 or step == args.steps:
            print(json.dumps(log_row(vae, held_out, step, running, start)), file=log, flush=True)
            vae.save_pretrained(args.out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vae", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--batch", type=int, default=6)
    parser.add_argument("--clips", type=int, default=4000)
    parser.add_argument("--warmup", type=int, default=50)
    parser.add_argument("--muon-lr", type=float, default=1e-3)
    parser.add_argument("--lr", type=float, default=4e-4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
