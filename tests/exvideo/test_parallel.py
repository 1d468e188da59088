"""Several processes, or several batches a step, are one with all their clips together."""

from __future__ import annotations

import dataclasses
import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from harness.errors import UsageError
from harness.exvideo.base import load_base
from harness.exvideo.objective import training_batch
from harness.exvideo.parallel import Alone, check_environment, this_process
from harness.exvideo.posttune import posttune
from harness.exvideo.posttune_config import PosttuneConfig
from tests.exvideo.nursery import Nursery
from tests.exvideo.test_objective import clips
from tests.exvideo.videos import save_video

LAUNCH = ("--multi_gpu", "--num_processes", "2", "--num_machines", "1", "--mixed_precision", "no")
TELL = """
import json, os, pathlib, sys
pathlib.Path(sys.argv[1], os.environ["RANK"]).write_text(json.dumps(dict(os.environ)))
"""


def launched(folder: Path, port: str) -> list[dict[str, str]]:
    """The variables that ``accelerate launch`` gives to each of two processes, here on the CPU.

    But one: the launcher, which would have kept the store in which they find each other, has gone.
    """
    (folder / "tell.py").write_text(TELL)
    launcher = [sys.executable, "-m", "accelerate.commands.launch", *LAUNCH, "--main_process_port", port]
    environment = {**os.environ, "ACCELERATE_USE_CPU": "true"}
    subprocess.run([*launcher, str(folder / "tell.py"), str(folder)], check=True, capture_output=True, env=environment)
    alone = {"TORCHELASTIC_USE_AGENT_STORE": "False"}
    return [json.loads((folder / str(rank)).read_text()) | alone for rank in range(2)]


@pytest.fixture
def config(tiny_base: Path, tmp_path: Path) -> PosttuneConfig:
    for seed in range(3):
        save_video(tmp_path / "videos" / f"{seed}.mkv", 6, height=16, width=16, seed=seed)
    settings: Mapping[str, Any] = {
        "steps": 3,
        "threads": 1,
        "lr": 3e-3,
        "warmup": 0,
        "log_every": 1,
        "validate_every": 9,
    }
    return PosttuneConfig(
        *(str(tiny_base), tmp_path / "x.safetensors", 6), data=str(tmp_path / "videos"), validation_clips=1, **settings
    )


def course(path: Path) -> list[tuple[int, float]]:
    rows = [json.loads(line) for line in path.with_suffix(".jsonl").read_text().splitlines()]
    return [(row["step"], row.get("loss", row.get("held_out"))) for row in rows]


def same_course(one: Path, other: Path) -> None:
    assert len(course(one)) == 5
    for (step, value), (its_step, its_value) in zip(course(one), course(other), strict=True):
        assert step == its_step
        assert its_value == pytest.approx(value, rel=2e-5)
    first, second = load_file(one), load_file(other)
    for name, tensor in first.items():
        torch.testing.assert_close(second[name], tensor, atol=2e-3, rtol=2e-2)


def test_the_parts_of_a_batch_are_the_whole(tiny_base: Path) -> None:
    data, components = clips(), load_base(tiny_base)
    config = PosttuneConfig("base", Path("out"), 5, batch=2)
    whole = training_batch(dataclasses.replace(config, batch=6), data, components, 3)
    parts = [training_batch(config, data, components, 3, part, 3) for part in range(3)]
    for name in ("clean", "noise", "sigma", "embedding", "ids"):
        assert torch.equal(torch.cat([getattr(part, name) for part in parts]), getattr(whole, name))
    torch.testing.assert_close(torch.cat([part.image for part in parts]), whole.image)


@pytest.mark.parametrize(("mixed", "precision"), [("bf16", "full"), ("fp16", "full"), ("fp16", "bf16")])
def test_a_precision_of_accelerates_that_is_not_the_recipes_is_refused(mixed: str, precision: Any) -> None:
    for same in ({}, {"ACCELERATE_MIXED_PRECISION": "no"}, {"ACCELERATE_MIXED_PRECISION": precision}):
        check_environment(same, precision)
    with pytest.raises(UsageError) as caught:
        check_environment({"ACCELERATE_MIXED_PRECISION": mixed}, precision)
    assert (caught.value.code, mixed in caught.value.where) == ("E-SETTINGS", True)
    assert "accelerate launch --mixed_precision no" in caught.value.fix


def test_a_process_that_was_not_launched_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ACCELERATE_MIXED_PRECISION", "TORCHELASTIC_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    alone = this_process()
    assert isinstance(alone, Alone)
    assert (alone.count, alone.rank, alone.device, alone.gather(3)) == (1, 0, None, [3])
    assert [alone.any(flag) for flag in (True, False)] == [True, False]


@pytest.mark.parametrize("kind", ["FSDP", "DEEPSPEED", "MEGATRON_LM"])
def test_ways_to_share_that_would_change_the_result_are_refused(kind: str) -> None:
    check_environment({f"ACCELERATE_USE_{kind}": "false"})
    with pytest.raises(UsageError) as caught:
        check_environment({f"ACCELERATE_USE_{kind}": "true"})
    assert caught.value.code == "E-SETTINGS"
    assert kind.partition("_")[0].lower() in caught.value.why.lower()
    assert caught.value.fix.startswith("accelerate launch ")


@pytest.mark.slow
def test_batches_that_make_a_step_together_are_one_batch(config: PosttuneConfig, tmp_path: Path) -> None:
    together = posttune(dataclasses.replace(config, batch=2))
    apart = posttune(dataclasses.replace(config, batch=1, accumulate=2, out=tmp_path / "y.safetensors"))
    same_course(together.path, apart.path)


@pytest.mark.slow
def test_two_processes_are_one_with_twice_the_batch(config: PosttuneConfig, nursery: Nursery, tmp_path: Path) -> None:
    one = posttune(dataclasses.replace(config, batch=2, accumulate=2))
    two = tmp_path / "y.safetensors"
    line = [
        *("posttune", "--base", config.base, "--out", str(two), "--frames", "6", "--data", config.data),
        *("--validation-clips", "1", "--steps", "3", "--threads", "1", "--lr", "3e-3", "--warmup", "0"),
        *("--log-every", "1", "--validate-every", "9", "--batch", "1", "--accumulate", "2"),
    ]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    said = [tmp_path / f"said-{rank}" for rank in range(2)]
    nursery.start([(line, env, path) for env, path in zip(launched(tmp_path, port), said, strict=True)])
    assert nursery.wait() == [0, 0], "".join(path.with_suffix(".err").read_text()[-3000:] for path in said)
    assert "".join(path.with_suffix(".out").read_text() for path in said).splitlines() == [str(two)]
    assert sum(path.with_suffix(".err").read_text().count("3/3  held-out loss") for path in said) == 1
    same_course(one.path, two)
