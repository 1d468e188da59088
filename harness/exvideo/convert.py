"""An extension checkpoint from ExVideo's published format into ours, and back."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import UNetSpatioTemporalConditionModel

from harness.errors import CannotStart, Refused, UsageError
from harness.exvideo.base import unet_config
from harness.exvideo.checkpoint import Checkpoint, fitting, read_checkpoint, save_atomically, save_checkpoint
from harness.exvideo.extension import extend
from harness.exvideo.misfits import misfits
from harness.exvideo.published import published_shapes, to_published
from harness.exvideo.svd_xt import skeleton

OURS, PUBLISHED = "ours", "published"


def convert(source: Path, target: Path, to: str = "", base: str = "") -> str:
    """Write the checkpoint ``source`` in the other format, tensors unchanged; returns which format that is.

    Args:
        to: ``ours`` or ``published``; empty for the one that the file is not in.
        base: the base it belongs to, whose configuration alone is read; SVD-XT if empty.

    Raises:
        CannotStart: E-CHECKPOINT, not a checkpoint for this base, or with parts that the target has no place for;
            E-WEIGHTS, no such base.
        Refused: E-EXISTS, ``target`` is there already.
        UsageError: E-OPTION, the file is in that format; E-OUTPUT, ``target`` cannot be written.
    """
    if target.exists():
        raise Refused("E-EXISTS", "The file exists already.", where=str(target), fix="another name, or delete it")
    checkpoint = read_checkpoint(source)
    found = PUBLISHED if checkpoint.published else OURS
    to = to or (OURS if checkpoint.published else PUBLISHED)
    if to == found:
        other = OURS if to == PUBLISHED else PUBLISHED
        raise UsageError(
            "E-OPTION", f"The checkpoint is in the format '{to}' already.", where=str(source), fix=f"--to {other}"
        )
    unet = extend(skeleton(unet_config(base) if base else None), checkpoint.header.config)
    tensors = dict(fitting(checkpoint, unet))
    if to == OURS:
        training = {**checkpoint.header.training, "converted_from": source.name}
        header = type(checkpoint.header)(checkpoint.header.config, checkpoint.header.base, training)
        save_checkpoint(target, tensors, header, next(iter(tensors.values())).dtype)
    else:
        save_atomically(target, _published(checkpoint, tensors, unet), {"format": "pt"})
    return to


def _published(
    checkpoint: Checkpoint, tensors: dict[str, torch.Tensor], unet: UNetSpatioTemporalConditionModel
) -> dict[str, torch.Tensor]:
    renamed = to_published(tensors, unet)
    shapes = published_shapes(unet, checkpoint.header.config.num_frames)
    lines = misfits({name: tuple(tensor.shape) for name, tensor in renamed.items()}, shapes, set(shapes))
    if lines:
        config = checkpoint.header.config
        raise CannotStart(
            "E-CHECKPOINT",
            "The published format cannot hold this checkpoint.",
            where=checkpoint.source,
            why=f"it has conv {config.conv} and positions {config.positions}\n{lines}",
            fix="only a table, a convolution and all temporal weights together have published names: "
            "--conv identity --positions learn_reflect --policy temporal",
        )
    return renamed
