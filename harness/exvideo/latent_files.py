"""Encoded clips in files: a folder with one file for each video, so that a data set may be larger than the memory.

A file is named by what is in it: a digest of the video's bytes, of the networks that encoded it and of the rule that
cut it. Trainings share a folder, an interrupted encoding goes on where it stopped, and nothing is taken for another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from harness.errors import CannotStart
from harness.exvideo.checkpoint import save_atomically
from harness.exvideo.dataset import Latents

FORMAT = "exvideo-clips/1"
ENTRY = "exvideo"
FIELDS = tuple(field.name for field in fields(Latents))


@dataclass(frozen=True)
class Clip:
    """One clip: row ``row`` of ``path``; ``bucket`` replaces the measured one."""

    path: Path
    row: int
    bucket: int | None = None


@dataclass(frozen=True)
class LatentFiles:
    """Clips that are read when they are taken. All have one shape: the files are of one rule.

    Raises:
        CannotStart: E-CACHE, a file is gone or damaged (from every method).
    """

    clips: tuple[Clip, ...]

    def __len__(self) -> int:
        return len(self.clips)

    @property
    def clip_shape(self) -> tuple[int, ...]:
        """Of the latents of one clip: (T, C, h, w)."""
        return _shape(self.clips[0].path, "latents")

    @property
    def image_size(self) -> tuple[int, ...]:
        """Height and width in pixels."""
        return _shape(self.clips[0].path, "first")[:2]

    def take(self, index: Tensor) -> Latents:
        """The clips of these numbers, in their order."""
        rows = [_read(self.clips[number]) for number in index.tolist()]
        return Latents(**{name: torch.stack([row[name] for row in rows]) for name in FIELDS})


def write_clips(path: Path, rows: Sequence[Mapping[str, Tensor]]) -> None:
    """Store the clips of one video.

    Raises:
        UsageError: E-OUTPUT, the folder cannot be written to.
    """
    columns = {name: torch.stack([row[name] for row in rows]).contiguous() for name in FIELDS}
    save_atomically(path, columns, {ENTRY: FORMAT})


def count_clips(path: Path) -> int:
    """How many clips a file holds.

    Raises:
        CannotStart: E-CACHE, it is damaged or something else.
    """
    try:
        with safe_open(path, "pt") as file:
            if (file.metadata() or {}).get(ENTRY) != FORMAT or set(file.keys()) != set(FIELDS):
                raise _bad(path, f"it is no file of {FORMAT}")
            return int(file.get_slice("bucket").get_shape()[0])
    except (OSError, SafetensorError) as error:
        raise _bad(path, str(error)) from error


def _read(clip: Clip) -> dict[str, Tensor]:
    try:
        with safe_open(clip.path, "pt") as file:
            row = {name: file.get_slice(name)[clip.row] for name in FIELDS}
    except (OSError, SafetensorError) as error:
        raise _bad(clip.path, str(error)) from error
    if clip.bucket is not None:
        row["bucket"] = torch.tensor(clip.bucket)
    return row


def _shape(path: Path, name: str) -> tuple[int, ...]:
    try:
        with safe_open(path, "pt") as file:
            return tuple(file.get_slice(name).get_shape()[1:])
    except (OSError, SafetensorError) as error:
        raise _bad(path, str(error)) from error


def _bad(path: Path, why: str) -> CannotStart:
    what = "A file of encoded clips cannot be used."
    return CannotStart("E-CACHE", what, where=str(path), why=why, fix="delete it: its video is encoded again")
