"""What ExVideo's pipeline does to sampled latents before decoding, off by default here.

Both operations hide drift and flicker, so a comparison of methods has to say whether they were on.
"""

from __future__ import annotations

from torch import Tensor


def normalise_frames(latents: Tensor) -> Tensor:
    """Give every frame of [T, C, H, W] the mean and (unbiased) standard deviation of the whole clip.

    A constant frame becomes NaN, as its deviation is 0.
    """
    mean = latents.mean(dim=(1, 2, 3), keepdim=True)
    std = latents.std(dim=(1, 2, 3), keepdim=True)
    return (latents - mean) / std * latents.std() + latents.mean()


def post_process(latents: Tensor, *, normalise: bool, contrast: float) -> Tensor:
    """Optional per-frame normalisation of [T, C, H, W], then multiplication by ``contrast``."""
    if normalise:
        latents = normalise_frames(latents)
    return latents * contrast if contrast != 1 else latents
