"""A folder of the user's videos as a suite of real clips, so that metrics can be calibrated on footage of one's own.

Its name is made from the files, ``calibration-1a2b3c4d``: other files are another suite, with results of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import ItemError, Refused
from harness.keys import digest, sha256_file
from harness.model import Frames, Image, Item, Protocol, Suite
from harness.motion import motion_bucket

SUFFIXES = frozenset({".avi", ".gif", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm"})
PREFIX = "calibration"
NUM_FRAMES, MIN_FRAMES = 40, 16
MAX_SIDE = 256  # pixels, of the short side


@dataclass(frozen=True)
class Clips:
    """Decoded clips by slug, uint8 [T, H, W, 3] of one size, each as long as its file."""

    frames: Mapping[str, Frames] = field(repr=False)

    def image(self, table: Mapping[str, Any], protocol: Protocol) -> Image:
        """The first frame of the item's clip."""
        image: Image = self.frames[table["slug"]][0]
        return image

    def real(self, table: Mapping[str, Any], protocol: Protocol) -> Frames | None:
        """The beginning of the item's clip; None where the clip is shorter than asked for."""
        clip = self.frames[table["slug"]]
        return clip[: protocol.num_frames] if len(clip) >= protocol.num_frames else None

    def reference(self, protocol: Protocol) -> Iterator[tuple[str, Frames]]:
        """A folder has no reference set."""
        return iter(())


def read_folder(folder: Path) -> tuple[Suite, Clips]:
    """The videos of a folder, in the order of their names, as a suite with its clips.

    Videos have the first 40 frames, or as many as the shortest file, at the frame rate of the first file. They are
    averaged down to a short side of at most 256 pixels in the shape of the first file, and cut at the edges where
    another has another shape.

    Raises:
        Refused: E-SUITE, there is no video, or one that is too short or cannot be decoded.
    """
    from harness.video import probe

    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise _refused(folder, "it holds no video", f"put videos there: {', '.join(sorted(SUFFIXES))}")
    clips, size = {}, (0, 0)
    for index, path in enumerate(paths):
        decoded = _decoded(path)
        size = size if index else working_size(*decoded.shape[1:3])
        clips[f"{index:03d}-{_slug(path.stem)}"] = fitted(decoded, size)
    length = min(NUM_FRAMES, *map(len, clips.values()))
    protocol = Protocol(length, *size, fps=max(1, round(probe(paths[0]).fps)))
    items = tuple(_item(slug, clip[:length], path) for (slug, clip), path in zip(clips.items(), paths, strict=True))
    name = f"{PREFIX}-{digest('clips/1', [sha256_file(path) for path in paths])[:8]}"
    return Suite(name, 1, f"{len(items)} clips of a folder", protocol, items, (0,)), Clips(clips)


def working_size(height: int, width: int) -> tuple[int, int]:
    """Height and width with a short side of at most 256 pixels."""
    scale = min(1.0, MAX_SIDE / min(height, width))
    return round(height * scale), round(width * scale)


def fitted(frames: Frames, size: tuple[int, int]) -> Frames:
    """Frames that cover ``size`` (height, width), cut evenly at the edges that stick out."""
    import cv2

    height, width = size
    scale = max(height / frames.shape[1], width / frames.shape[2])
    rows, columns = max(height, round(frames.shape[1] * scale)), max(width, round(frames.shape[2] * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    top, left = (rows - height) // 2, (columns - width) // 2
    scaled = (cv2.resize(frame, (columns, rows), interpolation=how) for frame in frames)
    return np.stack([frame[top : top + height, left : left + width] for frame in scaled]).astype(np.uint8)


def _decoded(path: Path) -> Frames:
    from harness.video import read_video

    try:
        frames = read_video(path)
    except ItemError as error:
        raise _refused(path, error.why or error.what, "take the file out of the folder") from error
    if len(frames) < MIN_FRAMES:
        raise _refused(path, f"it has {len(frames)} frames, {MIN_FRAMES} are needed", "take it out of the folder")
    return frames


def _item(slug: str, clip: Frames, path: Path) -> Item:
    from harness.suite import image_digest

    return Item(slug, path.stem, image_digest(clip[0]), motion_bucket(clip), ("folder",))


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40] or "clip"


def _refused(where: Path, why: str, fix: str) -> Refused:
    return Refused("E-SUITE", f"{where.name} cannot be used as a suite.", where=str(where), why=why, fix=fix)
