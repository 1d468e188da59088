"""Small video files of every kind, good and bad."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from harness.model import Frames
from harness.video import write_master


def moving(count: int, height: int = 24, width: int = 32, seed: int = 0) -> Frames:
    """Noise that moves a pixel a frame, so that every frame is another."""
    still = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return np.stack([np.roll(still, step, axis=1) for step in range(count)])


def save_video(path: Path, count: int, *, fps: int = 10, height: int = 24, width: int = 32, seed: int = 0) -> Path:
    """A lossless file of `moving` frames."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_master(path, moving(count, height, width, seed), fps)
    return path


def save_mp4(
    path: Path, frames: Frames, *, times: list[int] | None = None, turned: int = 0, aspect: Fraction | None = None
) -> Path:
    """H.264 at 10 frames a second, or with these ``times`` in tenths; ``turned`` counter-clockwise for display."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"crf": "1", "bf": "0"})
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv444p"
        if turned:
            stream.set_display_rotation(turned)
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        for number, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            picture.pts = times[number] if times else number
            picture.time_base = Fraction(1, 10)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def bad_files(folder: Path) -> dict[str, str]:
    """Files that no clip of 8 frames of 32x24 can be cut from; a piece of the reason by name."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "text.mp4").write_text("not a video")
    (folder / "empty.mkv").write_bytes(b"")
    whole = save_mp4(folder / "cut.mp4", moving(20)).read_bytes()
    (folder / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    with av.open(str(folder / "sound.mkv"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
        container.mux(stream.encode(None))
    save_video(folder / "short.mkv", 7, seed=5)
    save_video(folder / "small.mkv", 8, height=16, width=16)
    save_video(folder / "copy.mkv", 12, seed=0)
    return {
        "text.mp4": "cannot be opened",
        "empty.mkv": "cannot be opened",
        "cut.mp4": "cannot be opened",
        "sound.mkv": "no video",
        "short.mkv": "it has 7 frames, a clip needs 8",
        "small.mkv": "16x16, smaller than 32x24",
        "copy.mkv": "the same video as",
    }
