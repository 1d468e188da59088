"""CogVideoX with ExVideo's LoRA: names, merging, frames, and the rows, on a tiny pipeline written to disk."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKLCogVideoX, CogVideoXPipeline, CogVideoXTransformer3DModel
from numpy.typing import NDArray
from transformers import T5Config, T5EncoderModel

from harness.errors import CannotStart, UsageError
from harness.exvideo.cogvideo import CogSettings, generate, latent_shape, load_pipeline, merge_lora, read_lora
from harness.model import HubSource, Item, Protocol, Request
from harness.noise import make_noise
from harness.plan import protocol_skip
from harness.registry import load_plugins
from harness.variants._cogvideo_base import BYTES
from harness.variants.cogvideo import CogVideoX, CogVideoXDirect, CogVideoXExVideo, _Generator
from harness.weights import missing
from tests.exvideo.cog import lora, published_layers, save_cogvideo, save_lora
from tests.exvideo.test_pretrained import damage

WEIGHT = "ExVideo-CogVideoX-LoRA-129f-v1/ExVideo-CogVideoX-LoRA-129f-v1.safetensors"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cog")
    save_lora(folder / "weights" / WEIGHT)
    return save_cogvideo(folder / "base")


@pytest.fixture
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HARNESS_COGVIDEOX", str(folder))
    monkeypatch.setenv("HARNESS_WEIGHTS", str(folder.parent / "weights"))
    return folder


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HARNESS_COGVIDEOX", "HARNESS_WEIGHTS"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "HF_HOME", "HF_HUB_CACHE"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.chdir(tmp_path)


def make(config: CogVideoX, num_frames: int = 7, seed: int = 0) -> tuple[NDArray[np.uint8], dict[str, Any]]:
    noted: dict[str, Any] = {}
    generator = dataclasses.replace(config, steps=2, max_tokens=8).load("cpu")
    item = Item("a", "a cat", "0" * 64, 127)
    image = np.zeros((32, 32, 3), np.uint8)
    request = Request(
        item, seed, Protocol(num_frames, 32, 32, 8), image, make_noise(item.key, seed), lambda: None, note=noted.update
    )
    return generator.generate(request), noted


def test_a_lora_in_the_authors_names_becomes_one_in_diffusers(tmp_path: Path) -> None:
    names = {
        "blocks.1.attn1.to_out": "transformer_blocks.1.attn1.to_out.0",
        "blocks.0.ff.0": "transformer_blocks.0.ff.net.0.proj",
        "blocks.0.ff.2": "transformer_blocks.0.ff.net.2",
        "blocks.12.norm1.linear": "transformer_blocks.12.norm1.linear",
        "context_embedder": "patch_embed.text_proj",
        "time_embedder.timestep_embedder.2": "time_embedding.linear_2",
        "proj_out": "proj_out",
        "transformer.transformer_blocks.3.attn1.to_q": "transformer_blocks.3.attn1.to_q",
    }
    found = read_lora(save_lora(tmp_path / "x.safetensors", lora(list(names))))
    assert set(found) == {f"{ours}.lora_{half}" for ours in names.values() for half in "AB"}


@pytest.mark.parametrize(
    ("tensors", "why"),
    [
        (lora(["blocks.0.attn2.to_q"]), "such as blocks.0.attn2.to_q.lora_A.default.weight"),
        ({"unet.weight": torch.zeros(2, 2)}, "such as unet.weight"),
        ({"blocks.0.attn1.to_q.lora_A.weight": torch.zeros(2, 32)}, "one half of a layer is missing"),
    ],
)
def test_what_is_no_such_lora_is_named(tmp_path: Path, tensors: dict[str, torch.Tensor], why: str) -> None:
    path = save_lora(tmp_path / "x.safetensors", tensors)
    with pytest.raises(CannotStart) as caught:
        read_lora(path)
    assert caught.value.code == "E-CHECKPOINT"
    assert caught.value.where == str(path)
    assert why in caught.value.why


def test_a_lora_that_is_cut_short_is_named(tmp_path: Path) -> None:
    path = save_lora(tmp_path / "x.safetensors")
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(CannotStart, match="cannot be used"):
        read_lora(path)


def beside(pipe: CogVideoXPipeline, lora: dict[str, torch.Tensor]) -> CogVideoXPipeline:
    """A LoRA as it is defined (arXiv 2106.09685, eq. 3): what B A makes of a layer's input is added to its output."""
    for name in {name.rpartition(".")[0] for name in lora}:
        down, up = (lora[f"{name}.lora_{half}"].float() for half in "AB")
        pipe.transformer.get_submodule(name).register_forward_hook(
            lambda _, given, made, down=down, up=up: made + given[0] @ down.T @ up.T
        )
    return pipe


