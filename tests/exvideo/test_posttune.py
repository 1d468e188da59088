"""Post-tuning end to end on a tiny base: it learns, it resumes exactly, and its checkpoint tells its history."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file

from harness.errors import CannotStart, ItemError, Refused, UsageError
from harness.exvideo.base import backbone_digest, load_base
from harness.exvideo.checkpoint import load_checkpoint, read_header
from harness.exvideo.posttune import Progress, posttune
from harness.exvideo.posttune_cli import posttune as command
from harness.exvideo.posttune_config import PosttuneConfig
from tests.exvideo.test_scalars import read

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache") / "latents.safetensors"


@pytest.fixture
def config(world_base: Path, tmp_path: Path, cache: Path) -> PosttuneConfig:
    return PosttuneConfig(
        str(world_base),
        tmp_path / "x.safetensors",
        10,
        data="world:4",
        validation_clips=1,
        cache=cache,
        steps=6,
        lr=3e-3,
        warmup=2,
        precision="full",
        log_every=2,
        validate_every=100,
    )


def rows(config: PosttuneConfig) -> list[dict[str, Any]]:
    return [json.loads(line) for line in config.log_path.read_text().splitlines()]


def test_it_learns_and_records_what_it_did(config: PosttuneConfig, world_base: Path) -> None:
    config = dataclasses.replace(config, steps=30, ema=0.5)
    seen: list[Progress] = []
    outcome = posttune(config, seen.append, "harness posttune …")
    assert outcome.finished
    assert outcome.held_out_end < 0.95 * outcome.held_out_start
    header = read_header(outcome.path)
    assert header.base == backbone_digest(world_base)
    assert header.config.num_frames == 10
    assert (header.config.max_id, header.config.repeat_length) == (8, 6)
    training = header.training
    assert training["steps"] == 30
    assert training["command"] == "harness posttune …"
    assert training["recipe"]["data"] == "world:4"
    assert str(config.out) not in json.dumps(training)
    assert training["parameters"]["trainable"] == sum(t.numel() for t in load_file(outcome.path).values())
    assert {"torch", "diffusers"} <= training["versions"].keys()
    assert {p.stage for p in seen} == {"encode", "train"}
    assert not config.state_path.exists()


def test_the_written_weights_are_the_averaged_ones_and_load(config: PosttuneConfig) -> None:
    outcome = posttune(config)
    components = load_base(config.base)
    load_checkpoint(components.unet, outcome.path, base=backbone_digest(config.base))
    parameters = dict(components.unet.named_parameters())
    for name, tensor in load_file(outcome.path).items():
        assert torch.equal(parameters[name].half(), tensor)


def test_the_log_has_losses_rates_and_held_out_losses(config: PosttuneConfig) -> None:
    posttune(dataclasses.replace(config, steps=9, validate_every=3))
    written = rows(config)
    assert [r["step"] for r in written if "loss" in r] == [1, 2, 3, 4, 5, 6, 8, 9]
    assert [r["step"] for r in written if "held_out" in r] == [0, 3, 6, 9]
    assert all(len(r["by_sigma"]) == 6 for r in written if "held_out" in r)
    assert {"step", "loss", "lr", "seconds"} == written[1].keys()


class StopAfter:
    """Asks for a stop once it was asked ``steps`` times whether to."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def __call__(self) -> bool:
        self.left -= 1
        return self.left < 0


def test_a_stop_while_clips_are_encoded_is_heeded(config: PosttuneConfig, tmp_path: Path) -> None:
    config = dataclasses.replace(config, cache=tmp_path / "not-yet-there.safetensors")
    stages = []
    with pytest.raises(KeyboardInterrupt):
        posttune(config, report=lambda progress: stages.append(progress.stage), should_stop=StopAfter(2))
    assert stages == ["encode", "encode"]
    assert not config.state_path.exists()
    assert posttune(config).finished


