"""Every trained file that is shipped can be made again: its log begins as a training of today begins."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

from harness.exvideo.base import Components, backbone_digest, load_base
from harness.exvideo.checkpoint import Header, read_header
from harness.exvideo.dataset import Example, Latents, encode_clip, open_source
from harness.exvideo.extension import extend
from harness.exvideo.freezing import freeze
from harness.exvideo.posttune import FIRST_STEPS
from harness.exvideo.posttune_config import PosttuneConfig
from harness.exvideo.trainer import Trainer
from harness.registry import load_plugins
from harness.suites.mini import world
from harness.suites.mini.seeds import TRAIN_SEEDS

ROOT = Path(__file__).parents[2]
RECIPES = ROOT / "recipes" / "mini"
LOGS = RECIPES / "logs"
BASE = ROOT / "variants" / "weights" / "mini" / "base"
TUNED = sorted(BASE.parent.glob("*.safetensors"))
BASE_LOG = "base-eddy20"
STEPS = 2
ENCODED: dict[int, Mapping[str, Tensor]] = {}  # all rows were trained with one base on the same clips


class Lazy:
    """The clips of a world by number, each encoded when it is asked for: a cache of a thousand takes minutes."""

    def __init__(self, name: str, components: Components, num_frames: int) -> None:
        self.count = len(open_source(name, 1)["train"])
        self.components, self.num_frames = components, num_frames
        self.clip_shape = components.latent_shape(num_frames, world.SIZE, world.SIZE)
        self.image_size = (world.SIZE, world.SIZE)

    def __len__(self) -> int:
        return self.count

    def take(self, index: Tensor) -> Latents:
        rows = []
        for number in index.tolist():
            if number not in ENCODED:
                example = Example(world.render(world.sample_scene(TRAIN_SEEDS[number]), self.num_frames), world.FPS)
                row = encode_clip(example, self.components, 40)
                assert row is not None
                ENCODED[number] = row
            rows.append(ENCODED[number])
        return Latents(**{name: torch.stack([row[name] for row in rows]) for name in rows[0]})


def log_of(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (LOGS / f"{name}.jsonl").read_text().splitlines()]


def recipe(name: str) -> ModuleType:
    """A recipe's script, which is in no package."""
    spec = importlib.util.spec_from_file_location(f"recipe_{name}", RECIPES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def begin_again(header: Header, steps: int) -> list[float]:
    """The running losses of the first steps of the training that a checkpoint tells of."""
    recipe: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in header.training["recipe"].items()}
    config = PosttuneConfig(base=str(BASE), out=Path("never-written"), **recipe)
    components = load_base(config.base)
    extend(components.unet, header.config)
    trainer = Trainer(config, components, freeze(components.unet, config.policy))
    clips = Lazy(config.data, components, config.num_frames)
    losses = []
    for _ in range(steps):
        trainer.advance(clips)
        assert trainer.running is not None
        losses.append(trainer.running)
    return losses


def test_every_tuned_row_is_shipped() -> None:
    rows = [spec.config for spec in load_plugins().variants.values() if spec.family == "mini"]
    assert {path.stem for path in TUNED} == {row.checkpoint for row in rows if getattr(row, "checkpoint", "")}


def test_all_were_trained_alike() -> None:
    """Same data, order, seed, steps and optimiser: what differs is what the ablation is about."""
    recipes = []
    for path in TUNED:
        recipe = dict(read_header(path).training["recipe"])
        recipes.append({key: value for key, value in recipe.items() if key not in ("conv", "positions")})
    assert all(recipe == recipes[0] for recipe in recipes)


@pytest.mark.parametrize("path", TUNED, ids=lambda path: path.stem)
def test_a_shipped_file_is_where_its_log_ends(path: Path) -> None:
    header = read_header(path)
    held_out = [row for row in log_of(path.stem) if "held_out" in row]
    assert header.base == backbone_digest(BASE)
    assert header.training["steps"] == header.training["recipe"]["steps"] == held_out[-1]["step"]
    assert header.training["held_out"]["start"] == held_out[0]["by_sigma"]
    assert header.training["held_out"]["end"] == held_out[-1]["by_sigma"]


@pytest.mark.slow
@pytest.mark.parametrize("path", TUNED, ids=lambda path: path.stem)
def test_a_training_begun_again_has_the_losses_of_the_log(path: Path) -> None:
    logged = [row["loss"] for row in log_of(path.stem) if row.get("step", 0) <= FIRST_STEPS and "loss" in row]
    assert len(logged) == FIRST_STEPS
    # Sums are ordered by the number of threads and the processor; a loss of another clip differs by far more.
    assert begin_again(read_header(path), STEPS) == pytest.approx(logged[:STEPS], rel=1e-3)


@pytest.mark.slow
def test_the_shipped_base_has_the_held_out_loss_of_its_log(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = json.loads((LOGS / "base-held-out.json").read_text())["losses"]
    # The record is of the shipped weights, which are in half precision.
    assert fmean(loss for row in recorded for loss in row) == pytest.approx(
        log_of(BASE_LOG)[-1]["validation"], rel=0.01
    )
    monkeypatch.syspath_prepend(str(RECIPES))
    found = recipe("held_out").losses(BASE, clips=16)
    assert found == [[pytest.approx(row[0], rel=1e-3)] for row in recorded]
