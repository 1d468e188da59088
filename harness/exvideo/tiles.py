"""Decoding large frames in overlapping squares that are blended, so that memory does not grow with their size.

It is an approximation: the decoder's normalisation and attention see a square instead of the frame.
"""

from __future__ import annotations

import torch
from torch import Tensor

from harness.exvideo.base import Vae


def decode_tiled(vae: Vae, latents: Tensor, chunk: int, tile: int) -> Tensor:
    """[-1, 1] images [T, 3, H, W], float32, on the CPU, of latents [T, C, h, w], in squares of ``tile`` latent pixels.

    Neighbours overlap by half, and the weight of a square falls linearly to its edges; a frame that fits into one
    square is decoded whole.
    """
    height, width = latents.shape[2:]
    if height <= tile and width <= tile:
        return vae.decode(latents, chunk)
    scale = vae.stride
    total = torch.zeros(len(latents), 3, height * scale, width * scale)
    weight = torch.zeros(height * scale, width * scale)
    for top in starts(height, tile):
        for left in starts(width, tile):
            part = vae.decode(latents[:, :, top : top + tile, left : left + tile], chunk).cpu()
            fade = ramp(part.shape[2])[:, None] * ramp(part.shape[3])[None, :]
            rows = slice(top * scale, top * scale + part.shape[2])
            columns = slice(left * scale, left * scale + part.shape[3])
            total[:, :, rows, columns] += part * fade
            weight[rows, columns] += fade
    return total / weight


def starts(length: int, tile: int) -> list[int]:
    """Where squares begin along an axis, half a square apart; the last one ends with the axis."""
    if length <= tile:
        return [0]
    step = max(1, tile // 2)
    return [*range(0, length - tile, step), length - tile]


def ramp(length: int) -> Tensor:
    """Weights 1 .. 1 falling linearly to both ends, above 0 everywhere: float32 [length]."""
    position = torch.arange(length, dtype=torch.float32)
    return torch.minimum(position + 1, length - position) / ((length + 1) // 2)
