"""Sampling against diffusers' own pipeline, and the laws of windows, guidance and precision."""

from __future__ import annotations

import dataclasses
import functools
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import StableVideoDiffusionPipeline
from diffusers.pipelines.stable_video_diffusion.pipeline_stable_video_diffusion import _resize_with_antialiasing
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from harness.errors import CannotStart, ItemError, UsageError
from harness.exvideo import pipeline
from harness.exvideo.base import backbone_digest, base_digest, load_base, locate_base, usable_device
from harness.exvideo.extension import ExtensionConfig, extend
from harness.exvideo.image import CLIP_MEAN, CLIP_STD, clip_pixels, to_frames, to_pixels
from harness.exvideo.pipeline import SamplingSettings, encode_condition, generate, run_unet, sample
from harness.exvideo.scheduler import karras_sigmas
from harness.machine import Gpu, Machine
from tests.exvideo.bases import save_base

SIZE = 16
loaded = functools.cache(load_base)  # as it is, never extended


def picture(size: int = SIZE) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def make(base: Path, settings: SamplingSettings, **config: Any) -> NDArray[np.uint8]:
    components = load_base(base) if config else loaded(base)
    if config:
        extend(components.unet, ExtensionConfig.of_native(8, **config))
    noise = draw(*components.latent_shape(settings.num_frames, SIZE, SIZE))
    return generate(components, picture(), settings, noise, draw(3, SIZE, SIZE, seed=1))


@pytest.mark.parametrize("guidance", [(1.0, 1.0), (1.0, 3.0)])
def test_latents_and_frames_agree_with_diffusers(svd_base: Path, guidance: tuple[float, float]) -> None:
    settings = SamplingSettings(
        6, steps=4, fps=10, motion_bucket=90, min_guidance=guidance[0], max_guidance=guidance[1], decode_chunk=4
    )
    components = loaded(svd_base)
    noise = draw(*components.latent_shape(6, SIZE, SIZE))
    rng = torch.Generator().manual_seed(7)
    image_noise = torch.randn(1, 3, SIZE, SIZE, generator=rng)[0]
    condition = encode_condition(components, picture(), settings, image_noise)
    latents = sample(components, condition, settings, noise)
    frames = generate(components, picture(), settings, noise, image_noise)
    torch.testing.assert_close(latents, stock(svd_base, settings, noise, "latent"), atol=1e-4, rtol=0)
    theirs = stock(svd_base, settings, noise, "pt").permute(0, 2, 3, 1).numpy() * 255
    assert np.abs(frames - theirs).max() < 0.51  # ours is theirs, rounded


def stock(base: Path, settings: SamplingSettings, noise: Tensor, output: str) -> Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        pipe = StableVideoDiffusionPipeline.from_pretrained(base)
        pipe.set_progress_bar_config(disable=True)
        return pipe(  # type: ignore[no-any-return]
            Image.fromarray(picture()),
            height=SIZE,
            width=SIZE,
            num_frames=settings.num_frames,
            num_inference_steps=settings.steps,
            min_guidance_scale=settings.min_guidance,
            max_guidance_scale=settings.max_guidance,
            fps=settings.fps,
            motion_bucket_id=settings.motion_bucket,
            noise_aug_strength=settings.noise_aug_strength,
            decode_chunk_size=settings.decode_chunk,
            latents=noise[None],
            generator=torch.Generator().manual_seed(7),
            output_type=output,
        ).frames[0]


@pytest.mark.parametrize(("height", "width"), [(64, 64), (576, 1024), (224, 300)])
def test_the_towers_input_is_resized_as_svd_does(height: int, width: int) -> None:
    pixels = draw(2, 3, height, width).clamp(-1, 1)
    resized = (_resize_with_antialiasing(pixels, (224, 224)) + 1) / 2
    mean, std = (torch.tensor(v)[:, None, None] for v in (CLIP_MEAN, CLIP_STD))
    torch.testing.assert_close(clip_pixels(pixels), (resized - mean) / std, atol=1e-5, rtol=1e-5)


def test_bytes_survive_the_way_to_pixels_and_back() -> None:
    every = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 16, 16, 3)
    assert np.array_equal(to_frames(to_pixels(every)), every)


def test_overflow_is_an_error_and_not_a_black_frame() -> None:
    with pytest.raises(ItemError) as caught:
        to_frames(torch.tensor([0.0, float("nan"), 1.0]).reshape(1, 3, 1, 1))
    assert caught.value.code == "E-NAN"


def test_both_autoencoders_give_clips_of_the_images_size(svd_base: Path, tiny_base: Path) -> None:
    for base in (svd_base, tiny_base):
        frames = make(base, SamplingSettings(5, steps=2))
        assert frames.shape == (5, SIZE, SIZE, 3)
        assert frames.dtype == np.uint8


