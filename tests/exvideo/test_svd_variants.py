"""The rows of the real family: what they need, where their base comes from, and that small ones run on a CPU."""

from __future__ import annotations

import dataclasses
import shlex
import shutil
from functools import partialmethod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from torch import nn

from harness.cli import run_app
from harness.errors import CannotStart
from harness.exvideo.posttune import Outcome
from harness.exvideo.posttune_config import PosttuneConfig
from harness.machine import Gpu, Machine
from harness.model import HubSource, Item, Needs, Protocol, Request
from harness.noise import make_noise
from harness.plan import protocol_skip, skip_of
from harness.registry import VariantSpec, load_plugins
from harness.variants.svd import (
    ExVideo,
    ExVideoFastDecoder,
    ExVideoTuned,
    PosthocNoConv,
    PosthocStatic,
    SvdChain,
    SvdDirect,
    SvdReflect,
    SvdVariant,
    SvdWindow,
)
from harness.weights import missing
from harness.wishes import nothing_runs
from tests.exvideo.bases import tiny_vae
from tests.exvideo.stand import CHECKPOINT, save_stand
from tests.exvideo.test_claim import saved

NO_GPU = Machine((), "2.9.0", False)
GRID = {
    *("exvideo", "no-conv", "pos-learned", "pos-static", "pos-static-reflect", "temporal-only"),
    *("svd-direct", "svd-reflect", "svd-window", "svd-chain", "exvideo-raw", "exvideo-tuned", "exvideo-fast-decoder"),
    *("exvideo-posthoc-no-conv", "exvideo-posthoc-static"),
}


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_stand(tmp_path_factory.mktemp("stand"), num_frames=12)


