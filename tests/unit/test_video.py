"""Masters: lossless, reproducible, and never silently damaged."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import ItemError
from harness.model import Frames
from harness.video import probe, read_master, read_video, write_compact, write_master


def noise_clip(frames: int = 6, height: int = 64, width: int = 64, seed: int = 0) -> Frames:
    return np.random.default_rng(seed).integers(0, 256, (frames, height, width, 3), dtype=np.uint8)


@settings(max_examples=25)
@given(st.integers(1, 5), st.integers(1, 40), st.integers(1, 40), st.integers(0, 99))
def test_what_went_in_comes_out(tmp_path_factory: pytest.TempPathFactory, t: int, h: int, w: int, seed: int) -> None:
    path = tmp_path_factory.mktemp("video") / "a.mkv"
    frames = noise_clip(t, h, w, seed)
    write_master(path, frames, 10)
    np.testing.assert_array_equal(read_master(path), frames)


def test_every_colour_survives(tmp_path: Path) -> None:
    ramp = np.arange(256, dtype=np.uint8)
    frames = np.zeros((3, 256, 256, 3), dtype=np.uint8)
    frames[..., 0], frames[..., 1] = ramp[None, :, None], ramp[None, None, :]
    frames[..., 2] = (ramp[:, None] ^ ramp[None, :])[None]
    write_master(tmp_path / "a.mkv", frames, 10)
    np.testing.assert_array_equal(read_master(tmp_path / "a.mkv"), frames)


def test_memory_layout_does_not_matter(tmp_path: Path) -> None:
    frames = noise_clip()[::2, ::-1]
    write_master(tmp_path / "a.mkv", frames, 10)
    np.testing.assert_array_equal(read_master(tmp_path / "a.mkv"), frames)


def test_equal_frames_give_equal_bytes(tmp_path: Path) -> None:
    write_master(tmp_path / "a.mkv", noise_clip(), 10)
    write_master(tmp_path / "b.mkv", noise_clip(), 10)
    assert (tmp_path / "a.mkv").read_bytes() == (tmp_path / "b.mkv").read_bytes()


@pytest.mark.parametrize("fps", [1, 7, 10, 24, 25, 30, 60])
def test_the_header_is_exact(tmp_path: Path, fps: int) -> None:
    write_master(tmp_path / "a.mkv", noise_clip(5, 48, 80), fps)
    found = probe(tmp_path / "a.mkv")
    assert (found.frames, found.width, found.height, found.fps) == (5, 80, 48, Fraction(fps))


@pytest.mark.parametrize(
    "frames",
    [
        np.zeros((0, 4, 4, 3), np.uint8),
        np.zeros((2, 4, 4), np.uint8),
        np.zeros((2, 4, 4, 4), np.uint8),
        np.zeros((2, 4, 4, 3), np.float32),
    ],
)
def test_what_is_no_video_is_refused(tmp_path: Path, frames: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"uint8 \[T, H, W, 3\]"):
        write_master(tmp_path / "a.mkv", frames, 10)
    with pytest.raises(ValueError, match="fps"):
        write_master(tmp_path / "a.mkv", noise_clip(), 0)


def test_damage_is_found_wherever_it_is(tmp_path: Path) -> None:
    """A flipped bit either leaves every frame as it was (in a header that carries no picture) or is reported."""
    frames = noise_clip(4, 16, 16)
    good, bad = tmp_path / "good.mkv", tmp_path / "bad.mkv"
    write_master(good, frames, 10)
    data = bytearray(good.read_bytes())
    codes = []
    for position in range(0, len(data), 41):
        data[position] ^= 0x10
        bad.write_bytes(data)
        data[position] ^= 0x10
        try:
            found = read_master(bad)
        except ItemError as error:
            codes.append(error.code)
        else:
            np.testing.assert_array_equal(found, frames)
    assert set(codes) == {"E-VIDEO"}
    assert len(codes) > 0.8 * len(data) / 41


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_a_truncated_file_names_the_frame(tmp_path: Path, share: float) -> None:
    path = tmp_path / "a.mkv"
    write_master(path, noise_clip(8), 10)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(ItemError) as caught:
        read_master(path)
    index = int(caught.value.what.split("frame ")[1].split()[0].rstrip("."))
    assert caught.value.code == "E-VIDEO"
    assert str(path) in caught.value.where
    assert index <= 8 * share
    assert index >= 8 * share - 2
    assert not caught.value.retryable


def test_a_damaged_slice_names_its_frame(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    write_master(path, noise_clip(8), 10)
    data = bytearray(path.read_bytes())
    data[int(len(data) * 5.5 / 8)] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(ItemError, match="frame 5 of 8"):
        read_master(path)


@pytest.mark.parametrize("content", [None, b"", b"not a video", b"\x1a\x45\xdf\xa3" * 50])
def test_what_is_not_a_video(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "a.mkv"
    if content is not None:
        path.write_bytes(content)
    for read in (read_master, probe):
        with pytest.raises(ItemError) as caught:
            read(path)
        assert caught.value.code == "E-VIDEO"


def test_a_compact_video_is_close_and_is_read_as_it_was_said_to_be(tmp_path: Path) -> None:
    smooth = np.linspace(0, 255, 64 * 48).reshape(48, 64, 1)
    frames = np.stack([np.roll(np.repeat(smooth, 3, axis=-1), t, axis=1) for t in range(6)]).astype(np.uint8)
    path = tmp_path / "clip.mkv"
    decoded = write_compact(path, frames, 25)
    assert np.array_equal(read_master(path), decoded)
    assert np.array_equal(read_video(path), decoded)
    assert np.abs(decoded.astype(int) - frames).mean() < 2
    assert probe(path).frames == 6


def test_what_is_no_video_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "clip.mpg"
    path.write_bytes(b"no video")
    with pytest.raises(ItemError, match=r"clip\.mpg cannot be decoded"):
        read_video(path)
    with pytest.raises(ItemError):
        read_video(tmp_path / "missing.mpg")
