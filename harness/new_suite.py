"""`harness new suite`: pictures and prompts of one's own as a suite, and its digests after a change.

A suite is a folder with a ``suite.toml`` and pictures. Its digest holds the content to ``name@version``; ``versions``
remembers the digest of every version there has been, so that one can never come to stand for something else.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import Refused, UsageError
from harness.model import Image, Item, Protocol, Suite
from harness.spool import write_atomic
from harness.submission import SLUG
from harness.suite import FILE, LoadedSuite, image_digest
from harness.suite_folder import fitted
from harness.suite_pictures import MOTION_BUCKET, Drawn, Pictures, is_free_name, write_suite
from harness.suite_text import as_toml

MODULE = "harness new suite"
SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".webp"})
CARD = """\
# {name}

{count} pictures as first frames, scaled to cover {width}x{height} and cut evenly at the edges.

Say here where they come from and under which licence: `credit` of an item in suite.toml is shown with its picture.

| item | from the file |
|---|---|
{rows}
"""
ITEM_FIELDS = ("slug", "prompt", "image_sha256", "motion_bucket", "tags")


def make(folder: Path, images: Path, like: LoadedSuite) -> Suite:
    """Fit the pictures of a folder to a suite's protocol and make a suite of them, version 1, in ``folder``.

    The prompt of ``fox.jpg`` is the text of ``fox.txt`` beside it, or the words of its name.

    Raises:
        UsageError: E-EXISTS, ``folder`` holds a suite; E-OPTION, its name cannot be used, or there are no pictures.
        Refused: E-SUITE, a picture cannot be read, or is there twice with one prompt.
    """
    if (folder / FILE).exists():
        fix = f"change {folder / FILE} and raise its version, then: {MODULE} {folder.name}"
        raise UsageError("E-EXISTS", f"{folder} holds a suite already.", fix=fix)
    if not is_free_name(folder.name):
        why = "lower-case words with dashes, none of an installed suite"
        raise UsageError("E-OPTION", f"'{folder.name}' is no name for a suite.", why=why, fix="my-suite")
    paths = sorted(path for path in images.iterdir() if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise UsageError(
            "E-OPTION", f"{images} holds no picture.", fix=f"put some there: {', '.join(sorted(SUFFIXES))}"
        )
    protocol = like.suite.protocol
    shape = {"width": protocol.width, "height": protocol.height}
    rows = "\n".join(f"| {index:03d} | {path.name} |" for index, path in enumerate(paths))
    card = CARD.format(name=folder.name, count=len(paths), rows=rows, **shape)
    write_suite(folder, protocol, _fitted(paths, protocol), card, MODULE, "pictures of one's own", ())
    return seal(folder)


def seal(folder: Path) -> Suite:
    """Write the digests of a suite that was made or changed by hand into its ``suite.toml``.

    What an item does not say is filled in: slug and prompt from the file's name, motion bucket 127, no tags, seed 0.

    Raises:
        UsageError: E-OPTION, there is no suite.toml.
        Refused: E-SUITE, it is no suite, or its version already stands for other content.
    """
    path = folder / FILE
    if not path.is_file():
        fix = f"{MODULE} {folder.name} --images DIR makes one of pictures"
        raise UsageError("E-OPTION", f"There is no {FILE} in {folder}.", fix=fix)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        suite, extras = _read(folder, table)
        versions = dict(str(line).split(" ", 1) for line in table.get("versions", []))
        held = versions.setdefault(str(suite.version), suite.key)
        lines, variants = [f"{number} {key}" for number, key in versions.items()], str(table.get("variants", ""))
        text = as_toml(suite, MODULE, extras, variants=variants, versions=lines)
        tomllib.loads(text)  # an item may hold what only TOML can say
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        why = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        fix = "name, version, [protocol], and a file for each of [[items]]"
        raise Refused("E-SUITE", f"{FILE} is not a suite.", where=str(path), why=why, fix=fix) from error
    if held != suite.key:
        free = max(map(int, versions)) + 1
        raise Refused(
            "E-SUITE",
            f"{suite.label} already stands for other content.",
            where=str(path),
            why=f"its digest was {held}, the content now has {suite.key}: a suite never changes under one version",
            fix=f"version = {free} in {FILE}, then the same command",
        )
    write_atomic(path, text.encode())
    return suite


def _read(folder: Path, table: Mapping[str, Any]) -> tuple[Suite, list[dict[str, object]]]:
    name, protocol = str(table["name"]), Protocol(**table["protocol"])
    if not is_free_name(name):
        raise ValueError(f"'{name}' is the name of an installed suite, or none at all: lower-case words with dashes")
    items = [_item(folder, entry, protocol) for entry in table["items"]]
    keys = [item.key for item in items]
    if len({item.slug for item in items}) < len(items) or len(set(keys)) < len(keys):
        raise ValueError("two items share a slug, or picture and prompt")
    summary, seeds = str(table.get("summary", name)), tuple(int(seed) for seed in table.get("seeds", [0]))
    suite = Suite(name, int(table["version"]), summary, protocol, tuple(items), seeds)
    return suite, [{k: v for k, v in entry.items() if k not in ITEM_FIELDS} for entry in table["items"]]


def _item(folder: Path, entry: Mapping[str, Any], protocol: Protocol) -> Item:
    stem = Path(str(entry["file"])).stem
    slug = str(entry.get("slug", stem.lower()))
    if not re.fullmatch(SLUG, slug):
        raise ValueError(f"'{slug}' is no slug: lower-case letters, digits and dashes")
    picture = Pictures(folder).image(entry, protocol)
    prompt, bucket = str(entry.get("prompt", _words(stem))), int(entry.get("motion_bucket", MOTION_BUCKET))
    return Item(slug, prompt, image_digest(picture), bucket, tuple(str(tag) for tag in entry.get("tags", [])))


def _fitted(paths: list[Path], protocol: Protocol) -> Iterator[Drawn]:
    for path in paths:
        text = path.with_suffix(".txt")
        prompt = " ".join(text.read_text(encoding="utf-8").split()) if text.is_file() else _words(path.stem)
        image = fitted(_upright(path)[None], (protocol.height, protocol.width))[0]
        yield Drawn(prompt, image, {"source": path.name})


def _upright(path: Path) -> Image:
    """The pixels of a picture as it is meant to be seen, uint8 [H, W, 3]."""
    from PIL import Image as Pillow
    from PIL import ImageOps

    try:
        with Pillow.open(path) as picture:
            return np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))
    except (OSError, SyntaxError) as error:  # Pillow's word for a damaged header is SyntaxError
        fix = "take it out of the folder"
        raise Refused("E-SUITE", f"{path.name} cannot be read.", where=str(path), why=str(error), fix=fix) from error


def _words(stem: str) -> str:
    return " ".join(stem.replace("_", " ").replace("-", " ").split())
