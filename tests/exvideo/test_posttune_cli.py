"""The command's own part: flags, parsing, what it records, and that it starts quickly."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import get_args

import click
import pytest

from harness.errors import UsageError
from harness.exvideo.extension import Conv
from harness.exvideo.freezing import Policy
from harness.exvideo.positions import Positions
from harness.exvideo.posttune import Progress
from harness.exvideo.posttune_cli import (
    CONVS,
    OPTIMISERS,
    POLICIES,
    POSITIONS,
    _Reporter,
    parse_augmentation,
    parse_size,
    recorded_command,
)
from harness.exvideo.posttune_cli import posttune as command
from harness.exvideo.posttune_config import Optimiser, PosttuneConfig


def test_the_commands_choices_are_the_models() -> None:
    assert get_args(Conv) == CONVS
    assert get_args(Positions) == POSITIONS
    assert get_args(Policy) == POLICIES
    assert get_args(Optimiser) == OPTIMISERS


def test_every_setting_has_a_flag() -> None:
    fields = {f.name for f in dataclasses.fields(PosttuneConfig)}
    flags = {p.name for p in command.params if isinstance(p, click.Option)}
    assert fields == flags


@pytest.mark.parametrize(("text", "value"), [("none", None), ("-3.5,0.6", (-3.5, 0.6)), ("0,1", (0.0, 1.0))])
def test_augmentation_is_parsed(text: str, value: tuple[float, float] | None) -> None:
    assert parse_augmentation(text) == value


@pytest.mark.parametrize("text", ["", "1", "1,2,3", "a,b"])
def test_augmentation_that_is_not_understood_is_named(text: str) -> None:
    with pytest.raises(UsageError, match="augmentation"):
        parse_augmentation(text)


@pytest.mark.parametrize(("text", "value"), [(None, None), ("512x512", (512, 512)), ("1024X576", (1024, 576))])
def test_the_size_is_width_and_height(text: str | None, value: tuple[int, int] | None) -> None:
    assert parse_size(text) == value


@pytest.mark.parametrize("text", ["", "512", "x512", "0x8", "8x-1", "axb"])
def test_a_size_that_is_not_understood_is_named(text: str) -> None:
    with pytest.raises(UsageError, match="size"):
        parse_size(text)


def test_videos_are_counted_and_the_others_named(capsys: pytest.CaptureFixture[str]) -> None:
    notes = tuple(f"{number}.mp4: it is short" for number in range(25))
    _Reporter()(Progress("data", 30, 55, notes=notes))
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "videos   30 usable, 25 not"
    assert said[1].strip() == "0.mp4: it is short"
    assert said[-1].strip() == "and 5 more, all in the log"


def test_encoding_tells_how_long_it_will_take(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("harness.exvideo.posttune_cli.time.monotonic", lambda: now[0])
    report = _Reporter()
    for done in (1, 2, 3):
        report(Progress("encode", done, 13))
        now[0] += 30
    said = capsys.readouterr().err.splitlines()
    assert said == ["encode   1/13", "encode   2/13  6 min left", "encode   3/13  5 min left"]


def test_training_tells_its_pace_and_how_long_it_will_take(capsys: pytest.CaptureFixture[str]) -> None:
    _Reporter()(Progress("train", 20, 100, loss=0.5, lr=1e-4, seconds=60.0))
    said = capsys.readouterr().err.strip()
    assert said == "train    20/100  loss 0.5000  lr 1.0e-04  3.00 s/step  4 min left"


def test_a_recipe_of_the_mini_family_is_what_it_was() -> None:
    config = PosttuneConfig("base", Path("x"), 40, data="world:1200", steps=700, ema=0.99)
    assert config.fingerprint("abc") == "00d4eed01a99ad9e8892a0a09b8b5800"
    assert config.recipe().keys().isdisjoint({"size", "stride", "accumulate", "optimiser", "tensorboard"})
    assert config.recipe("videos:3:x", 2) == config.recipe() | {"data": "videos:3:x", "processes": 2}
    other = dataclasses.replace(config, accumulate=2)
    assert other.recipe() == config.recipe() | {"accumulate": 2}


def test_a_training_is_the_same_however_its_clips_are_shared_out() -> None:
    config = PosttuneConfig("base", Path("out"), 5, batch=4)
    for batch, accumulate, processes in ((1, 2, 2), (2, 1, 2), (1, 1, 4), (2, 2, 1)):
        shared = dataclasses.replace(config, batch=batch, accumulate=accumulate)
        assert shared.fingerprint("base", "data", processes) == config.fingerprint("base", "data")
    assert config.fingerprint("base", "data", 2) != config.fingerprint("base", "data")


def test_the_recorded_command_has_no_machine_paths() -> None:
    line = recorded_command(["posttune", "--base", "/home/me/base", "--out=/tmp/x.safetensors", "--lr", "4e-4"])
    assert line == "harness posttune --base base --out=x.safetensors --lr 4e-4"


def test_the_command_describes_itself_without_torch() -> None:
    code = "import sys, harness.exvideo.posttune_cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
