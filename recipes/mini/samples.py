"""Look at a base or a checkpoint: a sheet with a real clip and a sample of it on alternating rows.

    python recipes/mini/samples.py --base work/base --frames 8 --out work/samples.png
    python recipes/mini/samples.py --base variants/weights/mini/base --checkpoint work/mini-exvideo.safetensors \
        --frames 40 --out work/samples.png

Conditioning images are held-out scenes. Also prints how far samples and real clips move from their first frame.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from harness.exvideo.base import backbone_digest, load_base
from harness.exvideo.checkpoint import load_checkpoint
from harness.exvideo.extension import ExtensionConfig, extend
from harness.exvideo.pipeline import SamplingSettings, generate
from harness.motion import motion_bucket
from harness.suites.mini import world
from harness.suites.mini.seeds import VALIDATION_SEEDS

COLUMNS = 8


def pick(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Eight frames at fixed fractions, side by side."""
    return np.concatenate(list(frames[np.linspace(0, len(frames) - 1, COLUMNS).round().astype(int)]), axis=1)


def drift(frames: NDArray[np.uint8]) -> float:
    """Mean absolute difference of the last frame to the first, of 255."""
    return float(np.abs(frames[-1].astype(int) - frames[0]).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--reflect", action="store_true", help="reflected ids, untuned")
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--clips", type=int, default=8)
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--guidance", type=float, default=1.0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    components = load_base(args.base)
    if args.checkpoint:
        load_checkpoint(components.unet, args.checkpoint, base=backbone_digest(args.base))
    elif args.reflect:
        native = components.native_frames
        extend(
            components.unet,
            ExtensionConfig.of_native(native, num_frames=args.frames, conv="none", positions="reflect"),
        )
    rows = []
    for number, seed in enumerate(VALIDATION_SEEDS[: args.clips]):
        real = world.render(world.sample_scene(seed), args.frames)
        settings = SamplingSettings(
            num_frames=args.frames,
            steps=args.steps,
            fps=world.FPS,
            motion_bucket=motion_bucket(real),
            max_guidance=args.guidance,
            min_guidance=args.guidance,
        )
        rng = np.random.default_rng(number)
        noise = rng.standard_normal(components.latent_shape(args.frames, 64, 64), dtype=np.float32)
        image_noise = rng.standard_normal((3, 64, 64), dtype=np.float32)
        made = generate(components, real[0], settings, noise, image_noise)
        print(f"{seed}: last frame to first, real {drift(real):.1f}, made {drift(made):.1f}", flush=True)
        rows += [pick(real), pick(made)]
    sheet = Image.fromarray(np.concatenate(rows))
    sheet.resize((sheet.width * 2, sheet.height * 2), Image.Resampling.NEAREST).save(args.out)


if __name__ == "__main__":
    main()