def test_a_stopped_training_continues_bitwise(config: PosttuneConfig, tmp_path: Path) -> None:
    whole = posttune(config)
    stopped = dataclasses.replace(config, out=tmp_path / "again" / "x.safetensors")
    for stop in (2, 2):
        with pytest.raises(KeyboardInterrupt):
            posttune(stopped, should_stop=StopAfter(stop))
        assert stopped.state_path.exists()
        assert not stopped.out.exists()
    # A crash between two states leaves rows of steps that nobody can continue from, and half a row.
    newer: list[dict[str, Any]] = [{"step": step, "loss": 9.0, "lr": 1.0, "seconds": 9.0} for step in (5, 6)]
    newer.append({"step": 5, "held_out": 9.0, "by_sigma": [9.0] * 6})
    with stopped.log_path.open("a") as log:
        log.write("".join(json.dumps(row) + "\n" for row in newer) + '{"step": 6, "lo')
    resumed = posttune(stopped)
    once, twice = load_file(whole.path), load_file(resumed.path)
    assert once.keys() == twice.keys()
    assert all(torch.equal(once[name], twice[name]) for name in once)
    strip = [{k: v for k, v in row.items() if k != "seconds"} for row in rows(config)]
    again = [{k: v for k, v in row.items() if k != "seconds"} for row in rows(stopped)]
    assert [r for r in again if "loss" in r] == [r for r in strip if "loss" in r]
    assert [r for r in again if "held_out" in r] == [r for r in strip if "held_out" in r]


def test_a_time_limit_writes_what_there_is_and_the_same_call_continues(config: PosttuneConfig) -> None:
    limited = dataclasses.replace(config, minutes=1e-9)
    outcome = posttune(limited)
    assert (outcome.finished, outcome.steps) == (False, 0)
    assert read_header(config.out).training["steps"] == 0
    assert posttune(dataclasses.replace(config, minutes=None)).finished


def test_another_recipe_does_not_continue_a_state(config: PosttuneConfig) -> None:
    with pytest.raises(KeyboardInterrupt):
        posttune(config, should_stop=config.log_path.exists)
    with pytest.raises(Refused) as caught:
        posttune(dataclasses.replace(config, lr=1e-5))
    assert caught.value.code == "E-RESUME"
    config.state_path.write_text("damaged")
    with pytest.raises(CannotStart) as damaged:
        posttune(config)
    assert damaged.value.code == "E-CHECKPOINT"


def test_a_finished_checkpoint_is_never_overwritten(config: PosttuneConfig) -> None:
    config.out.write_text("precious")
    with pytest.raises(Refused) as caught:
        posttune(config)
    assert caught.value.code == "E-EXISTS"
    assert config.out.read_text() == "precious"


def test_a_combination_that_trains_nothing_is_refused(config: PosttuneConfig) -> None:
    with pytest.raises(UsageError) as caught:
        posttune(dataclasses.replace(config, policy="new_only", conv="none", positions="reflect"))
    assert caught.value.code == "E-POLICY"


def test_divergence_is_an_error_and_not_a_checkpoint(config: PosttuneConfig) -> None:
    with pytest.raises(ItemError) as caught:
        posttune(dataclasses.replace(config, lr=1e30, warmup=0, clip_norm=1e30, steps=20))
    assert caught.value.code == "E-NAN"
    assert not config.out.exists()


def test_checkpointing_changes_memory_and_not_the_result(config: PosttuneConfig, tmp_path: Path) -> None:
    plain = dataclasses.replace(config, steps=2)
    saved = dataclasses.replace(plain, out=tmp_path / "y.safetensors", gradient_checkpointing=True)
    first, second = (load_file(posttune(c).path) for c in (plain, saved))
    for name, tensor in first.items():
        torch.testing.assert_close(tensor, second[name], atol=2e-3, rtol=1e-2)


@pytest.mark.parametrize(
    "wrong", [{"steps": 0}, {"lr": 0.0}, {"ema": 1.0}, {"dropout": 1.0}, {"warmup": -1}, {"lr": float("inf")}]
)
def test_settings_that_cannot_be_are_refused(config: PosttuneConfig, wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        dataclasses.replace(config, **wrong)
    assert caught.value.code == "E-SETTINGS"
    assert next(iter(wrong)) in caught.value.why


def test_the_command_trains_and_prints_the_path(config: PosttuneConfig) -> None:
    arguments = f"--base {config.base} --out {config.out} --frames 10 --data world:4 --validation-clips 1 --steps 2"
    arguments += f" --cache {config.cache} --conv none --precision full --augmentation none"
    board = config.out.with_name("board")
    result = CliRunner().invoke(command, [*arguments.split(), "--tensorboard", str(board)])
    assert result.exit_code == 0, result.output
    assert [step for step, _ in read(board)["loss/running"]] == [1, 2]
    assert re.search(r"^train    2/2  loss .*  0 min left$", result.stderr, re.MULTILINE)
    assert result.stdout == f"{config.out}\n"
    assert "held-out loss" in result.stderr
    assert read_header(config.out).config.conv == "none"
    assert read_header(config.out).training["recipe"]["augmentation"] is None