def by_diffusers(pipe: CogVideoXPipeline, lora: dict[str, torch.Tensor]) -> CogVideoXPipeline:
    """As diffusers loads it, with the package peft."""
    pipe.load_lora_weights({f"transformer.{name}.weight": tensor for name, tensor in lora.items()})
    return pipe


@pytest.mark.parametrize("loaded", [beside, by_diffusers])
def test_merging_is_what_a_lora_is_defined_to_do(folder: Path, tmp_path: Path, loaded: Any) -> None:
    lora = read_lora(save_lora(tmp_path / "x.safetensors"))
    merged = load_pipeline(folder)
    assert merge_lora(merged.transformer, lora) == len(published_layers())
    settings = CogSettings(5, steps=1, max_tokens=8)
    noise = np.random.default_rng(0).standard_normal(latent_shape(merged, settings, 32, 32), np.float32)
    one, two = (generate(pipe, "a dog", settings, noise) for pipe in (merged, loaded(load_pipeline(folder), lora)))
    assert np.abs(one.astype(int) - two.astype(int)).max() <= 1
    plain = generate(load_pipeline(folder), "a dog", settings, noise)
    assert np.abs(one.astype(int) - plain.astype(int)).max() > 1


def test_a_lora_of_another_model_is_refused_by_name(folder: Path) -> None:
    transformer = load_pipeline(folder).transformer
    before = [parameter.clone() for parameter in transformer.parameters()]
    tensors = {f"transformer_blocks.7.attn1.to_q.lora_{half}": torch.zeros(2, 2) for half in "AB"}
    tensors |= {"proj_out.lora_A": torch.zeros(2, 5), "proj_out.lora_B": torch.zeros(3, 2)}
    with pytest.raises(CannotStart) as caught:
        merge_lora(transformer, tensors, "x")
    assert "unknown: transformer_blocks.7.attn1.to_q.lora_A" in caught.value.why
    assert "misshapen: proj_out.lora_A (2, 5), expected (2, 32)" in caught.value.why
    assert all(torch.equal(old, new) for old, new in zip(before, transformer.parameters(), strict=True))


def test_settings_and_sizes_that_cannot_be_are_refused(folder: Path) -> None:
    assert [CogSettings(n).latent_frames for n in (1, 2, 5, 128, 129)] == [1, 2, 2, 33, 33]
    with pytest.raises(UsageError, match="steps is 0"):
        CogSettings(5, steps=0)
    with pytest.raises(UsageError) as caught:
        latent_shape(load_pipeline(folder), CogSettings(5), 40, 32)
    assert caught.value.code == "E-SIZE"
    assert caught.value.fix == "a suite of width and height divisible by 16: harness list suites"


def test_a_folder_that_is_not_complete_is_named(tmp_path: Path) -> None:
    with pytest.raises(CannotStart) as caught:
        load_pipeline(tmp_path)
    assert caught.value.code == "E-WEIGHTS"


@pytest.mark.parametrize(
    ("part", "missing", "misshapen"),
    [
        ("transformer", "norm_final.bias", "norm_final.weight"),
        ("vae", "decoder.conv_in.conv.bias", "decoder.conv_in.conv.weight"),
        ("text_encoder", "encoder.final_layer_norm.weight", "shared.weight"),
    ],
)
def test_weights_of_a_folder_that_do_not_fit_are_named(
    folder: Path, tmp_path: Path, part: str, missing: str, misshapen: str
) -> None:
    shutil.copytree(folder, tmp_path / "base")
    damage(tmp_path / "base" / part, missing, misshapen, "foreign.weight")
    with pytest.raises(CannotStart) as caught:
        load_pipeline(tmp_path / "base")
    assert (caught.value.code, caught.value.where) == ("E-WEIGHTS", str(tmp_path / "base"))
    for line in (f"in {part}/", "unknown: foreign.weight", f"missing: {missing}", f"misshapen: {misshapen} (7,)"):
        assert line in caught.value.why
    assert "harness doctor --fetch 'cogvideox-*'" in caught.value.fix


