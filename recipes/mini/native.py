"""How far clips of the base at its own 8 frames are from real ones, beside real clips that no training saw.

    python recipes/mini/native.py recipes/mini/logs/base-native.json

All sets have the same number of clips and are held against the same reference of real ones. The feature network was
trained on windows of 16 frames; its layers are convolutions with a mean and a maximum over all places at the end, so
it takes 8, but nobody taught it to. ``autoencoder``: the held-out clips, encoded and decoded, which is the best that a
base which works in these latents can do.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from harness.exvideo.base import Components, load_base
from harness.exvideo.image import to_frames, to_pixels
from harness.exvideo.pipeline import SamplingSettings, generate
from harness.frechet import frechet_distance, kernel_distance
from harness.metrics.world_features import load_world
from harness.motion import motion_bucket
from harness.suites.mini import world
from harness.suites.mini.seeds import REFERENCE_SEEDS, VALIDATION_SEEDS
from harness.variants.mini import NATIVE_FRAMES, MiniVariant

Clips = NDArray[np.uint8]
REFERENCE = 1024  # clips
BATCH = 16
# Name -> (steps, lowest and highest noise, guidance, guided above): as the rows sample, and with four times the work.
ROW = MiniVariant()
SAMPLINGS = {
    "as the rows do": (ROW.steps, (ROW.sigma_min, ROW.sigma_max), ROW.guidance, ROW.guidance_above),
    "15 steps, guidance 2": (15, (0.02, 80.0), 2.0, 0.0),
    "15 steps, no guidance": (15, (0.02, 80.0), 1.0, 0.0),
}


def real(seeds: Sequence[int]) -> Clips:
    """uint8 [N, 8, 64, 64, 3]: what the world shows."""
    return np.stack([world.render(world.sample_scene(seed), NATIVE_FRAMES) for seed in seeds])


def decoded(components: Components, clips: Clips) -> Clips:
    """The clips through the autoencoder."""
    vae = components.vae
    with torch.inference_mode():
        return np.stack([to_frames(vae.decode(vae.encode(to_pixels(clip)), NATIVE_FRAMES)) for clip in clips])


def sampled(components: Components, clips: Clips, name: str) -> Clips:
    """Clips that begin with the first frames of ``clips`` and are told their motion."""
    steps, sigmas, guidance, above = SAMPLINGS[name]
    made = []
    for number, clip in enumerate(clips):
        settings = SamplingSettings(
            NATIVE_FRAMES,
            steps=steps,
            sigma_range=sigmas,
            fps=world.FPS,
            motion_bucket=motion_bucket(clip),
            min_guidance=guidance,
            max_guidance=guidance,
            guidance_above=above,
        )
        rng = np.random.default_rng(number)
        noise = rng.standard_normal(components.latent_shape(NATIVE_FRAMES, 64, 64), dtype=np.float32)
        image_noise = rng.standard_normal((3, 64, 64), dtype=np.float32)
        made.append(generate(components, clip[0], settings, noise, image_noise))
    return np.stack(made)


def features(clips: Clips) -> NDArray[np.float64]:
    """Rows [N, 96]."""
    net = load_world("cpu").net
    with torch.inference_mode():
        rows = [net(torch.from_numpy(clips[first : first + BATCH])) for first in range(0, len(clips), BATCH)]
    return torch.cat(rows).double().numpy()


def main() -> None:
    """Print a table and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--base", type=Path, default=Path("variants/weights/mini/base"))
    parser.add_argument("--clips", type=int, default=256)
    args = parser.parse_args()
    torch.set_num_threads(1)
    components = load_base(args.base)
    held_out = real(VALIDATION_SEEDS[: args.clips])
    reference = features(real(REFERENCE_SEEDS[:REFERENCE]))
    sets = {"held-out real clips": held_out, "autoencoder": decoded(components, held_out)}
    sets |= {f"base, {name}": sampled(components, held_out, name) for name in SAMPLINGS}
    found = {}
    for name, clips in sets.items():
        rows = features(clips)
        found[name] = {"fd_world": frechet_distance(rows, reference), "kvd_world": kernel_distance(rows, reference)}
        print(name, {key: round(value, 3) for key, value in found[name].items()}, flush=True)
    record = {"clips": args.clips, "reference": REFERENCE, "frames": NATIVE_FRAMES, "distances": found}
    args.out.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
