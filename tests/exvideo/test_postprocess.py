"""The final latent step against the reference."""

from __future__ import annotations

import pytest
import torch

from harness.exvideo.postprocess import normalise_frames, post_process
from tests.exvideo.helpers import fixture_tensors


@pytest.mark.parametrize(
    ("name", "normalise", "contrast"),
    [("normalized_1.0", True, 1.0), ("normalized_1.2", True, 1.2), ("plain_1.2", False, 1.2)],
)
def test_it_matches_the_reference(name: str, normalise: bool, contrast: float) -> None:
    tensors = fixture_tensors("post_process")
    result = post_process(tensors["latents"], normalise=normalise, contrast=contrast)
    torch.testing.assert_close(result, tensors[name], atol=1e-4, rtol=0)


def test_off_means_untouched() -> None:
    latents = torch.randn(6, 4, 3, 5)
    assert post_process(latents, normalise=False, contrast=1.0) is latents


def test_normalised_frames_share_the_clips_mean_and_deviation() -> None:
    latents = torch.randn(6, 4, 8, 8) * torch.arange(1.0, 7.0)[:, None, None, None] + 3
    result = normalise_frames(latents)
    torch.testing.assert_close(result.mean(dim=(1, 2, 3)), latents.mean().expand(6))
    torch.testing.assert_close(result.std(dim=(1, 2, 3)), latents.std().expand(6))
