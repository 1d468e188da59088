"""The command's own part: flags, parsing, what it records, and that it starts quickly."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from typing import get_args

import click
import pytest

from harness.errors import UsageError
from harness.exvideo.extension import Conv
from harness.exvideo.freezing import Policy
from harness.exvideo.positions import Positions
from harness.exvideo.posttune_cli import CONVS, POLICIES, POSITIONS, parse_augmentation, recorded_command
from harness.exvideo.posttune_cli import posttune as command
from harness.exvideo.posttune_config import PosttuneConfig


def test_the_commands_choices_are_the_models() -> None:
    assert get_args(Conv) == CONVS
    assert get_args(Positions) == POSITIONS
    assert get_args(Policy) == POLICIES


def test_every_setting_but_internal_ones_has_a_flag() -> None:
    fields = {f.name for f in dataclasses.fields(PosttuneConfig)}
    flags = {p.name for p in command.params if isinstance(p, click.Option)}
    assert fields - flags == {"save_minutes", "log_every", "validate_every"}
    assert flags <= fields


@pytest.mark.parametrize(("text", "value"), [("none", None), ("-3.5,0.6", (-3.5, 0.6)), ("0,1", (0.0, 1.0))])
def test_augmentation_is_parsed(text: str, value: tuple[float, float] | None) -> None:
    assert parse_augmentation(text) == value


@pytest.mark.parametrize("text", ["", "1", "1,2,3", "a,b"])
def test_augmentation_that_is_not_understood_is_named(text: str) -> None:
    with pytest.raises(UsageError, match="augmentation"):
        parse_augmentation(text)


def test_the_recorded_command_has_no_machine_paths() -> None:
    line = recorded_command(["posttune", "--base", "/home/me/base", "--out=/tmp/x.safetensors", "--lr", "4e-4"])
    assert line == "harness posttune --base base --out=x.safetensors --lr 4e-4"


def test_the_command_describes_itself_without_torch() -> None:
    code = "import sys, harness.exvideo.posttune_cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
