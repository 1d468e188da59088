"""Render clips of the world and encode them once, for the base's training.

    python recipes/mini/cache.py --vae work/vae --out work/train-8f.safetensors --clips 10000 --frames 8

Clips begin at their scene's first frame, as those of the suite do: after a bounce a picture does not tell the heading.
With ``--free`` scenes move freely and clips start anywhere in the first 40 frames.

Writes ``latents`` fp16 [N, T, 16, 8, 8] (unscaled), ``first`` uint8 [N, 64, 64, 3] and ``bucket`` int64 [N].
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderTiny
from numpy.typing import NDArray
from safetensors.torch import save_file

from harness.motion import motion_bucket
from harness.suites.mini import world
from harness.suites.mini.seeds import TRAIN_SEEDS, VALIDATION_SEEDS

FREE_LENGTH = 40  # frames from which clips of free scenes are taken


def make_clip(seed: int, frames: int, start: int | None) -> NDArray[np.uint8]:
    """The first frames of a scene, or those from ``start`` on of a free one."""
    scene = world.sample_scene(seed) if start is None else world.sample_free_scene(seed)
    clip: NDArray[np.uint8] = world.render(scene, frames, start or 0)
    return clip


@torch.no_grad()
def build(
    vae: AutoencoderTiny, seeds: range, clips: int, frames: int, free: bool, chunk: int = 4
) -> dict[str, torch.Tensor]:
    drawn = np.random.default_rng(7).integers(0, FREE_LENGTH - frames + 1, clips)
    starts = [int(start) if free else None for start in drawn]
    latents = torch.empty(clips, frames, 16, 8, 8, dtype=torch.float16)
    first = torch.empty(clips, world.SIZE, world.SIZE, 3, dtype=torch.uint8)
    buckets = torch.empty(clips, dtype=torch.int64)
    for low in range(0, clips, chunk):
        high = min(low + chunk, clips)
        videos = [make_clip(seeds[i], frames, starts[i]) for i in range(low, high)]
        pixels = torch.from_numpy(np.concatenate(videos)).permute(0, 3, 1, 2).float().div_(127.5).sub_(1)
        encoded = vae.encode(pixels.to(memory_format=torch.channels_last)).latents
        latents[low:high] = encoded.reshape(high - low, frames, 16, 8, 8).half()
        first[low:high] = torch.from_numpy(np.stack([v[0] for v in videos]))
        buckets[low:high] = torch.tensor([motion_bucket(v) for v in videos])
        if low % 160 == 0:
            print(f"{high}/{clips}", file=sys.stderr, flush=True)
    return {"latents": latents, "first": first, "bucket": buckets}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vae", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--clips", type=int, default=10000)
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--free", action="store_true", help="freely moving scenes, from any frame on")
    parser.add_argument("--validation", action="store_true", help="use the validation seeds")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    vae = AutoencoderTiny.from_pretrained(args.vae).to(memory_format=torch.channels_last)
    seeds = VALIDATION_SEEDS if args.validation else TRAIN_SEEDS
    save_file(build(vae, seeds, args.clips, args.frames, args.free), args.out)


if __name__ == "__main__":
    main()
