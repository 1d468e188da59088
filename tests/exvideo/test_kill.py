"""kill -9 in the middle of a training: what a second call makes of it is what an undisturbed one makes, bit for bit."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open
from safetensors.torch import load_file

from harness.exvideo.posttune import posttune
from harness.exvideo.posttune_config import PosttuneConfig
from tests.exvideo.nursery import Nursery
from tests.exvideo.videos import save_video

STEPS = 8


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    for seed in range(3):
        save_video(folder / f"{seed}.mkv", 6, height=16, width=16, seed=seed)
    return folder


def arguments(config: PosttuneConfig) -> list[str]:
    return [
        *("posttune", "--base", config.base, "--out", str(config.out), "--frames", str(config.num_frames)),
        *("--conv", config.conv, "--positions", config.positions, "--policy", config.policy, "--data", config.data),
        *("--validation-clips", "1", "--cache", str(config.cache), "--steps", str(STEPS), "--batch", "1"),
        *("--save-minutes", "0", "--log-every", "1", "--threads", "1", "--lr", "1e-3"),
    ]


def losses(config: PosttuneConfig) -> dict[int, float]:
    lines = config.log_path.read_text().splitlines() if config.log_path.exists() else []
    return {
        row["step"]: row["loss"] for row in (json.loads(line) for line in lines if line[-1:] == "}") if "loss" in row
    }


def kill_in_the_middle(nursery: Nursery, config: PosttuneConfig) -> None:
    (child,) = nursery.start([(arguments(config), {}, config.out.with_suffix(""))])
    while len(losses(config)) < 3:
        os.kill(child, 0)  # it is there, or this raises
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    (status,) = nursery.wait()
    assert os.WIFSIGNALED(status), "it ended before it was killed"
    assert os.WTERMSIG(status) == signal.SIGKILL


def written(path: Path) -> dict[str, Any]:
    with safe_open(path, "pt") as file:
        header: dict[str, Any] = json.loads(file.metadata()["exvideo"])
    del header["training"]["seconds"]
    return header


@pytest.mark.slow
@pytest.mark.parametrize(
    ("policy", "conv", "positions"),
    [
        ("temporal", "identity", "learn_reflect"),
        ("temporal", "none", "sin"),
        ("new_only", "identity", "learn_rand"),
        ("new_only", "none", "learn_sin"),
    ],
)
def test_a_killed_training_ends_as_an_undisturbed_one(
    nursery: Nursery,
    videos: Path,
    tiny_base: Path,
    tmp_path: Path,
    policy: Any,
    conv: Any,
    positions: Any,
) -> None:
    whole = PosttuneConfig(
        str(tiny_base),
        tmp_path / "whole.safetensors",
        6,
        conv,
        positions,
        policy,
        data=str(videos),
        validation_clips=1,
        cache=videos.parent / "latents",
        steps=STEPS,
        batch=1,
        lr=1e-3,
        threads=1,
        log_every=1,
    )
    killed = dataclasses.replace(whole, out=tmp_path / "killed.safetensors")
    kill_in_the_middle(nursery, killed)
    assert killed.state_path.exists()
    assert not killed.out.exists()
    posttune(whole)
    posttune(killed)
    once, twice = load_file(whole.out), load_file(killed.out)
    assert once.keys() == twice.keys()
    assert all(once[name].equal(twice[name]) for name in once)
    assert losses(killed) == losses(whole)
    assert list(losses(killed)) == list(range(1, STEPS + 1))
    assert written(killed.out) == written(whole.out)
    assert not killed.state_path.exists()
