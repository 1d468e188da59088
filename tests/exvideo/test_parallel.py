"""Several processes, or several batches a step, are one with all their clips together."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate.commands.launch import launch_command_parser
from accelerate.utils.launch import prepare_multi_gpu_env
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn

from harness.errors import UsageError
from harness.exvideo.base import load_base
from harness.exvideo.checkpoint import read_header
from harness.exvideo.objective import training_batch
from harness.exvideo.parallel import Alone, check_environment, this_process
from harness.exvideo.posttune import posttune
from harness.exvideo.posttune_config import PosttuneConfig
from harness.exvideo.sharding import clip
from tests.exvideo.nursery import Nursery
from tests.exvideo.test_objective import clips
from tests.exvideo.videos import save_video

LAUNCH = ("--multi_gpu", "--num_processes", "2", "--num_machines", "1", "--mixed_precision", "no")


def launched(arguments: Sequence[str], scratch: Path) -> subprocess.CompletedProcess[str]:
    """``accelerate launch`` with two processes of the harness, on the CPU; the launcher's own files go to scratch."""
    launcher = [sys.executable, "-m", "accelerate.commands.launch", *LAUNCH, "--main_process_port", free_port()]
    environment = {**os.environ, "ACCELERATE_USE_CPU": "true", "TMPDIR": str(scratch)}
    line = [*launcher, "-m", "harness", *arguments]
    return subprocess.run(line, check=False, capture_output=True, text=True, env=environment, timeout=250)


def announced(*flags: str) -> dict[str, str]:
    """What ``accelerate launch`` tells of FSDP in each process's variables."""
    line = ["--use_fsdp", "--fsdp_version", "2", *LAUNCH, "--dynamo_backend", "no", *flags, "script"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["accelerate-launch", *line])  # the parser looks for its flags there, too
        variables = prepare_multi_gpu_env(launch_command_parser().parse_args(line))
    return {name: value for name, value in variables.items() if "FSDP" in name}


def sharing() -> list[dict[str, str]]:
    """The variables of each of two processes that share one model on the CPU, which find each other by themselves."""
    shared = announced() | {"ACCELERATE_USE_CPU": "true", "ACCELERATE_MIXED_PRECISION": "no"}
    shared |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port(), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    return [shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(2)]


def free_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


def command(config: PosttuneConfig, out: Path, *more: str) -> list[str]:
    """The training of ``config`` by two processes of one clip at a time, in two parts."""
    return [
        *("posttune", "--base", config.base, "--out", str(out), "--frames", "6", "--data", config.data),
        *("--validation-clips", "1", "--steps", str(config.steps), "--threads", "1", "--lr", "3e-3", "--warmup", "0"),
        *("--log-every", "1", "--validate-every", "9", "--batch", "1", "--accumulate", "2", *more),
    ]


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


@pytest.mark.parametrize("kind", ["DEEPSPEED", "MEGATRON_LM"])
def test_ways_to_share_that_would_change_the_result_are_refused(kind: str) -> None:
    check_environment({f"ACCELERATE_USE_{kind}": "false"})
    with pytest.raises(UsageError) as caught:
        check_environment({f"ACCELERATE_USE_{kind}": "true"})
    assert caught.value.code == "E-SETTINGS"
    assert kind.partition("_")[0].lower() in caught.value.why.lower()
    assert "FSDP" in caught.value.why
    assert caught.value.fix.startswith("accelerate launch --use_fsdp --fsdp_version 2 ")


@pytest.mark.parametrize(
    ("flags", "optimiser", "where", "fix"),
    [
        ((), "muon", "--optimiser muon", "--optimiser adamw-fused"),
        ((), "adamw-8bit", "--optimiser adamw-8bit", "--optimiser adamw-fused"),
        (("--fsdp_version", "1"), "adamw", "FSDP_VERSION '1'", "fsdp_version: 2"),
        (("--fsdp_offload_params", "true"), "adamw", "fsdp_offload_params: true", "fsdp_offload_params: false"),
        (("--fsdp_activation_checkpointing", "true"), "adamw", "fsdp_activation_checkpointing", "--checkpointing"),
    ],
)
def test_what_cannot_be_sharded_is_refused(flags: tuple[str, ...], optimiser: Any, where: str, fix: str) -> None:
    check_environment({}, "full", optimiser)
    check_environment(announced(), "full", "adamw-fused")
    with pytest.raises(UsageError) as caught:
        check_environment(announced(*flags), "full", optimiser)
    error = caught.value
    assert (error.code, error.what) == ("E-SETTINGS", "This training cannot be sharded so.")
    assert where in error.where
    assert fix in error.fix
    assert error.why


