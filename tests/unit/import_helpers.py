"""Small videos in the formats that people have, whole and broken, for the tests of importing."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image as Pillow

from harness.model import Frames, Item, Protocol, Suite

FPS, LENGTH, SIZE = 10, 8, 64
PROTOCOL = Protocol(LENGTH, SIZE, SIZE, FPS)
CODECS = {
    ".mp4": ("libx264", "yuv420p"),
    ".mkv": ("ffv1", "bgr0"),
    ".webm": ("libvpx-vp9", "yuv420p"),
    ".gif": ("gif", "rgb8"),
}


def suite(items: int = 3, seeds: tuple[int, ...] = (0,)) -> Suite:
    rows = tuple(Item(f"{i:03d}-disc", f"disc {i}", f"{i:064d}", 127) for i in range(items))
    return Suite("tiny", 1, "for tests", PROTOCOL, rows, seeds)


def clip(seed: int = 0, length: int = LENGTH, height: int = SIZE, width: int = SIZE) -> Frames:
    """A pattern of large blocks that moves sideways."""
    blocks = np.random.default_rng(seed).integers(0, 255, (height // 8, width // 8, 3), np.uint8)
    image = blocks.repeat(8, 0).repeat(8, 1)
    return np.stack([np.roll(image, shift, axis=1) for shift in range(length)])


def write(path: Path, frames: Frames, fps: int = FPS, times: Sequence[int] = ()) -> Path:
    """Encode a video by its suffix; ``times`` are the frames' places on a clock of ``fps``, even by default."""
    codec, pixels = CODECS[path.suffix]
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {"movflags": "faststart"} if path.suffix == ".mp4" else {}
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=Fraction(fps))
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], pixels
        stream.codec_context.time_base = Fraction(1, fps)
        for index, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format=pixels)
            picture.pts, picture.time_base = (times[index] if times else index), Fraction(1, fps)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def write_frames(folder: Path, frames: Frames, first: int = 0) -> Path:
    """A folder of numbered PNG files."""
    folder.mkdir(parents=True)
    for number, frame in enumerate(frames, start=first):
        Pillow.fromarray(frame).save(folder / f"frame_{number:04d}.png")
    return folder


def cut(path: Path, share: float) -> Path:
    """Keep the beginning of a file."""
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    return path
