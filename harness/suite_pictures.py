"""Suites whose items are pictures in files: the first frames of videos that nobody has filmed.

`write_suite` makes such a suite in a folder of its own, which ``--suite FOLDER`` takes.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import Refused
from harness.model import Frames, Image, Item, Protocol, Suite
from harness.spool import write_atomic
from harness.suite import CARD, FILE, image_digest, suite_names
from harness.suite_text import as_toml

MOTION_BUCKET = 127  # that of ExVideo's published example
_MAX_SLUG = 48
_RESTORE = "restore the suite's files"


def read_picture(path: Path) -> Image:
    """The pixels of a stored picture, uint8 [H, W, 3].

    Raises:
        Refused: E-SUITE, the file is missing or no picture.
    """
    from PIL import Image as Pillow

    try:
        with Pillow.open(path) as picture:
            return np.asarray(picture.convert("RGB"))
    except (OSError, SyntaxError) as error:  # Pillow's word for a damaged header is SyntaxError
        what = f"{path.name} cannot be read."
        raise Refused("E-SUITE", what, where=str(path), why=str(error), fix=_RESTORE) from error


@dataclass(frozen=True)
class Pictures:
    """First frames in files, each named in its item's table as ``file``, relative to the folder."""

    folder: Path

    def image(self, table: Mapping[str, Any], protocol: Protocol) -> Image:
        """The item's picture.

        Raises:
            Refused: E-SUITE, it cannot be read, or has another size than the suite's videos.
        """
        path = self.folder / str(table["file"])
        image = read_picture(path)
        if image.shape[:2] != (protocol.height, protocol.width):
            own, asked = f"{image.shape[1]}x{image.shape[0]}", f"{protocol.width}x{protocol.height}"
            why = f"it has {own} pixels, the suite's videos {asked}"
            raise Refused("E-SUITE", f"{path.name} has another size.", where=str(path), why=why, fix=_RESTORE)
        return image

    def real(self, table: Mapping[str, Any], protocol: Protocol) -> Frames | None:
        """None: there is no video."""
        return None

    def reference(self, protocol: Protocol) -> Iterator[tuple[str, Frames]]:
        """No clips."""
        return iter(())


@dataclass(frozen=True)
class Drawn:
    """A picture uint8 [H, W, 3] with its prompt, and what made it: fields for its table in ``suite.toml``."""

    prompt: str
    image: Image
    made_by: Mapping[str, object]


def is_free_name(name: str) -> bool:
    """Whether a suite of one's own may have the name: lower-case words with dashes, and no installed suite's."""
    return name not in suite_names() and bool(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name))


def write_suite(
    folder: Path,
    protocol: Protocol,
    drawn: Iterable[Drawn],
    card: str,
    module: str = "harness.text_to_image",
    what: str = "pictures drawn for prompts",
    tags: tuple[str, ...] = ("drawn",),
) -> Suite:
    """Store pictures without loss and make a suite of them, version 1, named as the folder.

    ``module`` is what makes it, ``what`` the end of its summary.

    ``drawn`` may make its pictures one by one; each is on the disk before the next is asked for. ``suite.toml`` is
    written last, so that a folder with one is complete.

    Raises:
        ValueError: the folder's name is none that a suite of one's own may have.
    """
    if not is_free_name(folder.name):
        raise ValueError(f"'{folder.name}' is no name for a suite of one's own")
    (folder / "images").mkdir(parents=True, exist_ok=True)
    items, tables = [], []
    for index, entry in enumerate(drawn):
        slug = f"{index:03d}-{_words(entry.prompt)}"
        tables.append({"file": f"images/{slug}.png", **entry.made_by})
        write_atomic(folder / f"images/{slug}.png", _png(entry.image))
        items.append(Item(slug, entry.prompt, image_digest(entry.image), MOTION_BUCKET, tags))
    suite = Suite(folder.name, 1, f"{len(items)} {what}", protocol, tuple(items), (0,))
    write_atomic(folder / CARD, card.encode())
    write_atomic(folder / FILE, as_toml(suite, module, tables).encode())
    return suite


def _words(prompt: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", prompt.lower())[:_MAX_SLUG].strip("-") or "picture"


def _png(image: Image) -> bytes:
    from PIL import Image as Pillow

    buffer = io.BytesIO()
    Pillow.fromarray(np.ascontiguousarray(image)).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