def test_a_version_of_fsdp_that_is_not_told_is_the_first() -> None:
    variables = {name: value for name, value in announced().items() if name != "FSDP_VERSION"}
    with pytest.raises(UsageError, match="cannot be sharded"):
        check_environment(variables)


@pytest.mark.parametrize(("limit", "rank"), [(0.5, 0), (0.5, 1), (100.0, 0)])
def test_gradients_in_parts_are_clipped_by_the_norm_of_all(
    limit: float, rank: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    gradients = [torch.randn(shape, generator=torch.Generator().manual_seed(7)) for shape in ((5, 3), (1,))]
    whole = [nn.Parameter(torch.zeros_like(gradient)) for gradient in gradients]
    rows = [[*gradient.chunk(2), gradient[:0]] for gradient in gradients]  # the second process has none of the last
    part = [nn.Parameter(torch.zeros_like(pieces[rank])) for pieces in rows]
    for parameters, values in ((whole, gradients), (part, [pieces[rank] for pieces in rows])):
        for parameter, value in zip(parameters, values, strict=True):
            parameter.grad = value.clone()
    elsewhere = sum((pieces[1 - rank].square().sum() for pieces in rows), torch.zeros(()))
    monkeypatch.setattr("harness.exvideo.sharding.dist.all_reduce", lambda square: square.add_(elsewhere))
    nn.utils.clip_grad_norm_(whole, limit)
    clip(part, limit)
    for parameter, its_part in zip(whole, part, strict=True):
        assert parameter.grad is not None
        torch.testing.assert_close(its_part.grad, [*parameter.grad.chunk(2), parameter.grad[:0]][rank])


@pytest.mark.slow
def test_batches_that_make_a_step_together_are_one_batch(config: PosttuneConfig, tmp_path: Path) -> None:
    together = posttune(dataclasses.replace(config, batch=2))
    apart = posttune(dataclasses.replace(config, batch=1, accumulate=2, out=tmp_path / "y.safetensors"))
    same_course(together.path, apart.path)


@pytest.mark.slow
def test_two_processes_that_accelerate_launches_are_one_with_twice_the_batch(
    config: PosttuneConfig, tmp_path: Path
) -> None:
    one = posttune(dataclasses.replace(config, batch=2, accumulate=2))
    out = tmp_path / "y.safetensors"
    said = launched(command(config, out), tmp_path)
    assert said.returncode == 0, said.stderr[-3000:]
    assert said.stdout.splitlines() == [str(out)]
    assert said.stderr.count("3/3  held-out loss") == 1
    assert read_header(out).training["recipe"]["processes"] == 2
    same_course(one.path, out)


@pytest.mark.slow
def test_sharded_processes_go_on_with_a_state_and_leave_one_that_one_process_goes_on_with(
    config: PosttuneConfig, nursery: Nursery, tmp_path: Path
) -> None:
    """One process begins, two that shard the model go on to the end, and of a state of theirs one process does."""
    whole = posttune(dataclasses.replace(config, batch=4))
    begun = dataclasses.replace(config, batch=4, out=tmp_path / "begun.safetensors")
    with pytest.raises(KeyboardInterrupt):
        posttune(begun, should_stop=lambda: begun.log_path.exists() and '"loss"' in begun.log_path.read_text())
    assert step_of(begun.state_path) == 1
    variables = sharing()
    said = [tmp_path / f"said-{rank}" for rank in range(2)]
    line = command(config, begun.out, "--save-minutes", "0")
    first, _ = nursery.start([(line, env, path) for env, path in zip(variables, said, strict=True)])
    taken = dataclasses.replace(begun, out=tmp_path / "taken.safetensors")
    take(begun.state_path, taken.state_path, first)
    assert nursery.wait() == [0, 0], "".join(path.with_suffix(".err").read_text()[-3000:] for path in said)
    assert read_header(begun.out).training["sharded"]
    assert not begun.state_path.exists()
    same_course(whole.path, begun.out)
    assert step_of(taken.state_path) == 2
    shutil.copy(begun.log_path, taken.log_path)
    assert posttune(taken).finished
    same_course(whole.path, taken.out)


def take(state: Path, copy: Path, writer: int) -> None:
    """Keep the next state that the process ``writer`` leaves, which takes it away when it has finished."""
    old = state.stat().st_ino
    with contextlib.suppress(ProcessLookupError, FileNotFoundError):  # it ended, as its status will tell
        while state.stat().st_ino == old:
            os.kill(writer, 0)
            time.sleep(0.005)
        os.link(state, copy)


def step_of(state: Path) -> int:
    with safe_open(state, "pt") as file:
        return int(json.loads(file.metadata()["exvideo"])["step"])
