"""Train the mini family's feature network: it reads what 16 frames of the world show, and what is wrong with them.

    python recipes/mini/extractor.py --out work/extractor

A Frechet distance sees only what its features tell apart. So the network learns to read the scene (shapes, colours,
speeds) and to name damage (`DAMAGES`), both linearly from the features. A window played backwards is a
legal window of this world, so reversal is not among the damages.

Writes ``world.safetensors`` (the network, fp16), ``log.jsonl`` and ``report.json``: accuracies on held-out scenes and
the Frechet distance from held-out real windows to windows with each damage.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from harness.frechet import frechet_distance
from harness.metrics._world_net import DIM, WINDOW, WorldNet
from harness.suites.mini import world
from harness.suites.mini.damage import DAMAGES, damage
from harness.suites.mini.seeds import TRAIN_SEEDS, VALIDATION_SEEDS

Clips = NDArray[np.uint8]
FRAMES = 40
COLOURS = tuple(world.PALETTE)
# Multi-hot facts: two shapes, panning, which kinds, which colours of shapes and of stripes.
FACTS = 2 + len(world.KINDS) + 2 * len(COLOURS)
MOTIONS = 6  # pan x, pan y, mean shape velocity x, y, mean shape speed, mean spin
CONTENT_KEPT = ("real", "frozen", "shuffled", "flickering", "noisy", "blurred", "jittered")
MOTION_KEPT = ("real", "frozen", "flickering", "noisy", "blurred")


class Heads(nn.Module):
    """Linear readers of the features, used in training only."""

    def __init__(self) -> None:
        super().__init__()
        self.damage = nn.Linear(DIM, len(DAMAGES))
        self.background = nn.Linear(DIM, len(COLOURS))
        self.facts = nn.Linear(DIM, FACTS)
        self.motion = nn.Linear(DIM, MOTIONS)


@dataclass(frozen=True)
class Labels:
    """What a window shows. ``motion`` is in pixels (radians for spin) a frame."""

    background: int
    facts: NDArray[np.float32]
    motion: NDArray[np.float32]


def read_scene(scene: world.Scene, first: int) -> Labels:
    """The labels of the window that starts at frame ``first``."""
    facts = np.zeros(FACTS, np.float32)
    facts[0], facts[1] = len(scene.shapes) == 2, scene.pan != (0.0, 0.0)
    base = 2 + len(world.KINDS)
    for shape in scene.shapes:
        facts[2 + world.KINDS.index(shape.kind)] = 1
        facts[base + COLOURS.index(shape.colour)] = 1
        if shape.stripe:
            facts[base + len(COLOURS) + COLOURS.index(shape.stripe)] = 1
    frame = np.arange(first, first + WINDOW, dtype=np.float64)
    steps = np.stack([np.diff(shape.centre(frame), axis=0) for shape in scene.shapes])
    spin = np.mean([abs(shape.spin) for shape in scene.shapes])
    speed = np.hypot(steps[..., 0], steps[..., 1]).mean()
    motion = np.array([*scene.pan, *steps.mean((0, 1)), speed, 10 * spin], np.float32)
    return Labels(COLOURS.index(scene.base_name), facts, motion)


class Pool:
    """Rendered clips of a seed range, and random labelled windows of them."""

    def __init__(self, seeds: range, count: int, seed: int) -> None:
        self.scenes = [world.sample_free_scene(s) for s in seeds[:count]]
        self.clips = np.stack([world.render(scene, FRAMES) for scene in self.scenes])
        self.rng = np.random.default_rng(seed)

    def batch(self, size: int, kinds: tuple[str, ...] = DAMAGES) -> tuple[Tensor, dict[str, Tensor]]:
        """Windows uint8 [size, 16, 64, 64, 3] and their targets; every other window is real."""
        windows, labels, which = [], [], []
        for number in range(size):
            clip, first = int(self.rng.integers(len(self.clips))), int(self.rng.integers(FRAMES - WINDOW + 1))
            kind = kinds[int(self.rng.integers(len(kinds)))] if number % 2 or len(kinds) == 1 else "real"
            other = self.clips[int(self.rng.integers(len(self.clips))), first : first + WINDOW]
            windows.append(damage(kind, self.clips[clip, first : first + WINDOW], other, self.rng))
            labels.append(read_scene(self.scenes[clip], first))
            which.append(kind)
        return torch.from_numpy(np.stack(windows)), targets(labels, which)


def targets(labels: list[Labels], kinds: list[str]) -> dict[str, Tensor]:
    frozen = torch.tensor([kind == "frozen" for kind in kinds])
    motion = torch.from_numpy(np.stack([label.motion for label in labels]))
    facts = torch.from_numpy(np.stack([label.facts for label in labels]))
    facts[frozen, 1] = 0  # a frozen window pans nowhere
    return {
        "damage": torch.tensor([DAMAGES.index(kind) for kind in kinds]),
        "background": torch.tensor([label.background for label in labels]),
        "facts": facts,
        "motion": motion.masked_fill(frozen[:, None], 0),
        "content_kept": torch.tensor([kind in CONTENT_KEPT for kind in kinds]),
        "motion_kept": torch.tensor([kind in MOTION_KEPT for kind in kinds]),
    }


def loss_fn(features: Tensor, heads: Heads, target: dict[str, Tensor]) -> Tensor:
    """Damage over all windows; scene and motion where the damage leaves them readable."""
    content, moving = target["content_kept"], target["motion_kept"]
    loss = functional.cross_entropy(heads.damage(features), target["damage"])
    loss = loss + 0.5 * functional.cross_entropy(heads.background(features[content]), target["background"][content])
    facts = functional.binary_cross_entropy_with_logits(heads.facts(features[content]), target["facts"][content])
    motion = functional.smooth_l1_loss(heads.motion(features[moving]), target["motion"][moving])
    return loss + 2 * facts + 2 * motion + 1e-3 * features.square().mean()


@torch.no_grad()
def features_of(net: WorldNet, clips: Tensor) -> Tensor:
    return torch.cat([net(clips[first : first + 32]) for first in range(0, len(clips), 32)])


@torch.no_grad()
def evaluate(net: WorldNet, heads: Heads, pool: Pool, size: int) -> dict[str, float]:
    """Accuracies and errors on held-out windows of all kinds."""
    pool.rng = np.random.default_rng(7)  # the same windows every time
    clips, target = pool.batch(size)
    features = features_of(net, clips)
    content, moving = target["content_kept"], target["motion_kept"]
    error = heads.motion(features[moving]) - target["motion"][moving]
    return {
        "damage_accuracy": (heads.damage(features).argmax(1) == target["damage"]).float().mean().item(),
        "background_accuracy": _share(heads.background(features[content]).argmax(1), target["background"][content]),
        "facts_accuracy": _share(heads.facts(features[content]) > 0, target["facts"][content] > 0.5),
        "motion_r2": 1 - (error.square().mean() / target["motion"][moving].var(0).mean()).item(),
    }


@torch.no_grad()
def distances(net: WorldNet, heads: Heads, pool: Pool, size: int) -> dict[str, dict[str, float]]:
    """Per damage: how often it is recognised, and its Frechet distance to other real windows."""
    pool.rng = np.random.default_rng(8)
    reference = features_of(net, pool.batch(4 * size, ("real",))[0]).double().numpy()
    table = {}
    for kind in DAMAGES:
        clips, target = pool.batch(size, (kind,))
        features = features_of(net, clips)
        recall = _share(heads.damage(features).argmax(1), target["damage"])
        table[kind] = {"recall": recall, "frechet": frechet_distance(features.double().numpy(), reference)}
    return table


def _share(found: Tensor, expected: Tensor) -> float:
    return (found == expected).float().mean().item()


def train(args: argparse.Namespace) -> None:
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    net, heads = WorldNet(), Heads()
    pool, held_out = Pool(TRAIN_SEEDS, args.clips, args.seed), Pool(VALIDATION_SEEDS, args.held_out, 1)
    parameters = [*net.parameters(), *heads.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=args.lr, weight_decay=1e-2)
    start, running = time.time(), 0.0
    log = (args.out / "log.jsonl").open("a")
    for step in range(1, args.steps + 1):
        warm, done = min(1.0, step / 100), step / args.steps
        for group in optimiser.param_groups:
            group["lr"] = args.lr * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))
        clips, target = pool.batch(args.batch)
        loss = loss_fn(net(clips), heads, target)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        running = loss.item() if step == 1 else 0.98 * running + 0.02 * loss.item()
        if step % args.log_every == 0 or step == args.steps:
            row = {"step": step, "loss": running, "seconds": time.time() - start}
            row |= evaluate(net, heads, held_out, 256)
            print(json.dumps({k: round(v, 4) for k, v in row.items()}), file=log, flush=True)
            save(net, args.out / "world.safetensors")
    report = {"held_out": row, "damage": distances(net, heads, held_out, 128)}
    (args.out / "report.json").write_text(json.dumps(report, indent=1) + "\n")


def save(net: WorldNet, path: Path) -> None:
    save_file({name: value.half().contiguous() for name, value in net.state_dict().items()}, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--clips", type=int, default=1500)
    parser.add_argument("--held-out", type=int, default=200)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--log-every", type=int, default=250)
    parser.add_argument("--seed", type=int, default=0)
    # One thread: the layers are small, and on shared cores the barriers between two threads cost more than they win.
    parser.add_argument("--threads", type=int, default=1)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