def test_the_result_is_a_function_of_its_arguments(tiny_base: Path) -> None:
    first = make(tiny_base, SamplingSettings(5, steps=3))
    torch.manual_seed(99)
    assert np.array_equal(first, make(tiny_base, SamplingSettings(5, steps=3)))


def test_the_ends_of_the_noise_grid_may_be_others_than_the_bases(tiny_base: Path) -> None:
    own = loaded(tiny_base).scheduler.config
    low, high = own.sigma_min, own.sigma_max
    clip = make(tiny_base, SamplingSettings(4, steps=3))
    assert np.array_equal(clip, make(tiny_base, SamplingSettings(4, steps=3, sigma_range=(low, high))))
    for other in ((low * 4, high), (low, high / 4)):
        assert not np.array_equal(clip, make(tiny_base, SamplingSettings(4, steps=3, sigma_range=other)))


@pytest.mark.parametrize("positions", ["learn_reflect", "sin"])
def test_a_fresh_extension_makes_the_bases_clip(tiny_base: Path, positions: str) -> None:
    settings = SamplingSettings(8, steps=3, max_guidance=2.0)
    plain = make(tiny_base, settings).astype(int)
    extended = make(tiny_base, settings, num_frames=20, positions=positions).astype(int)
    assert np.abs(plain - extended).max() <= 1


def test_windows_that_cover_the_clip_equal_one_pass(tiny_base: Path) -> None:
    one = SamplingSettings(7, steps=3)
    windowed = dataclasses.replace(one, window=8, stride=2)
    assert np.array_equal(make(tiny_base, one), make(tiny_base, windowed))


def test_windows_blend_the_predictions_of_native_length_clips(tiny_base: Path) -> None:
    """One step by hand: windows 0..7 and 4..11 of 12 frames, each with its own frame numbers from 0."""
    components = load_base(tiny_base)
    settings = SamplingSettings(12, steps=1, window=8, stride=4)
    condition = encode_condition(components, picture(), settings, draw(3, SIZE, SIZE))
    noise = draw(*components.latent_shape(12, SIZE, SIZE))
    timestep = 0.25 * torch.tensor(80.0).log()
    with torch.no_grad():
        first, second = (run_unet(components, noise[s : s + 8], timestep, [condition], "full")[0] for s in (0, 4))
    rise = torch.arange(1, 5)[:, None, None, None] / 8
    fall = torch.arange(4, 0, -1)[:, None, None, None] / 8
    middle = (first[4:] * fall + second[:4] * rise) / (rise + fall)
    prediction = torch.cat([first[:4], middle, second[4:]])
    sigma = torch.tensor(80.0)
    state = noise * (sigma**2 + 1).sqrt()
    expected = state / (sigma**2 + 1) - prediction * sigma / (sigma**2 + 1).sqrt()
    torch.testing.assert_close(sample(components, condition, settings, noise), expected, atol=1e-2, rtol=0)


def test_contrast_and_factor_act_on_the_latents(tiny_base: Path) -> None:
    plain = SamplingSettings(4, steps=2)
    doubled = make(tiny_base, dataclasses.replace(plain, contrast=2.0))
    assert np.array_equal(doubled, make(tiny_base, dataclasses.replace(plain, latent_factor=0.35)))
    assert not np.array_equal(doubled, make(tiny_base, plain))


def test_autocast_stays_near_full_precision(tiny_base: Path) -> None:
    full = make(tiny_base, SamplingSettings(6, steps=3), num_frames=12).astype(int)
    half = make(tiny_base, SamplingSettings(6, steps=3, precision="bf16"), num_frames=12).astype(int)
    assert 0 < np.abs(full - half).mean() < 4


def test_guidance_of_one_equals_no_guidance_and_more_does_not(tiny_base: Path) -> None:
    off = make(tiny_base, SamplingSettings(4, steps=2))
    assert np.array_equal(off, make(tiny_base, SamplingSettings(4, steps=2, min_guidance=0.5, max_guidance=1.0)))
    assert not np.array_equal(off, make(tiny_base, SamplingSettings(4, steps=2, max_guidance=4.0)))


