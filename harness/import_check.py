"""What a video made elsewhere must be to be measured beside those made here: the suite's frames, size and rate.

Nothing is resampled, cut in size or re-encoded: a video is taken frame by frame as it decodes, or it is refused with
the reason. The only thing that may be left out are frames beyond the suite's number, when that is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np

from harness.errors import ItemError
from harness.import_sources import PICTURES, Candidate
from harness.model import Frames, Image, Protocol

RATE_TOLERANCE = 0.01  # 30000/1001 is shown as 30
GIF_STEP = 0.01  # seconds: a GIF holds its delays in hundredths
UNEVEN = 0.3  # of a frame's time; a millisecond clock at 60 a second is .04 off, a dropped frame 1
PNG_DEPTH = 24  # where the bits of a channel stand in a PNG file


@dataclass(frozen=True)
class Rules:
    """``first``: of a longer video the first frames count. ``any_rate``: whatever a file says about its rate."""

    first: bool = False
    any_rate: bool = False


@dataclass(frozen=True)
class Checked:
    """A video that may be measured, uint8 [T, H, W, 3], with what its file had and declared."""

    frames: Frames
    decoded: int
    declared: int | None
    fps: float | None


def check(candidate: Candidate, protocol: Protocol, rules: Rules) -> Checked:
    """Decode a video and hold it to the protocol.

    Raises:
        ItemError: E-IMPORT, with the first reason why it cannot be measured.
    """
    if candidate.problem:
        raise _refused(candidate, candidate.problem)
    try:
        if candidate.path.is_dir():
            return _from_folder(candidate, protocol, rules)
        return _from_file(candidate, protocol, rules)
    except ItemError as error:
        raise _refused(candidate, error.why or error.what) from error
    except ValueError as error:
        raise _refused(candidate, str(error)) from error


def _from_file(candidate: Candidate, protocol: Protocol, rules: Rules) -> Checked:
    from harness.video import pictures, probe

    if not candidate.path.is_file():
        raise ValueError("there is no such file")
    if candidate.path.stat().st_size == 0:
        raise ValueError("the file is empty")
    told = probe(candidate.path)
    wanted = protocol.num_frames
    kept: list[Image] = []
    times: list[float | None] = []
    for picture in pictures(candidate.path):
        times.append(picture.seconds)
        if len(kept) < wanted:
            kept.append(_sized(picture.pixels(), protocol))
    declared, slack = _declared(candidate, told.frames, told.seconds, told.fps)
    _check_count(len(times), declared, slack, wanted, rules)
    fps = candidate.fps if candidate.fps is not None else float(told.fps)
    if not rules.any_rate:
        _check_rate(fps, protocol, candidate.path.suffix.lower() == ".gif")
        _check_even(times[:wanted], fps)
    return Checked(np.stack(kept), len(times), declared, fps)


def _from_folder(candidate: Candidate, protocol: Protocol, rules: Rules) -> Checked:
    files = numbered(candidate.path)
    _check_count(len(files), candidate.frames, 0, protocol.num_frames, rules)
    if candidate.fps is not None and not rules.any_rate:
        _check_rate(candidate.fps, protocol, coarse=False)
    kept = [_sized(picture, protocol) for picture in _read(files[: protocol.num_frames])]
    return Checked(np.stack(kept), len(files), candidate.frames, candidate.fps)


def numbered(folder: Path) -> list[Path]:
    """The pictures of a folder in the order of the last number in their names.

    Raises:
        ValueError: a picture has no number, two have the same, or one is missing in between.
    """
    found: dict[int, Path] = {}
    for path in sorted(p for p in folder.iterdir() if p.suffix.lower() in PICTURES):
        digits = re.findall(r"\d+", path.stem)
        if not digits:
            raise ValueError(f"{path.name} has no frame number in its name")
        number = int(digits[-1])
        if number in found:
            raise ValueError(f"{found[number].name} and {path.name} have the same number")
        found[number] = path
    for number in range(min(found, default=0), max(found, default=-1)):
        if number not in found:
            raise ValueError(f"frame {number} is missing: {len(found)} pictures from {min(found)} to {max(found)}")
    return [found[number] for number in sorted(found)]


def _read(files: list[Path]) -> Iterator[Image]:
    from PIL import Image as Pillow

    for path in files:
        try:
            with Pillow.open(path) as picture:
                deep = picture.mode.startswith(("I", "F")) or _sixteen_bits(path)
                if deep:
                    raise ValueError(f"{path.name} has more than 8 bits a channel")
                # A picture that is transparent somewhere has no colour of its own there.
                if np.asarray(picture.convert("RGBA"))[..., 3].min() < 255:
                    raise ValueError(f"{path.name} is transparent in places")
                yield np.asarray(picture.convert("RGB"))
        except (OSError, SyntaxError) as error:  # Pillow's word for a damaged header is SyntaxError
            raise ValueError(f"{path.name} cannot be read: {error}") from error


def _sixteen_bits(path: Path) -> bool:
    """Pillow gives such a PNG as 8 bits and says nothing."""
    with path.open("rb") as file:
        head = file.read(PNG_DEPTH + 1)
    return head[:4] == b"\x89PNG" and head[PNG_DEPTH:] == b"\x10"


def _declared(candidate: Candidate, frames: int | None, seconds: float | None, fps: Fraction) -> tuple[int | None, int]:
    """The number of frames that manifest or file declare, and how far a duration may be from it."""
    if candidate.frames is not None:
        return candidate.frames, 0
    if frames is not None:
        return frames, 0
    # Containers without a count declare a duration, which may or may not hold the last frame's own time.
    return (None, 0) if seconds is None or not fps else (round(seconds * fps), 1)


def _check_count(decoded: int, declared: int | None, slack: int, wanted: int, rules: Rules) -> None:
    if declared is not None and abs(decoded - declared) > slack:
        raise ValueError(f"{declared} frames are declared, {decoded} can be decoded")
    if decoded < wanted:
        raise ValueError(f"it has {decoded} frames, the suite's videos have {wanted}")
    if decoded > wanted and not rules.first:
        raise ValueError(f"it has {decoded} frames, the suite's videos have {wanted}; --first-frames takes the first")


def _check_rate(fps: float, protocol: Protocol, coarse: bool) -> None:
    if fps <= 0:
        raise ValueError("it says nothing about its frame rate; --any-rate takes the frames as they are")
    rounded = coarse and abs(1 / fps - 1 / protocol.fps) <= GIF_STEP / 2
    if abs(fps / protocol.fps - 1) > RATE_TOLERANCE and not rounded:
        told = f"{fps:.4g} frames a second, the suite's videos have {protocol.fps}"
        raise ValueError(f"it has {told}; --any-rate takes the frames as they are")


def _check_even(times: list[float | None], fps: float) -> None:
    for index, (before, after) in enumerate(pairwise(times), start=1):
        if before is not None and after is not None and abs((after - before) * fps - 1) > UNEVEN:
            step = f"{1000 * (after - before):.0f} ms before frame {index} instead of {1000 / fps:.0f}"
            raise ValueError(f"its frames are not evenly spaced: {step}; --any-rate takes them as they are")


def _sized(picture: Image, protocol: Protocol) -> Image:
    height, width = picture.shape[:2]
    if (height, width) != (protocol.height, protocol.width):
        raise ValueError(
            f"it has {width}x{height} pixels, the suite's videos have {protocol.width}x{protocol.height}, "
            "and scaling would change what is measured"
        )
    return picture


def _refused(candidate: Candidate, why: str) -> ItemError:
    return ItemError("E-IMPORT", f"{candidate.name} was not imported.", where=str(candidate.path), why=why)
