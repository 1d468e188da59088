"""A checkpoint runs only in a row that says what it holds, and is decoded on the scale that it was trained on."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers import UNetSpatioTemporalConditionModel

from harness.errors import CannotStart
from harness.exvideo.base import load_base
from harness.exvideo.checkpoint import Header, save_checkpoint
from harness.exvideo.claim import Claim, load_claimed
from harness.exvideo.convert import convert
from harness.exvideo.extension import ExtensionConfig, extend
from harness.exvideo.freezing import freeze
from tests.exvideo.bases import tiny_vae
from tests.exvideo.helpers import tiny_unet


def saved(path: Path, conv: str, positions: str, factor: object = None) -> Path:
    """A checkpoint of 12 frames, as post-tuning writes it."""
    config = ExtensionConfig.of_native(8, num_frames=12, conv=conv, positions=positions)  # type: ignore[arg-type]
    tensors = freeze(extend(tiny_unet(), config), "temporal")
    header = Header(config, "", {"recipe": {"latent_factor": factor}})
    save_checkpoint(path, {name: tensor.detach() for name, tensor in tensors.items()}, header)
    return path


def refused(path: Path, claim: Claim) -> CannotStart:
    """The error, and that the UNet is as it was."""
    unet: UNetSpatioTemporalConditionModel = tiny_unet()
    names = set(unet.state_dict())
    with pytest.raises(CannotStart) as caught:
        load_claimed(unet, path, claim)
    assert set(unet.state_dict()) == names
    assert (caught.value.code, caught.value.where) == ("E-CHECKPOINT", str(path))
    return caught.value


def test_a_checkpoint_without_the_rows_convolution_or_with_other_positions_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "x.safetensors", "none", "sin")
    error = refused(path, Claim(conv=True, positions="learn_reflect"))
    assert error.why.splitlines() == [
        "its convolution is 'none', the row's is 'identity'",
        "its positions are 'sin', the row's are 'learn_reflect'",
    ]
    assert "harness posttune --conv identity --positions learn_reflect" in error.fix
    assert load_claimed(tiny_unet(), path, Claim(conv=False, positions="sin")) is None


def test_what_a_table_began_as_is_held_against_the_row_where_the_file_tells_it(svd_base: Path, tmp_path: Path) -> None:
    path = saved(tmp_path / "ours.safetensors", "identity", "learn_rand")
    assert "'learn_rand'" in refused(path, Claim(conv=True, positions="learn_reflect")).why
    published = tmp_path / "published.safetensors"
    convert(path, published, "published", str(svd_base))
    for positions in ("learn_rand", "learn_reflect"):
        load_claimed(tiny_unet(), published, Claim(conv=True, positions=positions))
    assert "'sin'" in refused(published, Claim(conv=True, positions="sin")).why


def test_the_scale_of_the_latents_is_the_one_of_the_training(tmp_path: Path) -> None:
    path = saved(tmp_path / "x.safetensors", "none", "sin", 0.13025)
    assert load_claimed(tiny_unet(), path, Claim(conv=False, positions="sin")) == 0.13025
    error = refused(path, Claim(conv=False, positions="sin", latent_factor=0.18215))
    assert error.why == "it was trained on latents times 0.13025, the row's are times 0.18215"
    silent = saved(tmp_path / "y.safetensors", "none", "sin")
    assert load_claimed(tiny_unet(), silent, Claim(conv=False, positions="sin", latent_factor=0.2)) == 0.2


def test_a_fast_decoder_gets_latents_of_another_scale_on_its_own(svd_base: Path, tmp_path: Path) -> None:
    tiny_vae().save_pretrained(tmp_path)
    plain, fast = load_base(svd_base), load_base(svd_base, fast_decoder=tmp_path)
    assert (plain.factor(), plain.factor(0.13025)) == (0.18215, 0.13025)
    assert fast.factor() == 0.7
    clean, trained_at = torch.full((4,), 2.0, dtype=torch.float64), 0.13025
    reaches_it = clean * trained_at / fast.factor(trained_at)
    assert torch.allclose(reaches_it, clean * plain.factor() / fast.factor())  # as from latents on the usual scale
