"""First-frame SSIM: identity, order under damage, and what a missing or unfit image means."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from harness.clip import Clip
from harness.metrics.ff_ssim import ff_ssim, ssim_to
from harness.model import Frames, Image
from tests.metrics.moving import noise, still, texture


def score_of(frames: Frames, image: Image) -> float:
    value: float | None = ff_ssim(Clip(frames, 8, image)).value
    assert value is not None
    return value


def test_a_still_of_the_image_is_the_image() -> None:
    image = texture(64, 64)
    score = ff_ssim(Clip(still(9), 8, image))
    assert score.value == pytest.approx(1, abs=1e-6)
    assert score.detail["psnr_db"] == 100
    assert score.detail["slope"] == pytest.approx(0, abs=1e-6)
    assert score.profile == pytest.approx([1.0] * 8, abs=1e-6)


def test_more_blur_noise_or_shift_is_worse() -> None:
    image = texture(64, 64)
    blurred = [score_of(cv2.GaussianBlur(image, (0, 0), s)[None], image) for s in (0.5, 1.0, 2.0)]
    noisy = [score_of(noise(image[None], s), image) for s in (0.01, 0.05, 0.2)]
    shifted = [score_of(np.roll(image, s, axis=1)[None], image) for s in (1, 2, 4)]
    for values in (blurred, noisy, shifted):
        assert values == sorted(values, reverse=True)
        assert max(values) < 1


def test_it_is_an_affine_free_known_value() -> None:
    # Two constant images: SSIM reduces to its luminance term (2ab + c1) / (a^2 + b^2 + c1), c1 = 0.01^2.
    dark, bright = np.full((1, 32, 32, 3), 51, np.uint8), np.full((32, 32, 3), 102, np.uint8)
    expected = (2 * 0.2 * 0.4 + 1e-4) / (0.2**2 + 0.4**2 + 1e-4)
    assert score_of(dark, bright) == pytest.approx(expected, abs=1e-4)


def test_only_the_first_frame_counts_and_drift_is_in_the_detail() -> None:
    frames = np.concatenate([still(8), still(8, seed=1)])
    score = ff_ssim(Clip(frames, 8, texture(64, 64)))
    assert score.value == pytest.approx(1, abs=1e-6)
    assert score.detail["end"] < 0.5
    assert score.detail["slope"] < 0


@pytest.mark.parametrize("shape", [(64, 64), (11, 40), (57, 23)])
def test_it_is_the_ssim_of_torchmetrics(shape: tuple[int, int]) -> None:
    import torch
    from torchmetrics.functional.image import structural_similarity_index_measure

    image = texture(*shape)
    frames = noise(np.repeat(image[None], 5, axis=0), 0.08)
    here, there = (
        torch.from_numpy(part.astype(np.float64) / 255).permute(0, 3, 1, 2)
        for part in (frames, np.repeat(image[None], 5, axis=0))
    )
    theirs = structural_similarity_index_measure(here, there, data_range=1.0, reduction="none")
    assert ssim_to(image, frames) == pytest.approx(theirs.numpy(), abs=1e-6)


def test_without_an_image_it_is_undefined_and_with_another_size_excluded() -> None:
    assert ff_ssim(Clip(still(3), 8)).status == "undefined"
    score = ff_ssim(Clip(still(3), 8, texture(32, 48)))
    assert score.status == "excluded"
    assert "48x32" in score.reason
    assert ff_ssim(Clip(still(3, 10), 8, texture(10, 10))).status == "excluded"
