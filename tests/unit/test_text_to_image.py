"""Pictures drawn for prompts, stored once and run as a suite."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from harness.errors import CannotStart, Refused, UsageError
from harness.model import Image
from harness.suite import load_suite
from harness.suite_pictures import is_free_name
from harness.text_to_image import Settings, command, load_painter, make_suite, read_prompts

SETTINGS = Settings("someone/painter", size=64, seed=3, steps=2)


def noise(prompt: str, size: int = 64) -> Image:
    """A painter: another picture for another prompt."""
    return np.random.default_rng(len(prompt)).integers(0, 256, (size, size, 3), dtype=np.uint8)


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    path = tmp_path / "prompts.txt"
    path.write_text('# two of them\na red kite over dunes\n\n  Ein Boot, "weiß"  \n', encoding="utf-8")
    return path


def test_a_suite_is_made_of_what_was_drawn(prompts: Path, tmp_path: Path) -> None:
    out = tmp_path / "my-suite"
    assert make_suite(prompts, SETTINGS, out, lambda: noise) == "my-suite@1"
    loaded = load_suite(str(out))
    assert [item.slug for item in loaded.suite.items] == ["000-a-red-kite-over-dunes", "001-ein-boot-wei"]
    assert [item.prompt for item in loaded.suite.items] == ["a red kite over dunes", 'Ein Boot, "weiß"']
    shape = loaded.suite.protocol
    assert (shape.num_frames, shape.height, shape.width, shape.fps) == (128, 64, 64, 30)
    for item in loaded.suite.items:
        np.testing.assert_array_equal(loaded.image(item), noise(item.prompt))
        table = loaded.tables[item.slug]
        assert (table["pipeline"], table["seed"], table["steps"]) == ("someone/painter", 3, 2)
    assert "| pipeline | someone/painter |" in (out / "CARD.md").read_text()


def test_a_drawn_picture_is_held_to_its_digest(prompts: Path, tmp_path: Path) -> None:
    out = tmp_path / "my-suite"
    make_suite(prompts, SETTINGS, out, lambda: noise)
    loaded = load_suite(str(out))
    first, second = (out / "images" / f"{item.slug}.png" for item in loaded.suite.items)
    first.write_bytes(second.read_bytes())
    with pytest.raises(Refused, match="has changed"):
        loaded.image(loaded.suite.items[0])
    (out / "suite.toml").write_text((out / "suite.toml").read_text().replace("red kite over", "green kite over"))
    with pytest.raises(Refused, match="was edited"):
        load_suite(str(out))


def test_a_suite_is_never_drawn_over(prompts: Path, tmp_path: Path) -> None:
    make_suite(prompts, SETTINGS, tmp_path / "mine", lambda: noise)
    with pytest.raises(UsageError) as caught:
        make_suite(prompts, SETTINGS, tmp_path / "mine", lambda: noise)
    assert caught.value.code == "E-EXISTS"


@pytest.mark.parametrize(
    ("image", "why"),
    [
        (np.zeros((64, 64, 3), np.uint8), "one colour"),
        (noise("x", 32), "32x32 pixels, 64 each way"),
    ],
)
def test_a_picture_that_cannot_begin_a_video_stops_it(prompts: Path, tmp_path: Path, image: Image, why: str) -> None:
    with pytest.raises(CannotStart) as caught:
        make_suite(prompts, SETTINGS, tmp_path / "mine", lambda: lambda prompt: image)
    assert caught.value.code == "E-IMAGE"
    assert "a red kite over dunes" in caught.value.what
    assert why in caught.value.why
    assert not (tmp_path / "mine" / "suite.toml").exists()


@pytest.mark.parametrize("name", ["mini", "exvideo-128", "Mine", "my_suite", "-", "two--dashes"])
def test_a_name_that_is_taken_or_odd_is_refused_before_anything_is_loaded(
    prompts: Path, tmp_path: Path, name: str
) -> None:
    assert not is_free_name(name)
    with pytest.raises(UsageError) as caught:
        make_suite(prompts, SETTINGS, tmp_path / name, lambda: pytest.fail("the pipeline was loaded"))
    assert caught.value.code == "E-OPTION"


@pytest.mark.parametrize(("text", "why"), [("", "no prompt"), ("# only\n", "no prompt"), ("a\nb\na\n", "twice: a")])
def test_a_list_without_prompts_or_with_one_twice(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "prompts.txt"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"prompts\.txt is no list of prompts") as caught:
        read_prompts(path)
    assert why in caught.value.why


def test_a_missing_list_is_an_error_of_four_parts(tmp_path: Path) -> None:
    ran = CliRunner().invoke(command, [str(tmp_path / "no.txt"), "--pipeline", "x", "--out", str(tmp_path / "mine")])
    assert ran.exit_code == 2
    assert "E-OPTION" in ran.stderr
    assert "Traceback" not in ran.output


def test_settings_leave_the_pipelines_defaults_alone() -> None:
    assert Settings("x").call() == {"height": 512, "width": 512}
    assert Settings("x", size=64, steps=4, guidance=0.0).call() == {
        "height": 64, "width": 64, "num_inference_steps": 4, "guidance_scale": 0.0,
    }  # fmt: skip


@pytest.mark.slow
def test_a_pipeline_that_is_none_is_an_error_of_four_parts(tmp_path: Path) -> None:
    with pytest.raises(CannotStart) as caught:
        load_painter(Settings(str(tmp_path)), "cpu")
    assert caught.value.code == "E-WEIGHTS"
    assert caught.value.why
    with pytest.raises(UsageError):
        load_painter(Settings(str(tmp_path)), "toaster")


@pytest.mark.slow
def test_a_diffusers_pipeline_draws_the_same_picture_twice(tmp_path: Path) -> None:
    tiny_pipeline(tmp_path / "tiny")
    settings = Settings(str(tmp_path / "tiny"), size=64, steps=2)
    paint = load_painter(settings, "cpu")
    image = paint("a cat")
    assert image.shape == (64, 64, 3)
    assert image.std() > 0
    np.testing.assert_array_equal(paint("a cat"), image)
    assert (paint("a dog") != image).any()
    other = load_painter(replace(settings, precision="bfloat16"), "cpu")("a cat")
    assert (other != image).any()
    assert np.abs(other.astype(int) - image.astype(int)).mean() < 8


def tiny_pipeline(folder: Path) -> None:
    """Stable Diffusion with random weights in a few kilobytes, written as diffusers writes it."""
    import torch
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    torch.manual_seed(0)
    words = ["<|startoftext|>", "<|endoftext|>", *"abcdefghijklmnopqrstuvwxyz", *(f"{c}</w>" for c in "acdgot")]
    folder.mkdir()
    (folder / "vocab.json").write_text(json.dumps({word: index for index, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    unet = UNet2DConditionModel(
        sample_size=8, in_channels=4, out_channels=4, block_out_channels=(8, 16), layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=8, norm_num_groups=4, attention_head_dim=4,
    )  # fmt: skip
    vae = AutoencoderKL(
        block_out_channels=(4, 4, 4, 4), down_block_types=("DownEncoderBlock2D",) * 4, norm_num_groups=2,
        up_block_types=("UpDecoderBlock2D",) * 4, latent_channels=4, sample_size=64,
    )  # fmt: skip
    text = CLIPTextConfig(
        vocab_size=len(words), hidden_size=8, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=16, bos_token_id=0, eos_token_id=1, pad_token_id=1,
    )  # fmt: skip
    tokenizer = CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=16)
    scheduler = DDIMScheduler(steps_offset=1, clip_sample=False)
    StableDiffusionPipeline(
        vae=vae, text_encoder=CLIPTextModel(text), tokenizer=tokenizer, unet=unet, scheduler=scheduler,
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    ).save_pretrained(folder)  # fmt: skip
