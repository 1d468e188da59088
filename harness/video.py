"""Masters: lossless video files that decode to exactly the frames that went in.

FFV1 level 3 in Matroska, every frame a key frame, written without time, random numbers or library version, so that
equal frames give equal bytes on one installation. A tag holds the CRC-32 of every frame's pixels: decoders conceal
damage by repeating what came before, so their word is not taken for it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
from av.codec.context import Flags
from av.container import InputContainer
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from harness.errors import ItemError
from harness.model import Frames, Image

# FFV1 holds 8-bit RGB as bgr0; converting from rgb24 only moves bytes.
_STORED = "bgr0"
_ENCODER = {"level": "3", "coder": "1", "context": "0", "slicecrc": "1", "g": "1"}
_COMPACT = {"crf": "4", "preset": "veryslow"}
_SLICES = 4
_CHECKSUMS = "FRAME_CRC32"


@dataclass(frozen=True)
class _Encoding:
    codec: str
    pixels: str
    options: dict[str, str]


@dataclass(frozen=True)
class Probe:
    """What a file says about itself. ``frames``, and ``seconds`` of play, are None where it does not say."""

    frames: int | None
    width: int
    height: int
    fps: Fraction
    seconds: float | None = None


@dataclass(frozen=True)
class Picture:
    """A decoded frame of any video. ``seconds`` from the first frame on; None where the file does not say."""

    seconds: float | None
    _frame: av.VideoFrame
    _aspect: Fraction

    def pixels(self) -> Image:
        """uint8 [H, W, 3] as it is meant to be seen: upright, and with square pixels."""
        width = max(1, round(self._frame.width * self._aspect))
        rgb = self._frame.to_ndarray(format="rgb24", width=width, interpolation="BICUBIC")
        upright = np.rot90(np.asarray(rgb, np.uint8), round(self._frame.rotation / 90) % 4)
        return np.ascontiguousarray(upright)


def write_master(path: Path, frames: Frames, fps: int) -> None:
    """Write uint8 [T, H, W, 3] as a master. Not atomic: write to a temporary name and rename.

    Raises:
        ValueError: the frames are not uint8 [T, H, W, 3] with T at least 1, or ``fps`` is not positive.
    """
    _write(path, frames, fps, _Encoding("ffv1", _STORED, _encoder(frames)), frames)


def write_compact(path: Path, frames: Frames, fps: int) -> Frames:
    """Write frames nearly without loss (errors of about one grey level) at a third of a master's size.

    H.264 in RGB: `read_master` gives the same bytes with every decoder, and they are what is returned here.

    Raises:
        ValueError: as `write_master`.
    """
    encoding = _Encoding("libx264rgb", "rgb24", _COMPACT)
    _write(path, frames, fps, encoding, frames)
    decoded = read_video(path)
    _write(path, frames, fps, encoding, decoded)  # again, with the checksums of what it decodes to
    return decoded


def read_video(path: Path, limit: int | None = None) -> Frames:
    """Decode every frame of any video, or the first ``limit``: uint8 [T, H, W, 3].

    Damage that the decoder conceals goes unseen.

    Raises:
        ItemError: E-VIDEO, the file is missing or cannot be decoded.
    """
    decoded: list[Frames] = []
    try:
        with _open(path) as container:
            stream = _video(container)
            stream.thread_count = 1
            convert = VideoReformatter()
            decoded += (_rgb(convert, picture) for picture in islice(container.decode(stream), limit))
        return np.stack(decoded)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise _unreadable(path, len(decoded), 0, str(error)) from error


def pictures(path: Path) -> Iterator[Picture]:
    """The frames of any video one after the other; what is not looked at is not converted.

    Raises:
        ItemError: E-VIDEO, the file is missing, or a frame cannot be decoded or only with damage.
    """
    done, first = 0, 0.0
    try:
        with _open(path) as container:
            stream = _video(container)
            stream.thread_type = "AUTO"
            aspect = Fraction(stream.sample_aspect_ratio or 1)
            for frame in container.decode(stream):
                if frame.is_corrupt:
                    raise ValueError("the picture is damaged")
                first = frame.time or 0.0 if done == 0 else first
                yield Picture(None if frame.time is None else frame.time - first, frame, aspect)
                done += 1
    except (av.FFmpegError, OSError, ValueError) as error:
        raise _unreadable(path, done, 0, _reason(error)) from error


def read_master(path: Path) -> Frames:
    """Decode every frame of a master: uint8 [T, H, W, 3].

    Raises:
        ItemError: E-VIDEO, the file is missing, damaged, ends early, or was written by something else than this
            module; names the file and the first frame that is wrong.
    """
    decoded: list[Frames] = []
    expected: list[str] = []
    try:
        with _open(path) as container:
            stream = _video(container)
            expected = container.metadata[_CHECKSUMS].split()
            stream.thread_count = 1
            convert = VideoReformatter()
            for picture in container.decode(stream):
                frame = _rgb(convert, picture)
                if expected[len(decoded) : len(decoded) + 1] != [_checksum(frame)]:
                    raise ValueError("the pixels are not those that were written")
                decoded.append(frame)
        if not decoded or len(decoded) != len(expected):
            raise ValueError(f"it ends after {len(decoded)} frames")
        return np.stack(decoded)
    except KeyError as error:
        raise _unreadable(path, 0, 0, "it carries no checksums, so it is damaged or no master") from error
    except (av.FFmpegError, OSError, ValueError) as error:
        raise _unreadable(path, len(decoded), len(expected), str(error)) from error


def probe(path: Path) -> Probe:
    """Read a video's header.

    Raises:
        ItemError: E-VIDEO, the file is missing or no video.
    """
    try:
        with _open(path) as container:
            stream = _video(container)
            declared = container.metadata.get(_CHECKSUMS)
            count = len(declared.split()) if declared else stream.frames or None
            seconds = container.duration / av.time_base if container.duration else None
            return Probe(count, stream.width, stream.height, stream.average_rate or Fraction(0), seconds)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise _unreadable(path, 0, 0, _reason(error)) from error


def _write(path: Path, frames: Frames, fps: int, encoding: _Encoding, decoded: Frames) -> None:
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] != 3 or 0 in frames.shape:
        raise ValueError(f"a master takes uint8 [T, H, W, 3], got {frames.dtype} {list(frames.shape)}")
    if fps < 1:
        raise ValueError(f"fps must be at least 1, got {fps}")
    with av.open(str(path), "w", format="matroska", options={"fflags": "+bitexact"}) as container:
        container.metadata[_CHECKSUMS] = " ".join(_checksum(frame) for frame in decoded)
        stream = container.add_stream(encoding.codec, rate=Fraction(fps), options=encoding.options)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = encoding.pixels
        stream.thread_count = 1
        stream.codec_context.flags |= Flags.bitexact
        convert = VideoReformatter()
        for frame in np.ascontiguousarray(frames):
            picture = convert.reformat(av.VideoFrame.from_ndarray(frame, format="rgb24"), format=encoding.pixels)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))


def _rgb(convert: VideoReformatter, picture: av.VideoFrame) -> Frames:
    """uint8 [H, W, 3]. One converter for all frames of a video: setting one up takes longer than a small frame."""
    return np.asarray(convert.reformat(picture, format="rgb24").to_ndarray(), np.uint8)


def _open(path: Path) -> InputContainer:
    if not path.is_file():
        raise OSError("there is no such file")
    container: InputContainer = av.open(str(path))
    return container


def _video(container: InputContainer) -> VideoStream:
    streams = [stream for stream in container.streams.video if stream.codec_context is not None]
    if not streams:
        raise ValueError("it holds no video that can be decoded")
    return streams[0]


def _checksum(frame: Frames) -> str:
    """CRC-32 of the pixels with the shape in front, which raw bytes alone do not tell."""
    height, width = frame.shape[:2]
    return f"{zlib.crc32(frame.tobytes(), zlib.crc32(f'{height}x{width}:'.encode())):08x}"


def _encoder(frames: Frames) -> dict[str, str]:
    """Options of the encoder; a frame too small to be cut into slices is one slice."""
    slices = _SLICES if min(frames.shape[1:3]) >= 2 * _SLICES else 1
    return {**_ENCODER, "slices": str(slices)}


def _reason(error: Exception) -> str:
    """What went wrong in words, without error number and path."""
    return getattr(error, "strerror", None) or str(error)


def _unreadable(path: Path, index: int, declared: int, why: str) -> ItemError:
    of = f" of {declared}" if declared else ""
    return ItemError(
        "E-VIDEO",
        f"{path.name} cannot be decoded at frame {index}{of}.",
        where=str(path),
        why=why,
        fix="delete this file and run the same command again: only this video is made anew",
    )
