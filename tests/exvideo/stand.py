"""A folder with everything that the real family needs, small: a base in both formats and a published checkpoint."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file

from harness.exvideo.extension import ExtensionConfig, extend
from harness.exvideo.freezing import freeze
from harness.exvideo.published import to_published
from tests.exvideo.bases import pipeline, svd_vae
from tests.exvideo.helpers import tiny_unet
from tests.exvideo.single import save_single_file

CHECKPOINT = "weights/ExVideo-SVD-128f-v1/model.fp16.safetensors"


def save_stand(folder: Path, *, num_frames: int) -> Path:
    """``base``, ``svd.safetensors`` with its description, and `CHECKPOINT`; 64x64 images are 8x8 latents."""
    torch.manual_seed(1)
    pipeline(svd_vae(levels=4)).save_pretrained(folder / "base")
    save_single_file(folder / "base", folder / "svd.safetensors")
    unet = extend(tiny_unet(), ExtensionConfig.of_native(8, num_frames=num_frames))
    tuned = freeze(unet, "temporal")
    with torch.no_grad():
        for parameter in tuned.values():
            parameter.add_(0.05 * torch.randn_like(parameter))
    tensors = to_published({name: parameter.detach() for name, parameter in tuned.items()}, unet)
    (folder / CHECKPOINT).parent.mkdir(parents=True)
    save_file({name: tensor.half().contiguous() for name, tensor in tensors.items()}, folder / CHECKPOINT)
    return folder