@pytest.fixture
def here(stand: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HARNESS_SVD", str(stand / "base"))
    monkeypatch.setenv("HARNESS_WEIGHTS", str(stand / "weights"))
    return stand


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("HARNESS_SVD", "HARNESS_WEIGHTS"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "HF_HOME", "HF_HUB_CACHE"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rows() -> list[VariantSpec]:
    return [spec for spec in load_plugins().variants.values() if spec.family == "svd"]


def make(config: SvdVariant, **change: Any) -> tuple[NDArray[np.uint8], dict[str, Any]]:
    """A video of 12 frames of 64x64, and what was noted about it."""
    noted: dict[str, Any] = {}
    generator = dataclasses.replace(config, steps=1).load("cpu")
    item = Item("a", "a prompt", "0" * 64, 127)
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    noise = make_noise(item.key, 0)
    request = Request(item, 0, Protocol(12, 64, 64, 10), image, noise, lambda: None, note=noted.update)
    return generator.generate(dataclasses.replace(request, **change)), noted


def test_the_grid_is_complete_and_every_row_names_what_it_is() -> None:
    found = {spec.name: spec for spec in rows()}
    assert set(found) >= GRID
    factorial = {
        name: dict(found[name].factors) for name in ("exvideo-tuned", "no-conv", "pos-static", "temporal-only")
    }
    assert {(f["conv"], f["positions"]) for f in factorial.values()} == {
        (conv, positions) for conv in (True, False) for positions in ("learned", "static")
    }
    for name in ("exvideo-posthoc-no-conv", "exvideo-posthoc-static"):
        assert found[name].role != "ablation"
        assert found[name].summary.startswith("diagnostic, no ablation")


def test_svd_xt_needs_a_gpu_and_says_so_before_it_names_weights(nowhere: Path) -> None:
    for config in (spec.config for spec in rows() if spec.name in GRID):
        needs = config.needs()
        assert needs.gpu
        skip = skip_of(needs, NO_GPU, missing(needs.weights), has_real=False)
        assert skip.reason == "needs CUDA, no GPU found"


def test_rows_of_short_clips_need_a_gpu_that_holds_the_weights_at_least(nowhere: Path) -> None:
    for config in (SvdWindow(), SvdChain()):
        assert config.needs().vram_bytes == sum(weight.size for weight in config.needs().weights) > 4 * 10**9


def test_too_little_gpu_memory_is_told_with_what_needs_less(nowhere: Path) -> None:
    small = Machine((Gpu(0, "card", 12 * 10**9, 11 * 10**9),), "2.9.0+cu128", True)
    spec = next(spec for spec in rows() if spec.name == "exvideo")
    skip = skip_of(spec.config.needs(), small, [], has_real=False)
    assert "20.0 GB of GPU memory, 11.0 GB are free" in skip.reason
    error = nothing_runs([(spec, skip)])
    assert error.code == "E-VRAM"
    assert "--offload" in error.fix


def test_the_published_files_come_from_the_hub_and_each_names_its_command_and_licence(nowhere: Path) -> None:
    needs = ExVideo().needs()
    assert len(missing(needs.weights)) == 4
    for weight in needs.weights:
        assert isinstance(weight.source, HubSource)
        assert weight.how.startswith("harness doctor --fetch ")
        assert weight.licence
        assert weight.size > 100_000_000
    assert needs.weights[0].source == HubSource(
        "stabilityai/stable-video-diffusion-img2vid-xt",
        "unet/diffusion_pytorch_model.fp16.safetensors",
        beside=("unet/config.json", "scheduler/scheduler_config.json"),
        gated=True,
    )


def test_a_row_that_is_tuned_here_names_the_command_that_tunes_it(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weight = SvdVariant(checkpoint="no-conv", positions="learn_reflect").tuned_weight()
    assert weight is not None
    assert weight.how.startswith("harness posttune --base stabilityai/stable-video-diffusion-img2vid-xt --frames 128 ")
    assert weight.how.endswith("--out weights/svd/no-conv.safetensors")
    asked: list[PosttuneConfig] = []

    def train(config: PosttuneConfig, *rest: object) -> Outcome:
        asked.append(config)
        return Outcome(config.out, 0, True, 0.0, 0.0, speaks=False)

    monkeypatch.setattr("harness.exvideo.posttune.posttune", train)
    assert run_app(shlex.split(weight.how)[1:]) == 0
    (config,) = asked
    assert (config.conv, config.positions, config.loss) == ("none", "learn_reflect", "edm")
    assert (config.lr, config.schedule, config.warmup) == (1e-5, "constant", 0)
    assert (config.batch, config.accumulate, config.gradient_checkpointing) == (1, 8, True)


def test_a_small_base_runs_on_a_cpu_and_changes_the_key(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not ExVideo().needs().gpu
    keys = set()
    for name in ("base", "svd.safetensors"):
        monkeypatch.setenv("HARNESS_SVD", str(here / name))
        keys.add(next(spec.key for spec in rows() if spec.name == "svd-direct"))
    monkeypatch.setenv("HARNESS_SVD", str(here / "absent.safetensors"))
    assert SvdDirect().needs().gpu  # what is not here may be anything
    assert "which is not there" in SvdDirect().needs().weights[0].how
    assert len(keys) == 2


def test_a_copy_fetched_from_the_hub_is_found_and_known_by_its_name_there(
    here: Path, nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_SVD", "some/small-svd")
    snapshot = nowhere / "models--some--small-svd" / "snapshots" / "c0ffee"
    shutil.copytree(here / "base", snapshot)
    (nowhere / "models--some--small-svd" / "refs").mkdir()
    (nowhere / "models--some--small-svd" / "refs" / "main").write_text("c0ffee")
    needs = SvdDirect().needs()
    assert missing(needs.weights) == []
    assert not needs.gpu
    assert make(SvdDirect())[0].shape == (12, 64, 64, 3)


def test_suites_that_a_row_cannot_serve_are_named() -> None:
    needs = Needs(min_size=128, max_frames=128)
    assert protocol_skip(needs, Protocol(128, 512, 512, 30)).reason == ""
    assert "128 pixels and more" in protocol_skip(needs, Protocol(40, 64, 64, 10)).reason
    assert "up to 128 frames" in protocol_skip(needs, Protocol(129, 512, 512, 30)).reason
    assert protocol_skip(Needs(), Protocol(999, 8, 8, 1)).reason == ""


@pytest.mark.slow
def test_a_video_is_the_same_when_it_is_made_lighter(here: Path) -> None:
    frames, noted = make(ExVideo())
    assert noted["contrast"] == 1.2
    assert noted["normalise_frames"] is True
    assert noted["lightened"] == []
    lighter, notes = make(ExVideo(), lighter=3)
    assert notes["lightened"] == ["parts of the model wait on the CPU", "feed-forward layers in pieces"]
    assert np.abs(frames.astype(int) - lighter.astype(int)).max() <= 1


@pytest.mark.slow
def test_a_unet_is_compiled_on_demand_after_it_is_extended(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[nn.Module] = []
    monkeypatch.setattr(nn.Module, "compile", partialmethod(compiled.append))
    assert make(ExVideo())[1]["compiled"] is False
    assert not compiled
    monkeypatch.setenv("HARNESS_COMPILE", "1")
    assert make(ExVideo())[1]["compiled"] is True
    (unet,) = compiled
    assert any(isinstance(module, nn.Conv3d) for module in unet.modules())


@pytest.mark.slow
def test_every_way_to_run_a_base_gives_another_video(here: Path) -> None:
    configs = (
        *(SvdDirect(), SvdReflect(), SvdWindow(window=8, stride=4), SvdChain(chain=8)),
        *(ExVideo(), PosthocNoConv(), PosthocStatic()),
    )
    videos = [make(config)[0] for config in configs]
    assert all(video.shape == (12, 64, 64, 3) for video in videos)
    assert len({video.tobytes() for video in videos}) == len(configs)


def test_the_fast_decoder_is_loaded_from_its_folder(here: Path) -> None:
    with pytest.raises(CannotStart) as caught:
        ExVideoFastDecoder().load("cpu")
    assert "harness doctor --fetch taesd" in caught.value.fix
    tiny_vae(levels=4).save_pretrained(here / "weights" / "taesd")
    assert make(ExVideoFastDecoder())[1]["latent_factor"] == 0.7


def test_a_checkpoint_that_is_cut_short_or_foreign_is_named(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(here / "weights", tmp_path / "weights")
    monkeypatch.setenv("HARNESS_WEIGHTS", str(tmp_path / "weights"))
    file = tmp_path / CHECKPOINT
    whole = file.read_bytes()
    for content in (whole[:-10], (here / "svd.safetensors").read_bytes()):
        file.write_bytes(content)
        with pytest.raises(CannotStart) as caught:
            ExVideo().load("cpu")
        assert caught.value.code == "E-CHECKPOINT"
        assert caught.value.where == str(file)
        assert caught.value.fix


def test_a_tuned_row_refuses_another_rows_file_and_decodes_on_the_scale_of_its_training(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_WEIGHTS", str(tmp_path))
    (tmp_path / "svd").mkdir()
    saved(tmp_path / "svd" / "no-conv.safetensors", "none", "learn_reflect", 0.13025)
    row = SvdVariant(checkpoint="no-conv", positions="learn_reflect")
    assert make(row)[1]["latent_factor"] == 0.13025
    assert row.needs().max_frames == 12  # its table's rows, whatever the row hopes for
    assert "up to 12 frames" in protocol_skip(row.needs(), Protocol(128, 64, 64, 30)).reason
    (tmp_path / "svd" / "exvideo-tuned.safetensors").write_bytes(
        (tmp_path / "svd" / "no-conv.safetensors").read_bytes()
    )
    with pytest.raises(CannotStart) as caught:
        ExVideoTuned().load("cpu")
    assert caught.value.why == "its convolution is 'none', the row's is 'identity'"


def test_training_cost_is_told_as_far_as_it_is_known(here: Path) -> None:
    provenance = ExVideo().provenance()
    assert provenance["training"] == {"published": "ECNU-CILab/ExVideo-SVD-128f-v1"}
    assert provenance["trainable_parameters"] > 100_000
    assert SvdDirect().provenance() == {}
