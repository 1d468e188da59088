"""A base in a folder loads only when every weight is there and fits; otherwise what does not is named."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from harness.errors import CannotStart
from harness.exvideo.base import load_base, locate_base
from harness.exvideo.pretrained import load_model
from tests.exvideo.bases import tiny_vae


def damage(part: Path, missing: str, misshapen: str, unknown: str) -> None:
    """Take a weight out of a model's file, give another one a shape of its own, and add a third."""
    (file,) = part.glob("*.safetensors")
    tensors = load_file(file)
    del tensors[missing]
    save_file(tensors | {misshapen: torch.zeros(7), unknown: torch.zeros(3)}, file, {"format": "pt"})


@pytest.mark.parametrize(
    ("part", "missing", "misshapen"),
    [
        ("unet", "conv_out.bias", "conv_in.bias"),
        ("vae", "decoder.conv_in.bias", "decoder.conv_in.weight"),
        ("image_encoder", "visual_projection.weight", "vision_model.embeddings.class_embedding"),
    ],
)
def test_weights_of_a_folder_that_do_not_fit_are_named(
    svd_base: Path, tmp_path: Path, part: str, missing: str, misshapen: str
) -> None:
    shutil.copytree(svd_base, tmp_path / "base")
    damage(tmp_path / "base" / part, missing, misshapen, "foreign.weight")
    with pytest.raises(CannotStart) as caught:
        load_base(tmp_path / "base")
    error = caught.value
    assert (error.code, error.where) == ("E-WEIGHTS", str(tmp_path / "base"))
    first, *lines = error.why.splitlines()
    assert first == f"in {part}/"
    assert lines[:2] == ["unknown: foreign.weight", f"missing: {missing}"]
    assert lines[2].startswith(f"misshapen: {misshapen} (7,), expected (")
    assert "harness doctor --fetch" in error.fix


def test_a_fast_decoder_that_lacks_a_weight_is_named(svd_base: Path, tmp_path: Path) -> None:
    tiny_vae().save_pretrained(tmp_path)
    damage(tmp_path, "decoder.layers.0.bias", "decoder.layers.0.weight", "foreign.weight")
    with pytest.raises(CannotStart) as caught:
        load_base(svd_base, fast_decoder=tmp_path)
    assert "missing: decoder.layers.0.bias" in caught.value.why
    assert caught.value.fix == "harness doctor --fetch taesd"


def test_a_tower_that_an_older_release_saved_with_the_numbers_of_its_places_is_whole(
    svd_base: Path, tmp_path: Path
) -> None:
    shutil.copytree(svd_base, tmp_path / "base")
    file = tmp_path / "base" / "image_encoder" / "model.safetensors"
    places = {"vision_model.embeddings.position_ids": torch.arange(50)[None]}
    save_file(load_file(file) | places, file, {"format": "pt"})
    assert load_base(tmp_path / "base").native_frames == 8


def test_a_base_that_doctor_fetched_is_found_by_its_hub_id_without_the_network(
    svd_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HARNESS_WEIGHTS", str(tmp_path))
    shutil.copytree(svd_base, tmp_path / "small-svd")
    assert locate_base("some/small-svd") == tmp_path / "small-svd"
    next((tmp_path / "small-svd" / "vae").glob("*.safetensors")).unlink()
    with pytest.raises(CannotStart, match="some/small-svd"):  # half of one is none
        locate_base("some/small-svd")


def test_too_little_memory_for_a_model_is_no_fault_of_its_folder(tmp_path: Path) -> None:
    class Greedy:
        @staticmethod
        def from_pretrained(folder: Path, **options: object) -> object:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp:119] DefaultCPUAllocator: can't allocate memory")

    with pytest.raises(MemoryError, match="DefaultCPUAllocator"):
        load_model(Greedy, tmp_path)
