"""Extension checkpoints: what goes in comes out, and what does not fit is named."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import UNetSpatioTemporalConditionModel
from safetensors.torch import load_file, save_file
from torch import Tensor

from harness.errors import CannotStart, UsageError
from harness.exvideo.checkpoint import (
    Header,
    apply_checkpoint,
    load_checkpoint,
    read_checkpoint,
    read_header,
    save_atomically,
    save_checkpoint,
)
from harness.exvideo.extension import ExtensionConfig, extend
from harness.exvideo.freezing import freeze
from tests.exvideo.helpers import run_unet, tiny_unet, unet_inputs

CONFIG = ExtensionConfig.of_native(8, num_frames=12)
HEADER = Header(CONFIG, "0123abcd", {"steps": 7, "loss": "edm"})
TABLE = "down_blocks.0.attentions.0.time_proj.weight"


def tuned(policy: str = "temporal") -> tuple[UNetSpatioTemporalConditionModel, dict[str, Tensor]]:
    """An extended UNet whose trainable parameters have moved."""
    unet = extend(tiny_unet(), CONFIG)
    chosen = freeze(unet, policy)  # type: ignore[arg-type]
    rng = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in chosen.values():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=rng))
    return unet, {name: p.detach() for name, p in chosen.items()}


@pytest.mark.parametrize("policy", ["temporal", "new_only"])
def test_a_round_trip_restores_the_model(tmp_path: Path, policy: str) -> None:
    unet, tensors = tuned(policy)
    save_checkpoint(tmp_path / "x.safetensors", tensors, HEADER, torch.float32)
    loaded = load_checkpoint(tiny_unet(), tmp_path / "x.safetensors", base="0123abcd")
    inputs = unet_inputs(12)
    assert torch.equal(run_unet(loaded, inputs), run_unet(unet, inputs))


def test_only_the_tuned_tensors_are_stored_in_half_precision(tmp_path: Path) -> None:
    _, tensors = tuned()
    save_checkpoint(tmp_path / "x.safetensors", tensors, HEADER)
    stored = load_file(tmp_path / "x.safetensors")
    assert stored.keys() == tensors.keys()
    assert {t.dtype for t in stored.values()} == {torch.float16}


def test_the_header_can_be_read_alone_and_says_everything(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "x.safetensors", tuned()[1], HEADER)
    assert read_header(tmp_path / "x.safetensors") == HEADER


def test_saving_the_same_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    tensors = tuned()[1]
    for name in "ab":
        save_checkpoint(tmp_path / name, tensors, HEADER)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b"]


def misfit(tmp_path: Path, change: Any) -> CannotStart:
    tensors = dict(tuned()[1])
    change(tensors)
    save_checkpoint(tmp_path / "x.safetensors", tensors, HEADER)
    with pytest.raises(CannotStart) as caught:
        load_checkpoint(tiny_unet(), tmp_path / "x.safetensors")
    assert caught.value.code == "E-CHECKPOINT"
    assert caught.value.where == str(tmp_path / "x.safetensors")
    return caught.value


def test_missing_keys_are_named(tmp_path: Path) -> None:
    assert f"missing: {TABLE}" in misfit(tmp_path, lambda t: t.pop(TABLE)).why


def test_unknown_keys_are_named(tmp_path: Path) -> None:
    error = misfit(tmp_path, lambda t: t.update({"conv_in.weight": torch.zeros(32, 8, 3, 3)}))
    assert "unknown: conv_in.weight" in error.why


def test_misshapen_keys_are_named_with_both_shapes(tmp_path: Path) -> None:
    error = misfit(tmp_path, lambda t: t.update({TABLE: torch.zeros(9, 32)}))
    assert f"misshapen: {TABLE} (9, 32), expected (12, 32)" in error.why


def test_another_base_is_refused_and_an_unknown_one_is_not(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "x.safetensors", tuned()[1], HEADER)
    checkpoint = read_checkpoint(tmp_path / "x.safetensors")
    with pytest.raises(CannotStart, match="another base") as caught:
        apply_checkpoint(tiny_unet(), checkpoint, base="ffff")
    assert "0123abcd" in caught.value.why
    unknown = dataclasses.replace(checkpoint, header=dataclasses.replace(HEADER, base=""))
    apply_checkpoint(tiny_unet(), unknown, base="ffff")


def test_files_that_are_no_checkpoints_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    save_file({"a": torch.zeros(1)}, tmp_path / "other")
    save_file({"a": torch.zeros(1)}, tmp_path / "damaged", metadata={"exvideo": '{"format": "exvideo-extension/1"}'})
    for name in ("text", "other", "damaged", "absent"):
        with pytest.raises(CannotStart) as caught:
            read_checkpoint(tmp_path / name)
        assert caught.value.code == "E-CHECKPOINT"


def test_values_that_do_not_fit_are_never_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not finite"):
        save_checkpoint(tmp_path / "x", {TABLE: torch.tensor([1e6])}, HEADER)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError) as caught:
        save_atomically(tmp_path / "file" / "x", {"a": torch.zeros(1)}, {})
    assert caught.value.code == "E-OUTPUT"
