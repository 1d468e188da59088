"""Previews from masters: an H.264 video, a poster, a frame strip and an x-t slice for every published video.

Files are named by what they are made from (the master's sha256 and the recipe), so a name keeps its content and a
later publication takes what an earlier one made. A master whose bytes are not those that were scored is refused:
the page would show another video than the one its numbers are about.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from harness import site_images as images
from harness.errors import ItemError
from harness.keys import digest, sha256_bytes, sha256_file
from harness.model import Frames, Image
from harness.shelf import local
from harness.site_flashes import FASTEST, flashes
from harness.video import read_master

RECIPE = 3  # raise it when anything below changes what the files hold
INDEX = "media/index.json"
LIMITS = {"poster": 25_000, "strip": 45_000, "slice": 30_000}  # bytes that a page can afford for one video
_ENCODER = {"crf": "20", "preset": "veryfast", "profile": "main", "x264-params": "keyint=20"}
_BT709 = 1


@dataclass(frozen=True)
class Preview:
    """The media of one video: paths relative to the site, sizes in pixels as shown, sha256 of each file.

    ``flashes``: the video flashes more than three times within a second and must not play unasked for; ``hurried``: it
    would at twice its speed. ``peak`` is the frame, from 0, that changes most from the one before, None for a still.
    """

    video: str
    poster: str
    strip: str
    slice: str
    width: int
    height: int
    strip_width: int
    strip_height: int
    slice_width: int
    slice_height: int
    peak: int | None
    flashes: bool
    hurried: bool
    digests: Mapping[str, str]


@dataclass(frozen=True)
class MediaProblem:
    """A video that is on the board and not on the site, and why."""

    video: str
    why: str


class MediaMaker:
    """Makes or reuses previews for one publication.

    Args:
        masters: the folder that holds ``ab/ab12….mkv``, or None when there are none.
        site: the folder that is being built.
        previous: the site that is being replaced; its media are taken over where they fit.
    """

    def __init__(self, masters: Path | None, site: Path, previous: Path) -> None:
        self._masters, self._site, self._previous = masters, site, previous
        self._earlier = read_index(previous)
        self.index: dict[str, Preview] = {}
        self.problems: list[MediaProblem] = []
        self.made = 0

    def preview(self, sha256: str, fps: int) -> Preview | None:
        """The media of the master with this sha256, or None when it is not at hand or not what it should be."""
        if sha256 in self.index:
            return self.index[sha256]
        path = self._master(sha256)
        if path is None:
            return None
        preview = self._reuse(sha256)
        if preview is None:
            try:
                frames = read_master(path)
            except ItemError as error:
                self.problems.append(MediaProblem(sha256, f"{error.what} {error.why}"))
                return None
            preview = self._make(sha256, frames, fps)
            self.made += 1
        self.index[sha256] = preview
        return preview

    def picture(self, image: Image) -> str:
        """Write a conditioning image, reduced where it is large; returns its path relative to the site."""
        data = images.lossless_webp(images.reduce(image, images.SHOWN))
        return self._write(digest("picture/1", sha256_bytes(data)), ".webp", data)

    def write_index(self) -> None:
        """Record what was made, for the next publication and for anyone who checks the files."""
        table = {sha256: asdict(preview) for sha256, preview in sorted(self.index.items())}
        path = self._site / INDEX
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"recipe": RECIPE, "videos": table}, indent=0, sort_keys=True) + "\n")

    def _master(self, sha256: str) -> Path | None:
        if self._masters is None:
            return None
        try:
            path = local(self._masters.parent, f"{self._masters.name}/{sha256[:2]}/{sha256}.mkv")
        except ItemError as error:
            self.problems.append(MediaProblem(sha256, error.what))
            return None
        if not path.is_file():
            self.problems.append(MediaProblem(sha256, "the master is not at hand"))
            return None
        if sha256_file(path) != sha256:
            self.problems.append(MediaProblem(sha256, "the master's bytes are not those that were scored"))
            return None
        return path

    def _reuse(self, sha256: str) -> Preview | None:
        preview = self._earlier.get(sha256)
        if preview is None:
            return None
        sources = {name: self._previous / name for name in preview.digests}
        if not all(p.is_file() and sha256_file(p) == preview.digests[n] for n, p in sources.items()):
            return None
        for name, source in sources.items():
            shutil.copyfile(source, self._open_place(name))
        return preview

    def _make(self, sha256: str, frames: Frames, fps: int) -> Preview:
        factor = images.enlargement(*frames.shape[1:3])
        strip, cut, energy = images.strip(frames), images.slice_t(frames), images.energy(frames)
        pictures = {
            "poster": images.fitting_webp(images.poster(frames), LIMITS["poster"], lossless=False),
            "strip": images.fitting_webp(strip, LIMITS["strip"]),
            "slice": images.fitting_webp(cut, LIMITS["slice"]),
        }
        names = {
            kind: self._write(digest("media/1", RECIPE, kind, sha256), ".webp", data) for kind, data in pictures.items()
        }
        names["video"] = _place(digest("media/1", RECIPE, "video", sha256), ".mp4")
        write_h264(self._open_place(names["video"]), images.enlarge(frames, factor), fps)
        strip_factor = max(1, images.STRIP_CELL // max(strip.shape[0], strip.shape[1] // images.STRIP_FRAMES))
        return Preview(
            **names,
            width=frames.shape[2] * factor,
            height=frames.shape[1] * factor,
            strip_width=strip.shape[1] * strip_factor,
            strip_height=strip.shape[0] * strip_factor,
            slice_width=cut.shape[1] * factor,
            slice_height=cut.shape[0] * factor,
            peak=int(energy.argmax()) if energy.any() else None,
            flashes=flashes(frames, fps),
            hurried=flashes(frames, fps, FASTEST),
            digests={name: sha256_file(self._site / name) for name in names.values()},
        )

    def _write(self, name: str, suffix: str, data: bytes) -> str:
        relative = _place(name, suffix)
        self._open_place(relative).write_bytes(data)
        return relative

    def _open_place(self, relative: str) -> Path:
        path = self._site / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


def _place(name: str, suffix: str) -> str:
    return f"media/{name[:2]}/{name}{suffix}"


def read_index(site: Path) -> dict[str, Preview]:
    """What an earlier publication made by the same recipe; empty when there is none that can be read."""
    try:
        content = json.loads((site / INDEX).read_bytes())
        if content["recipe"] != RECIPE:
            return {}
        return {sha256: Preview(**fields) for sha256, fields in content["videos"].items()}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def write_h264(path: Path, frames: Frames, fps: int) -> None:
    """Write uint8 [T, H, W, 3] as an MP4 file that every browser plays: H.264, 4:2:0, BT.709, index in front.

    Odd sizes get one more row or column by repeating the last. One thread and no encoder name, so that equal frames
    give equal bytes on one installation.
    """
    frames = np.pad(frames, ((0, 0), (0, frames.shape[1] % 2), (0, frames.shape[2] % 2), (0, 0)), mode="edge")
    options = {"movflags": "+faststart", "fflags": "+bitexact"}
    with av.open(str(path), "w", format="mp4", options=options) as container:
        stream = container.add_stream("libx264", rate=Fraction(fps), options=_ENCODER)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.thread_count = 1
        context.color_range = ColorRange.MPEG
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        convert = VideoReformatter()
        for frame in frames:
            picture = convert.reformat(
                av.VideoFrame.from_ndarray(frame, format="rgb24"),
                format="yuv420p",
                dst_colorspace=Colorspace.ITU709,
                dst_color_range=ColorRange.MPEG,
            )
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