def test_low_noise_may_go_without_guidance(tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    real = pipeline.run_unet

    def counted(*args: Any) -> Tensor:
        calls.append(1)
        return real(*args)

    monkeypatch.setattr(pipeline, "run_unet", counted)
    low, high = 0.1, 10.0
    clips, counts = [], []
    for above in (0.0, 1.0, high):
        calls.clear()
        settings = SamplingSettings(
            4, steps=4, sigma_range=(low, high), min_guidance=3.0, max_guidance=3.0, guidance_above=above
        )
        clips.append(make(tiny_base, settings))
        counts.append(len(calls))
    assert counts == [8, 4 + sum(karras_sigmas(4, sigma_min=low, sigma_max=high) > 1.0), 4]
    plain = make(tiny_base, SamplingSettings(4, steps=4, sigma_range=(low, high)))
    assert np.array_equal(clips[2], plain)
    assert not np.array_equal(clips[1], clips[0])
    assert not np.array_equal(clips[1], plain)


@pytest.mark.parametrize(
    "wrong",
    [
        {"num_frames": 0},
        {"num_frames": 8, "steps": 0},
        {"num_frames": 8, "motion_bucket": 256},
        {"num_frames": 8, "noise_aug_strength": float("nan")},
        {"num_frames": 8, "guidance_above": -1.0},
        {"num_frames": 8, "sigma_range": (0.0, 20.0)},
        {"num_frames": 8, "sigma_range": (0.02, float("inf"))},
        {"num_frames": 8, "sigma_range": (20.0, 20.0)},
        {"num_frames": 8, "precision": "int8"},
        {"num_frames": 8, "window": 4},
        {"num_frames": 8, "window": 4, "stride": 5},
    ],
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        SamplingSettings(**wrong)
    assert caught.value.code in ("E-SETTINGS", "E-WINDOW")


def test_sizes_and_shapes_are_checked(tiny_base: Path) -> None:
    components, settings = loaded(tiny_base), SamplingSettings(4, steps=1)
    with pytest.raises(UsageError) as caught:
        generate(components, picture(15), settings, draw(4, 4, 7, 7), draw(3, 15, 15))
    assert caught.value.code == "E-SIZE"
    with pytest.raises(ValueError, match="noise has shape"):
        generate(components, picture(), settings, draw(3, 4, 8, 8), draw(3, SIZE, SIZE))


def test_missing_bases_are_named(tmp_path: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    (tmp_path / "vae").mkdir()
    for source in (tmp_path, "no/such-model", tmp_path / "nowhere"):
        with pytest.raises(CannotStart) as caught:
            load_base(source)
        assert caught.value.code == "E-WEIGHTS"
        assert str(source) in caught.value.what


def test_the_hub_is_asked_for_half_precision_files_first(tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def download(source: str, allow_patterns: list[str]) -> str:
        assert source == "some/model"
        asked.append(allow_patterns)
        return str(tiny_base)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    assert locate_base("some/model") == tiny_base
    assert len(asked) == 1  # the folder has full-precision files already, so nothing more is needed
    assert "unet/*.fp16.safetensors" in asked[0]
    assert "scheduler/*config.json" in asked[0]


def test_a_damaged_weight_file_is_named(tmp_path: Path) -> None:
    save_base(tmp_path, tiny=True)
    weights = tmp_path / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(CannotStart) as caught:
        load_base(tmp_path)
    assert caught.value.code == "E-WEIGHTS"


def test_devices_that_are_not_there_are_named() -> None:
    with pytest.raises(UsageError) as caught:
        usable_device("quantum")
    assert caught.value.code == "E-SETTINGS"
    with pytest.raises(CannotStart) as missing:
        usable_device("cuda:99")
    assert missing.value.code == "E-NO-GPU"
    assert f"torch {torch.__version__}" in missing.value.why


def test_a_gpu_that_torch_does_not_see_is_named_with_its_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    card = Gpu(0, "NVIDIA RTX 4090", 24 * 10**9, 20 * 10**9, "550.54")
    monkeypatch.setattr("harness.exvideo.base.look", lambda: Machine((card,), "2.14.1+cu130", True))
    with pytest.raises(CannotStart) as missing:
        usable_device("cuda:99")
    assert missing.value.why.endswith("nvidia-smi sees NVIDIA RTX 4090 (driver 550.54)")
    assert "for a driver before 580" in missing.value.fix


def test_the_digest_of_a_base_follows_its_weights(tmp_path: Path) -> None:
    save_base(tmp_path / "a", tiny=True)
    before = base_digest(tmp_path / "a")
    assert before == base_digest(tmp_path / "a")
    (tmp_path / "a" / "model_index.json").write_text("{}")
    assert base_digest(tmp_path / "a") == before
    weights = tmp_path / "a" / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    assert base_digest(tmp_path / "a") != before


def test_a_checkpoint_is_tied_to_unet_and_image_tower_not_to_the_autoencoder(tmp_path: Path) -> None:
    save_base(tmp_path / "a", tiny=True)
    before = backbone_digest(tmp_path / "a")
    for part, changes in (("vae", False), ("image_encoder", True), ("unet", True)):
        weights = next((tmp_path / "a" / part).glob("*.safetensors"))
        weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
        assert (backbone_digest(tmp_path / "a") != before) == changes
        before = backbone_digest(tmp_path / "a")
