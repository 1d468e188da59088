"""What a person may get wrong about a post-tuning, through the command line: four parts, and the right exit code."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from harness.cli import run_app
from harness.errors import CannotStart, UsageError
from harness.exvideo.base import Components
from harness.exvideo.posttune import posttune
from harness.exvideo.posttune_config import PosttuneConfig
from harness.exvideo.posttune_limits import Stage, fit_to_kernels, memory_told
from harness.exvideo.svd_xt import skeleton


@pytest.mark.parametrize(
    ("change", "code", "status", "says"),
    [
        ({"--base": "no/such/base.safetensors"}, "E-WEIGHTS", 4, "there is no such file"),
        ({"--device": "cuda:99"}, "E-NO-GPU", 4, "CUDA devices"),
        ({"--device": "gpu"}, "E-SETTINGS", 2, "cpu, cuda or cuda:N"),
        ({"--data": "no-such-folder"}, "E-DATA", 2, "world:COUNT"),
        ({"--data": "no-such-list.csv"}, "E-DATA", 2, "No such file"),
        ({"--frames": "1"}, "E-SETTINGS", 2, "one frame has no motion"),
        ({"--size": "512"}, "E-SETTINGS", 2, "WIDTHxHEIGHT"),
        ({"--accumulate": "0"}, "E-SETTINGS", 2, "accumulate is 0"),
        ({"--clip-fps": "24"}, "E-SETTINGS", 2, "--clip-fps is a rule for videos"),
        ({"--policy": "new_only", "--conv": "none", "--positions": "sin"}, "E-POLICY", 2, "--policy temporal"),
    ],
)
def test_a_mistake_is_told_in_four_parts(
    tiny_base: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: dict[str, str],
    code: str,
    status: int,
    says: str,
) -> None:
    asked = {"--base": str(tiny_base), "--out": str(tmp_path / "x.safetensors"), "--frames": "6", "--data": "world:2"}
    line = ["posttune", *(word for pair in (asked | change).items() for word in pair)]
    assert run_app(line) == status
    said = capsys.readouterr().err
    assert said.startswith(f"{code}  ")
    assert "Fix" in said
    assert says in said
    assert not list(tmp_path.iterdir())


def told(error: BaseException, stage: Stage = "train", **settings: object) -> CannotStart:
    config = PosttuneConfig("b", Path("o"), 5, **settings)  # type: ignore[arg-type]
    with pytest.raises(CannotStart) as caught, memory_told(config, stage):
        raise error
    return caught.value


def test_where_memory_runs_out_what_is_left_to_try_is_told() -> None:
    gpu = told(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.\nmore"), device="cuda", batch=4)
    assert gpu.code == "E-MEMORY"
    assert gpu.why == "CUDA out of memory. Tried to allocate 20.00 GiB."
    assert gpu.fix == (
        "the same command with --checkpointing, then --batch 1 --accumulate 4, then --precision bf16, "
        "then --optimiser adamw-8bit"
    )
    cpu = told(RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), gradient_checkpointing=True)
    assert cpu.fix == "the same command with --batch 1 --accumulate 2"
    smaller = "the same command with a smaller --size, or fewer --frames"
    assert told(MemoryError(), gradient_checkpointing=True, batch=1).fix == smaller
    encoding = told(MemoryError(), "encode")
    assert (encoding.what, encoding.fix) == ("Memory ran out in encoding clips.", smaller)
    assert told(MemoryError(), "load", device="cuda").fix.endswith("the same command with --device cpu")


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("load_base", "in loading the base"),
        ("open_training_data", "in encoding clips"),
        ("Trainer", "in post-tuning"),
    ],
)
def test_memory_that_runs_out_in_any_stage_is_told(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, what: str
) -> None:
    def greedy(*given: object, **rest: object) -> None:
        raise MemoryError

    monkeypatch.setattr(f"harness.exvideo.posttune.{name}", greedy)
    with pytest.raises(CannotStart) as caught:
        posttune(PosttuneConfig(str(tiny_base), tmp_path / "x", 5, data="world:1", validation_clips=1))
    assert caught.value.code == "E-MEMORY"
    assert what in caught.value.what


def test_other_errors_pass_as_they_are() -> None:
    with pytest.raises(RuntimeError, match="shapes"), memory_told(PosttuneConfig("b", Path("o"), 5), "train"):
        raise RuntimeError("shapes do not fit")


def full_size(**settings: object) -> tuple[PosttuneConfig, Components]:
    """SVD-XT on the meta device, and a training of it on 128 frames of 512x512."""
    asked = {"size": (512, 512), "data": "videos"} | settings
    config = PosttuneConfig("b", Path("o"), 128, **asked)  # type: ignore[arg-type]
    sizes: Any = SimpleNamespace(stride=8, channels=4)  # of its autoencoder
    nothing: Any = None
    return config, Components(skeleton(), sizes, nothing, nothing, torch.device("meta"))


def chunks(unet: nn.Module) -> set[Any]:
    """How many frames the feed-forward layers take at a time."""
    return {module._chunk_size for module in unet.modules() if hasattr(module, "_chunk_size")}


def test_feed_forward_layers_of_a_training_make_no_tensor_that_kernels_cannot_index() -> None:
    """A batch of two at full size: 2 x 128 x 64 x 64 pixels x 8 x 320 channels are 2.68e9 elements."""
    config, components = full_size(batch=2)
    fit_to_kernels(config, components)
    assert chunks(components.unet) == {64}
    fit_to_kernels(dataclasses.replace(config, batch=1), components)
    assert chunks(components.unet) == {None}


def test_a_batch_that_kernels_cannot_index_is_refused_before_anything_is_encoded() -> None:
    config, components = full_size(batch=2, accumulate=4, size=(1024, 1024))
    with pytest.raises(UsageError) as caught:
        fit_to_kernels(config, components)
    assert caught.value.code == "E-SETTINGS"
    assert caught.value.fix == "the same command with --batch 1 --accumulate 8"