def test_the_rows_make_videos_that_depend_on_the_lora_and_on_the_noise(here: Path) -> None:
    tuned, noted = make(CogVideoXExVideo())
    assert tuned.shape == (7, 32, 32, 3)
    assert (noted["merged"], noted["steps"], noted["dtype"]) == (12, 2, "float32")
    again, _ = make(CogVideoXExVideo())
    assert np.array_equal(tuned, again)
    plain, notes = make(CogVideoXDirect())
    assert notes["merged"] == 0
    other, _ = make(CogVideoXExVideo(), seed=1)
    assert len({video.tobytes() for video in (tuned, plain, other)}) == 3
    assert not CogVideoXExVideo().needs().gpu


def test_after_memory_ran_out_the_parts_wait_on_the_cpu_for_good() -> None:
    told: list[tuple[str, object]] = []

    class Pipe:
        def __getattr__(self, name: str) -> Any:
            return lambda *given, **named: told.append((name, (*given, *named.values())))

    generator = _Generator.__new__(_Generator)
    generator.pipe, generator.device, generator.offloading = Pipe(), torch.device("cuda:0"), False
    for lighter in (False, True, False, True):
        generator._place(lighter=lighter)
    place = (torch.device("cuda:0"),)
    assert told == [("to", place), ("enable_model_cpu_offload", place)]


def test_the_rows_name_published_files_and_where_they_come_from(nowhere: None) -> None:
    needs = CogVideoXExVideo().needs()
    assert needs.gpu
    assert needs.max_frames == 129
    assert len(missing(needs.weights)) == 6
    sources = [weight.source for weight in needs.weights]
    assert all(isinstance(source, HubSource) for source in sources)
    assert sources[-1] == HubSource(
        "ECNU-CILab/ExVideo-CogVideoX-LoRA-129f-v1", "ExVideo-CogVideoX-LoRA-129f-v1.safetensors"
    )
    for weight in needs.weights:
        assert weight.how.startswith("harness doctor --fetch ")
        assert weight.licence
    assert len(CogVideoXDirect().needs().weights) == 5
    assert all(weight.size > 100_000_000 for weight in needs.weights)  # so that doctor can tell the room they take
    assert needs.vram_bytes == sum(weight.size for weight in CogVideoXDirect().needs().weights) > 21 * 10**9


@pytest.mark.slow
def test_the_sizes_of_the_published_files_follow_from_the_models_parameters() -> None:
    with torch.device("meta"):
        models = {
            "transformer": CogVideoXTransformer3DModel(
                num_attention_heads=48,
                time_embed_dim=512,
                num_layers=42,
                use_rotary_positional_embeddings=True,
            ),
            "text_encoder": T5EncoderModel(
                T5Config(d_model=4096, d_ff=10240, num_layers=24, num_heads=64, feed_forward_proj="gated-gelu")
            ),
            "vae": AutoencoderKLCogVideoX(block_out_channels=(128, 256, 256, 512), latent_channels=16),
        }
    counted = {part: 2 * sum(p.numel() for p in model.parameters()) for part, model in models.items()}
    assert counted == {part: sum(sizes) for part, sizes in BYTES.items()}


def test_the_rows_are_a_family_of_their_own(nowhere: None) -> None:
    rows = {spec.name: spec for spec in load_plugins().variants.values() if spec.family == "cogvideox"}
    assert {name: spec.role for name, spec in rows.items()} == {
        "cogvideox-exvideo": "method",
        "cogvideox-direct": "baseline",
    }
    assert rows["cogvideox-exvideo"].config.provenance()["training"]["published"].startswith("ECNU-CILab/")
    needs = rows["cogvideox-direct"].config.needs()
    assert "256 pixels and more" in protocol_skip(needs, Protocol(40, 64, 64, 10)).reason
    assert protocol_skip(needs, Protocol(128, 512, 512, 30)).reason == ""


def test_a_base_that_lacks_a_file_says_which_variable_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_COGVIDEOX", str(tmp_path / "none"))
    assert "export HARNESS_COGVIDEOX=DIR" in CogVideoXDirect().needs().weights[0].how
