"""Whatever a user may get wrong with a model is told in four parts, the last of which says what to type."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest
import torch
from huggingface_hub.errors import GatedRepoError
from safetensors.torch import save_file

from harness.errors import HarnessError
from harness.exvideo.base import load_base, locate_base, usable_device
from harness.exvideo.checkpoint import load_checkpoint
from harness.exvideo.cogvideo import CogSettings, latent_shape, load_pipeline, read_lora
from harness.exvideo.dataset import open_source
from harness.exvideo.decoding import ClipRule
from harness.exvideo.execution import check_tensors
from harness.exvideo.extension import ExtensionConfig, check_shape, extend, spatio_temporal_blocks
from harness.exvideo.listing import Listed, Listing, list_videos
from harness.exvideo.pipeline import SamplingSettings, encode_condition
from harness.exvideo.posttune_config import PosttuneConfig
from harness.exvideo.posttune_limits import memory_told
from harness.exvideo.svd_xt import configs_beside, skeleton
from harness.exvideo.videos import Encoded, _check_size, assemble
from harness.machine import Gpu, Machine
from harness.plan import skip_of
from harness.registry import load_plugins
from harness.wishes import nothing_runs
from tests.exvideo.helpers import tiny_unet
from tests.exvideo.test_pipeline import draw, picture

COMMAND = re.compile(r"harness \w+|hf \w+|pip install|export \w+=|unset \w+|\brm |--[a-z]+")
Mistake = Callable[[Path], object]


def gated(folder: Path) -> None:
    def refuse(source: str, **rest: Any) -> str:
        raise GatedRepoError("401 Client Error", response=SimpleNamespace(headers={}, request=None))  # type: ignore[arg-type]

    with patch("huggingface_hub.snapshot_download", refuse):
        locate_base("some/gated-model")


def extended(num_frames: int, height: int, width: int) -> None:
    unet = extend(tiny_unet(), ExtensionConfig.of_native(8, num_frames=12))
    check_shape(next(iter(spatio_temporal_blocks(unet)))[1], num_frames, height, width)


def checkpoint(folder: Path, content: bytes) -> None:
    (folder / "x.safetensors").write_bytes(content)
    load_checkpoint(tiny_unet(), folder / "x.safetensors")


def foreign(folder: Path) -> Path:
    save_file({"layer.weight": torch.zeros(2)}, folder / "foreign.safetensors")
    return folder / "foreign.safetensors"


def small_base(folder: Path, size: int) -> None:
    base: Any = SimpleNamespace(vae=SimpleNamespace(stride=8), device=torch.device("cpu"))
    encode_condition(base, picture(size), SamplingSettings(4), draw(3, size, size))


def transformer(width: int) -> None:
    pipe: Any = SimpleNamespace(
        vae_scale_factor_spatial=8, transformer=SimpleNamespace(config=SimpleNamespace(patch_size=2))
    )
    latent_shape(pipe, CogSettings(5), 32, width)


def no_video(folder: Path) -> None:
    (folder / "notes.txt").write_text("none here")
    list_videos(folder)


def no_usable_video(folder: Path) -> None:
    listing = Listing((Listed(folder / "a.mp4", "a.mp4", None),), {})
    assemble(folder, listing, [Encoded(unusable={"a.mp4": "it has 3 frames"})], 1)


def cannot_run(gpus: tuple[Gpu, ...]) -> None:
    spec = load_plugins().variants["exvideo"]
    machine = Machine(gpus, "2.9.0+cu128", bool(gpus))
    raise nothing_runs([(spec, skip_of(spec.config.needs(), machine, [], has_real=False))])


def ran_out(folder: Path) -> None:
    with memory_told(PosttuneConfig("b", folder / "x", 5), "train"):
        raise MemoryError


def beside(folder: Path) -> None:
    (folder / "svd.json").write_text("{")
    configs_beside(folder / "svd.safetensors")


MISTAKES: dict[str, tuple[str, Mistake]] = {
    "a truncated checkpoint": ("E-CHECKPOINT", lambda folder: checkpoint(folder, b"\x90" * 40)),
    "a foreign checkpoint": ("E-CHECKPOINT", lambda folder: load_checkpoint(tiny_unet(), foreign(folder))),
    "no checkpoint": ("E-CHECKPOINT", lambda folder: load_checkpoint(tiny_unet(), folder / "none.safetensors")),
    "a foreign LoRA": ("E-CHECKPOINT", lambda folder: read_lora(foreign(folder))),
    "a foreign single file": ("E-WEIGHTS", lambda folder: load_base(foreign(folder))),
    "a description that is none": ("E-WEIGHTS", beside),
    "no single file": ("E-WEIGHTS", lambda folder: locate_base(folder / "none.safetensors")),
    "a gated repository": ("E-WEIGHTS", gated),
    "an empty folder": ("E-WEIGHTS", locate_base),
    "an empty folder for CogVideoX": ("E-WEIGHTS", load_pipeline),
    "more frames than rows": ("E-FRAMES", lambda _: extended(13, 8, 8)),
    "a single frame": ("E-FRAMES", lambda _: extended(1, 8, 8)),
    "frames that are too small": ("E-SIZE", lambda _: extended(8, 1, 8)),
    "a picture that does not divide": ("E-SIZE", lambda folder: small_base(folder, 12)),
    "clips that do not divide": ("E-SIZE", lambda _: _check_size(ClipRule(8, 64, 60), 8)),
    "a video that patches do not cover": ("E-SIZE", lambda _: transformer(40)),
    "a folder without videos": ("E-DATA", no_video),
    "no video that can be used": ("E-DATA", no_usable_video),
    "no such data": ("E-DATA", lambda _: open_source("nowhere", 1)),
    "more clips than there are": ("E-DATA", lambda _: open_source("world:999999999", 1)),
    "no such GPU": ("E-NO-GPU", lambda _: usable_device("cuda:99")),
    "no such device": ("E-SETTINGS", lambda _: usable_device("quantum")),
    "no GPU for a row": ("E-NO-GPU", lambda _: cannot_run(())),
    "too small a GPU": ("E-VRAM", lambda _: cannot_run((Gpu(0, "card", 8 * 10**9, 8 * 10**9),))),
    "too little memory": ("E-MEMORY", ran_out),
    "too large for the kernels": ("E-SETTINGS", lambda _: check_tensors(skeleton(), 256, 128, 128)),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_with_where_it_is_why_it_is_one_and_what_to_type(name: str, tmp_path: Path) -> None:
    code, mistake = MISTAKES[name]
    with pytest.raises(HarnessError) as caught:
        mistake(tmp_path)
    error = caught.value
    assert error.code == code
    assert all((error.what, error.where, error.why)), vars(error)
    assert COMMAND.search(error.fix), error.fix
