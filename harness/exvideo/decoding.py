"""From a video file to training clips: which frames are taken, at which size, and why a file cannot be used.

Frames are scaled to cover the wanted size and cut evenly at the edges, upright and with square pixels, as the suites'
real videos are. Clips follow one another from the first frame of the file on, which is ExVideo's choice for its one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from harness.errors import ItemError, UsageError
from harness.model import Frames, Image
from harness.suite_folder import fitted
from harness.video import Picture, pictures, probe

SAME_RATE = 1.01  # 29.97 frames a second are 30


@dataclass(frozen=True)
class ClipRule:
    """How a clip is cut from a video.

    Args:
        num_frames: frames of a clip.
        height, width: in pixels.
        stride: every so many frames one is taken.
        fps: frames a second that are taken, by their times, in place of a stride; None for the video's own.
        clips: at most so many of a video.
        upscale: whether videos smaller than the wanted size are used.

    Raises:
        UsageError: E-SETTINGS, numbers that cannot be, or a stride with a rate.
    """

    num_frames: int
    height: int
    width: int
    stride: int = 1
    fps: float | None = None
    clips: int = 1
    upscale: bool = False

    def __post_init__(self) -> None:
        for name in ("num_frames", "height", "width", "stride", "clips"):
            if getattr(self, name) < 1:
                raise _bad_rule(f"{name} is {getattr(self, name)}", "at least 1")
        if self.fps is not None and not 0 < self.fps < 1000:
            raise _bad_rule(f"the clips' frame rate is {self.fps}", "above 0, such as --clip-fps 24")
        if self.fps is not None and self.stride > 1:
            raise _bad_rule("--clip-fps and --stride both say which frames are taken", "one of the two")

    def rate(self, native: Fraction) -> float:
        """Frames a second of a clip, from those of the video."""
        return float(native) / self.stride if self.fps is None else self.fps


class Unusable(Exception):
    """A file gives no clip; the message is the reason, for the user."""


def clips_of(path: Path, rule: ClipRule) -> Iterator[tuple[Frames, float]]:
    """The clips of a video, uint8 [T, H, W, 3] with their frame rate; at least one.

    Raises:
        Unusable: the file is no video, damaged, too short, too small or too slow. What came before is not to be used.
    """
    if not path.is_file():
        raise Unusable("there is no such file")
    native = _checked_rate(path, rule)
    taken: list[Image] = []
    given = 0
    try:
        for picture in _taken(pictures(path), rule, native):
            taken.append(_fitted(picture, rule))
            if len(taken) == rule.num_frames:
                yield np.stack(taken), rule.rate(native)
                taken, given = [], given + 1
                if given == rule.clips:
                    return
    except ItemError as error:
        raise Unusable(f"{error.what.removeprefix(path.name).strip().rstrip('.')}: {error.why}") from error
    if not given:
        raise Unusable(_too_short(len(taken), rule))


def _checked_rate(path: Path, rule: ClipRule) -> Fraction:
    try:
        native = probe(path).fps
    except ItemError as error:
        raise Unusable(f"it cannot be opened: {error.why}") from error
    if native <= 0:
        raise Unusable("it says no frame rate")
    if rule.fps is not None and rule.fps > float(native) * SAME_RATE:
        raise Unusable(f"{float(native):.4g} frames a second, {rule.fps:g} were asked for: frames would repeat")
    return native


def _taken(decoded: Iterator[Picture], rule: ClipRule, native: Fraction) -> Iterator[Picture]:
    """The frames that the rule takes: by number, or those nearest to a regular grid of times."""
    if rule.fps is None:
        yield from (picture for number, picture in enumerate(decoded) if number % rule.stride == 0)
        return
    wanted, near = 0, 0.5 / float(native)
    for picture in decoded:
        if picture.seconds is None:
            raise Unusable("its frames have no times, so no rate can be kept; --stride counts frames")
        while picture.seconds >= wanted / rule.fps - near:  # a gap in the times is the same picture, held
            yield picture
            wanted += 1


def _fitted(picture: Picture, rule: ClipRule) -> Image:
    pixels = picture.pixels()
    height, width = pixels.shape[:2]
    if (height < rule.height or width < rule.width) and not rule.upscale:
        raise Unusable(f"{width}x{height}, smaller than {rule.width}x{rule.height} (--upscale takes it all the same)")
    frame: Image = fitted(pixels[None], (rule.height, rule.width))[0]
    return frame


def _too_short(found: int, rule: ClipRule) -> str:
    how = f" at a stride of {rule.stride}" if rule.stride > 1 else ""
    how = how or (f" at {rule.fps:g} frames a second" if rule.fps is not None else "")
    return f"it has {found} frames{how}, a clip needs {rule.num_frames}"


def _bad_rule(why: str, fix: str) -> UsageError:
    return UsageError("E-SETTINGS", "Clips cannot be cut like that.", why=why, fix=fix)
