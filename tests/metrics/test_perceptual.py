"""LPIPS-type distances: the published formula on any trunk, the refusal of another trunk, and the known answers."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from harness.clip import Clip
from harness.errors import CannotStart
from harness.keys import sha256_bytes
from harness.metrics import ff_lpips as lpips_module
from harness.metrics._perceptual import CHANNELS, Perceptual, alex_slices, shift_tolerant_slices
from harness.metrics.ff_psnr import ff_psnr
from harness.metrics.ff_st_lpips import WEIGHTS, ff_st_lpips
from harness.model import Frames
from harness.weights import missing, resolve
from tests.metrics.moving import noise, still, texture

here = pytest.mark.skipif(bool(missing([WEIGHTS])), reason=f"needs weights: {WEIGHTS.how}")


def random_images(count: int, size: int = 64) -> torch.Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.slow
def test_it_is_the_lpips_of_the_lpips_package_for_any_trunk() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = importlib.import_module("lpips").LPIPS(net="alex", pnet_rand=True, verbose=False).eval()
    state = theirs.net.state_dict()
    trunk = {f"features.{key.split('.', 1)[1]}": value for key, value in state.items()}
    heads = torch.load(lpips_module.heads_weight().path, map_location="cpu", weights_only=True)
    ours = lpips_module.build(trunk, heads)
    images = random_images(6)
    with torch.inference_mode():
        expected = theirs(images[:1].expand(6, -1, -1, -1), images).flatten()
        found = ours(images[:1], images)
    assert found == pytest.approx(expected, abs=1e-6)
    assert float(found[0]) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("slices", [alex_slices, shift_tolerant_slices])
def test_batches_do_not_change_a_distance_and_small_images_pass(slices: Callable[[], list[nn.Sequential]]) -> None:
    torch.manual_seed(0)
    net = Perceptual(slices()).eval()
    with torch.no_grad():
        for head in net.heads:
            head.fill_(1)
    images = random_images(6, 32)
    with torch.inference_mode():
        together = net(images[:1], images)
        alone = torch.cat([net(images[:1], images[k : k + 1]) for k in range(6)])
    assert together == pytest.approx(alone, rel=1e-4, abs=1e-9)
    assert float(together[0]) == pytest.approx(0, abs=1e-9)
    assert (together[1:] > 0).all()


def test_a_state_that_does_not_fit_is_refused() -> None:
    net = Perceptual(shift_tolerant_slices())
    heads = {f"lin{k}.model.1.weight": torch.zeros(1, c, 1, 1) for k, c in enumerate(CHANNELS)}
    with pytest.raises(RuntimeError):
        net.load({}, heads)
    heads["lin2.model.1.weight"] = torch.zeros(1, 3, 1, 1)
    with pytest.raises(RuntimeError, match="head 2"):
        net.load(net.slices.state_dict(), heads)


def test_another_trunk_is_refused_under_the_name_lpips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = tmp_path / "hub" / "checkpoints"
    hub.mkdir(parents=True)
    (hub / lpips_module.TRUNK_FILE).write_bytes(b"something else")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    lpips_module.load_lpips.cache_clear()
    with pytest.raises(CannotStart) as caught:
        lpips_module.ff_lpips(Clip(still(3), 8, texture(64, 64)))
    assert caught.value.code == "E-WEIGHTS-DIGEST"


def test_other_heads_are_refused_under_the_name_lpips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    true = lpips_module.heads_weight()
    assert missing([true]) == []
    resolve(true)
    scaled = {k: 100 * v for k, v in torch.load(true.path, map_location="cpu", weights_only=True).items()}
    torch.save(scaled, tmp_path / "alex.pth")
    with pytest.raises(CannotStart) as caught:
        resolve(replace(true, path=str(tmp_path / "alex.pth")))
    assert caught.value.code == "E-WEIGHTS-DIGEST"


def test_the_trunk_is_part_of_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = tmp_path / "hub" / "checkpoints"
    hub.mkdir(parents=True)
    (hub / lpips_module.TRUNK_FILE).write_bytes(b"a trunk")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert lpips_module.trunk_weight().sha256 == sha256_bytes(b"a trunk")


def test_psnr_of_a_known_difference() -> None:
    image = texture(64, 64)
    frames = np.stack([image, (image.astype(np.int16) + 8).astype(np.uint8)])
    score = ff_psnr(Clip(frames, 8, image))
    assert score.value == 100
    expected = 20 * np.log10(255 / 8)
    assert score.detail["end"] == pytest.approx((100 + expected) / 2)
    assert score.detail["slope"] == pytest.approx(expected - 100)
    assert ff_psnr(Clip(frames, 8)).status == "undefined"
    assert ff_psnr(Clip(frames, 8, texture(32, 32))).status == "excluded"


def test_psnr_falls_with_blur_noise_and_shift() -> None:
    canvas = texture(64, 72)
    image = np.ascontiguousarray(canvas[:, :64])

    def decibels(frame: Frames) -> float:
        found: float | None = ff_psnr(Clip(np.ascontiguousarray(frame)[None], 8, image)).value
        assert found is not None
        return found

    for values in (
        [decibels(cv2.GaussianBlur(image, (0, 0), s)) for s in (0.5, 1, 2)],
        [decibels(noise(image[None], s)[0]) for s in (0.01, 0.05, 0.2)],
        [decibels(canvas[:, s : 64 + s]) for s in (1, 2, 4)],
    ):
        assert values == sorted(values, reverse=True)
        assert max(values) < 100
    assert decibels(noise(image[None], 0.05)[0]) == pytest.approx(-20 * np.log10(0.05), abs=0.2)


@here
class TestPublishedNetwork:
    """The shift-tolerant network itself, where its file is."""

    @staticmethod
    def distance(frame: Frames, image: Frames) -> float:
        value: float | None = ff_st_lpips(Clip(frame[None], 8, image)).value
        assert value is not None
        return value

    def test_it_is_the_published_implementation(self) -> None:
        image = texture(64, 64)
        noisy, shifted = noise(image[None], 0.05)[0], np.roll(image, 1, axis=1)
        # Of stlpips_pytorch 0.0.2, LPIPS(net="alex", variant="shift_tolerant"), on the same images.
        assert self.distance(noisy, image) == pytest.approx(0.198335, abs=1e-6)
        assert self.distance(shifted, image) == pytest.approx(0.0087004, abs=1e-7)

    def test_it_tolerates_a_shift_and_sees_blur_noise_and_other_images(self) -> None:
        canvas = texture(64, 68)
        image = np.ascontiguousarray(canvas[:, :64])
        shifted = self.distance(np.ascontiguousarray(canvas[:, 1:65]), image)
        blurred = [self.distance(cv2.GaussianBlur(image, (0, 0), s), image) for s in (0.7, 1.5, 3)]
        noisy = [self.distance(noise(image[None], s)[0], image) for s in (0.02, 0.08, 0.2)]
        assert self.distance(image, image) == pytest.approx(0, abs=1e-9)
        assert blurred == sorted(blurred)
        assert noisy == sorted(noisy)
        assert shifted < blurred[1]
        assert self.distance(texture(64, 64, seed=1), image) > shifted
