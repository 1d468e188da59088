"""Taking a part out of a trained extension: cheap diagnostics of what it relies on, and no ablations.

The rest was trained together with the part that is missing now, so a drop does not say what a model trained without it
would do.
"""

from __future__ import annotations

from diffusers import UNetSpatioTemporalConditionModel
from diffusers.models.embeddings import Timesteps

from harness.exvideo.extension import ExtendedTransformer, spatio_temporal_blocks


def without_convolution(unet: UNetSpatioTemporalConditionModel) -> None:
    """Let every temporal branch pass its convolution by, as the identity it began as would."""
    for _, block in spatio_temporal_blocks(unet):
        if isinstance(block, ExtendedTransformer):
            block.temporal_conv = None


def with_static_positions(unet: UNetSpatioTemporalConditionModel) -> None:
    """Put SVD's sinusoid of the frame number back in place of every trained table."""
    for _, block in spatio_temporal_blocks(unet):
        block.time_proj = Timesteps(block.in_channels, flip_sin_to_cos=True, downscale_freq_shift=0)
