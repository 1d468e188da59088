"""A base as a single file in its authors' names equals the same base in diffusers' folder."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from harness.errors import CannotStart
from harness.exvideo.base import base_digest, load_base, locate_base, unet_config
from harness.exvideo.original_names import TOWER, unet_origins
from harness.exvideo.published import fingerprint
from harness.exvideo.single_file import ORIGINS, _empty
from harness.exvideo.svd_xt import skeleton, svd_xt
from tests.exvideo.single import save_single_file

full = cache(skeleton)
# Tensors in the original file, counted by hand, and the md5 of the names and shapes that were derived when they were
# compared. Autoencoder: 106 of the encoder and 2 behind it, 138 of Stable Diffusion's decoder, 9 more in each of its 14
# residual blocks, 2 of the last convolution over time. Tower: 12 in each of 32 layers, and 8 around them.
ORIGINALS = {
    "unet": (1428, "d8602b50ce9f68937778c4c77fc345d7"),
    "vae": (106 + 2 + 138 + 14 * 9 + 2, "d128711f67206b8712245201e4307705"),
    "image_encoder": (32 * 12 + 8, "d3fe26103ea4505ab10dcdaf1cec7a2c"),
}


@pytest.fixture(scope="module")
def single(svd_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_single_file(svd_base, tmp_path_factory.mktemp("single") / "svd.safetensors")


def test_every_part_is_the_same_by_both_routes(svd_base: Path, single: Path) -> None:
    folder, file = load_base(svd_base), load_base(single)
    for ours, theirs in (
        (folder.unet, file.unet),
        (folder.vae.model, file.vae.model),
        (folder.image_encoder, file.image_encoder),
    ):
        expected, found = ours.state_dict(), theirs.state_dict()
        assert expected.keys() == found.keys()
        assert all(torch.equal(expected[name], found[name]) for name in expected)
    assert all(folder.scheduler.config[name] == file.scheduler.config[name] for name in svd_xt()["scheduler"])
    assert file.native_frames == 8
    assert not any(parameter.requires_grad for parameter in file.unet.parameters())


def test_half_precision_is_applied_to_every_part(single: Path) -> None:
    base = load_base(single, dtype=torch.bfloat16)
    models = (base.unet, base.vae.model, base.image_encoder)
    assert {p.dtype for model in models for p in model.parameters()} == {torch.bfloat16}


def test_every_parameter_of_svd_xt_has_a_place_of_its_own_in_the_original_file() -> None:
    for part, model in _empty(svd_xt()):
        origins = ORIGINS[part](model)
        state = model.state_dict()
        assert origins.keys() == state.keys()
        places = {(origin.name, origin.index) for origin in origins.values()}
        assert len(places) == len(origins)
        shapes = {origin.name: origin.stored(tuple(state[name].shape)) for name, origin in origins.items()}
        assert (len(shapes), fingerprint(shapes)) == ORIGINALS[part], part


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("conv_in.weight", "input_blocks.0.0.weight"),
        ("down_blocks.2.downsamplers.0.conv.weight", "input_blocks.9.0.op.weight"),
        ("down_blocks.1.attentions.1.time_pos_embed.linear_2.bias", "input_blocks.5.1.time_pos_embed.2.bias"),
        (
            "down_blocks.1.attentions.0.temporal_transformer_blocks.0.ff_in.net.0.proj.bias",
            "input_blocks.4.1.time_stack.0.ff_in.net.0.proj.bias",
        ),
        ("down_blocks.3.resnets.1.time_mixer.mix_factor", "input_blocks.11.0.time_mixer.mix_factor"),
        (
            "mid_block.resnets.1.temporal_res_block.time_emb_proj.weight",
            "middle_block.2.time_stack.emb_layers.1.weight",
        ),
        ("up_blocks.0.upsamplers.0.conv.weight", "output_blocks.2.1.conv.weight"),
        ("up_blocks.1.upsamplers.0.conv.weight", "output_blocks.5.2.conv.weight"),
        ("up_blocks.3.resnets.2.spatial_res_block.conv_shortcut.bias", "output_blocks.11.0.skip_connection.bias"),
        ("conv_out.bias", "out.2.bias"),
    ],
)
def test_known_names_of_svd_xt(ours: str, theirs: str) -> None:
    assert unet_origins(full())[ours].name == f"model.diffusion_model.{theirs}"


def damaged(single: Path, folder: Path, change: Any) -> CannotStart:
    tensors = load_file(single)
    change(tensors)
    save_file(tensors, folder / "x.safetensors")
    (folder / "x.json").write_text(single.with_suffix(".json").read_text())
    with pytest.raises(CannotStart) as caught:
        load_base(folder / "x.safetensors")
    assert caught.value.code == "E-WEIGHTS"
    assert caught.value.where == str(folder / "x.safetensors")
    assert caught.value.fix
    return caught.value


def test_what_does_not_fit_is_named_as_in_the_file(single: Path, tmp_path: Path) -> None:
    visual = f"{TOWER}ln_pre.bias"
    assert f"missing: {visual}" in damaged(single, tmp_path, lambda t: t.pop(visual)).why
    extra = {"model.diffusion_model.input_blocks.9.0.op.bias": torch.zeros(4)}
    assert (
        "unknown: model.diffusion_model.input_blocks.9.0.op.bias"
        in damaged(single, tmp_path, lambda t: t.update(extra)).why
    )
    short = {"model.diffusion_model.out.2.bias": torch.zeros(3)}
    why = damaged(single, tmp_path, lambda t: t.update(short)).why
    assert "misshapen: model.diffusion_model.out.2.bias (3,), expected (4,)" in why


def test_foreign_truncated_and_absent_files_are_named(single: Path, tmp_path: Path) -> None:
    assert "no tensor under model.diffusion_model" in damaged(single, tmp_path, _keep_the_tower).why
    (tmp_path / "cut.safetensors").write_bytes(single.read_bytes()[:5000])
    for name in ("cut.safetensors", "absent.safetensors"):
        with pytest.raises(CannotStart) as caught:
            load_base(tmp_path / name)
        assert caught.value.code == "E-WEIGHTS"


def _keep_the_tower(tensors: dict[str, Any]) -> None:
    for name in [n for n in tensors if not n.startswith("conditioner")]:
        del tensors[name]


def test_the_file_beside_it_says_what_differs_from_svd_xt(single: Path, tmp_path: Path) -> None:
    assert unet_config(single)["num_frames"] == 8
    (tmp_path / "svd.safetensors").write_bytes(b"")
    assert unet_config(tmp_path / "svd.safetensors") == svd_xt()["unet"]
    (tmp_path / "svd.json").write_text(json.dumps({"unet": {"num_frames": 14}}))
    assert unet_config(tmp_path / "svd.safetensors") == {**svd_xt()["unet"], "num_frames": 14}
    for text in ("{", "[]", '{"encoder": {}}'):
        (tmp_path / "svd.json").write_text(text)
        with pytest.raises(CannotStart) as caught:
            unet_config(tmp_path / "svd.safetensors")
        assert caught.value.code == "E-WEIGHTS"


def test_the_identity_of_a_single_file_follows_its_bytes_and_its_description(single: Path, tmp_path: Path) -> None:
    copy = tmp_path / "svd.safetensors"
    copy.write_bytes(single.read_bytes())
    copy.with_suffix(".json").write_text(single.with_suffix(".json").read_text())
    assert base_digest(copy) == base_digest(single)
    copy.with_suffix(".json").unlink()
    assert base_digest(copy) != base_digest(single)


def test_a_gated_repository_says_how_to_get_in(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub.errors import GatedRepoError

    def refuse(source: str, **rest: Any) -> str:
        raise GatedRepoError("401 Client Error", response=SimpleNamespace(headers={}, request=None))  # type: ignore[arg-type]

    monkeypatch.setattr("huggingface_hub.snapshot_download", refuse)
    with pytest.raises(CannotStart) as caught:
        locate_base("some/gated-model")
    assert caught.value.code == "E-WEIGHTS"
    assert "https://huggingface.co/some/gated-model is gated" in caught.value.why
    assert caught.value.fix.endswith("hf auth login")
