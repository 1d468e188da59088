"""Suites: fixed lists of items, read from ``suite.toml`` and held to the digest that is written there.

A suite is a folder of the package `harness.suites` with a ``suite.toml`` and a ``provider.py``; where its name has a
dash, the folder's has an underscore. The table says what the items are; the provider makes their pixels. (The package
and this module cannot share a name, so the package re-exports what is public here.)
"""

from __future__ import annotations

import importlib
import importlib.resources
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np

from harness import model
from harness.errors import Refused, UsageError, unknown_name
from harness.keys import digest, sha256_bytes
from harness.model import Frames, Image, Item, Suite, frames_digest

PACKAGE = "harness.suites"
FILE = "suite.toml"
CARD = "CARD.md"


class Provider(Protocol):
    """Makes the pixels of a suite: what ``provider.py`` of its folder must define ``make_provider(table)`` for.

    ``table`` of an item is its table in ``suite.toml``, with whatever the provider needs (a seed, a path).
    """

    def image(self, table: Mapping[str, Any], protocol: model.Protocol) -> Image:
        """The conditioning image, uint8 [H, W, 3]."""
        ...

    def real(self, table: Mapping[str, Any], protocol: model.Protocol) -> Frames | None:
        """The real continuation of the image, uint8 [T, H, W, 3] with ``protocol.num_frames`` frames.

        None where there is none of that length; the protocol may ask for more frames than the suite's videos have.
        """
        ...

    def reference(self, protocol: model.Protocol) -> Iterator[tuple[str, Frames]]:
        """The real clips of the reference set with a slug each, always in the same order."""
        ...


@dataclass(frozen=True)
class LoadedSuite:
    """A suite with the means to make its pixels. ``reference_key`` is a digest of the reference clips, or empty.

    ``variants`` is the selector of what is run on it when the user names nothing.
    """

    suite: Suite
    reference_key: str
    reference_clips: tuple[str, ...] = field(repr=False)
    provider: Provider = field(repr=False, compare=False)
    tables: Mapping[str, Mapping[str, Any]] = field(repr=False, compare=False)
    variants: str = "all"

    @property
    def reference_size(self) -> int:
        """The number of clips in the reference set."""
        return self.suite.reference_size

    def image(self, item: Item) -> Image:
        """The conditioning image of an item, uint8 [H, W, 3].

        Raises:
            Refused: E-SUITE, its bytes are not those that the suite was made with.
        """
        image = self.provider.image(self.tables[item.slug], self.suite.protocol)
        found = image_digest(image)
        if found != item.image_sha256:
            raise Refused(
                "E-SUITE",
                f"The image of {self.suite.label}/{item.slug} has changed.",
                where=item.slug,
                why=f"its sha256 is {found[:12]}…, the suite was made with {item.image_sha256[:12]}…",
                fix="restore the suite's files; a suite with other images is another version",
            )
        return image

    def credit(self, item: Item) -> str:
        """Author and licence of an item's image, for wherever it is shown; empty where none need be named."""
        return str(self.tables[item.slug].get("credit", ""))

    def real(self, item: Item, num_frames: int | None = None) -> Frames | None:
        """The real continuation of an item's image, uint8 [T, H, W, 3], or None where the suite has none.

        As long as the suite's videos, or ``num_frames``, which only some suites have more of.
        """
        protocol = self.suite.protocol
        asked = protocol if num_frames is None else replace(protocol, num_frames=num_frames)
        return self.provider.real(self.tables[item.slug], asked)

    def reference(self) -> Iterator[tuple[str, Frames]]:
        """The reference set: a slug and uint8 [T, H, W, 3] per clip, in fixed order.

        Raises:
            Refused: E-SUITE, a clip is not the one that the suite was made with, or is missing.
        """
        clips = self.provider.reference(self.suite.protocol)
        for index, expected in enumerate(self.reference_clips):
            slug, frames = next(clips, ("", None))
            if frames is None or frames_digest(frames) != expected:
                raise Refused(
                    "E-SUITE",
                    f"The reference set of {self.suite.label} has changed.",
                    where=f"clip {index} ({slug or 'missing'})",
                    why=f"the digest of its frames is not {expected[:12]}…, as when the suite was made",
                    fix="restore the suite's files; another reference set is another version of the suite",
                )
            yield slug, frames


def suite_names() -> list[str]:
    """The names of the installed suites, sorted."""
    return sorted(folder.name.replace("_", "-") for folder in _root().iterdir() if (folder / FILE).is_file())


def load_suite(ref: str) -> LoadedSuite:
    """Load a suite by ``name`` or ``name@version`` and check its digest, or one in a folder, or make one of its videos.

    Raises:
        UsageError: E-UNKNOWN, there is no such suite, or not in that version.
        Refused: E-SUITE, the file was edited under its version, or cannot be read.
    """
    name, at, version = ref.partition("@")
    if is_folder(ref):
        whole = Path(ref).is_dir()  # a folder's own name may have an @
        name, at, version = (ref, "", "") if whole else ref.rpartition("@")
        loaded = _of_folder(Path(name))
    elif name not in suite_names():
        raise unknown_name("suite", name, suite_names())
    else:
        folder = name.replace("-", "_")
        loaded = read_suite(_root() / folder / FILE, f"{PACKAGE}.{folder}.provider")
    if at and version != str(loaded.suite.version):
        here, own = loaded.suite.label, is_folder(ref)
        fix = f"--suite {here}, or install the release that had {ref}"
        if own:  # there are no releases of a folder
            fix = f"--suite {name}; for another version change its {FILE}, version included: harness new suite {name}"
        raise UsageError("E-UNKNOWN", f"There is no suite {ref}: {name} is at {here}.", fix=fix)
    return loaded


def card_path(name: str) -> Path | None:
    """The text that says where an installed suite comes from and what it is not; None for any other suite."""
    path = _root() / name.replace("-", "_") / CARD
    return path if path.is_file() else None


def is_folder(ref: str) -> bool:
    """Whether what names a suite is a folder of videos or of pictures; the name of an installed suite never is."""
    plain = ref.rpartition("@")[0] or ref
    return ref.partition("@")[0] not in suite_names() and (Path(ref).is_dir() or Path(plain).is_dir())


def _of_folder(folder: Path) -> LoadedSuite:
    from harness.suite_folder import read_folder
    from harness.suite_pictures import Pictures

    if (folder / FILE).is_file():
        loaded = read_suite(folder / FILE, Pictures(folder))
        if loaded.suite.name in suite_names():
            what = f"{folder} calls itself {loaded.suite.label}, which is an installed suite."
            raise Refused("E-SUITE", what, where=str(folder / FILE), fix="give it a name of its own")
        return loaded
    suite, clips = read_folder(folder)
    return LoadedSuite(suite, "", (), clips, {item.slug: {"slug": item.slug} for item in suite.items}, "fault-*")


def read_suite(path: Path, provider: str | Provider) -> LoadedSuite:
    """Read one ``suite.toml`` and check it against its own digest; ``provider`` may be the name of its module.

    Raises:
        Refused: E-SUITE, it is no suite, or its content is not what its digest says.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        suite, expected = _suite(table), str(table["digest"])
        clips = tuple(str(clip) for clip in table["reference"]["clips"])
        variants = str(table.get("variants", "all"))
    except (OSError, ValueError, TypeError, KeyError) as error:
        what, fix = f"{path.name} is not a suite.", f"restore the file{_sealed(path, provider)}"
        raise Refused("E-SUITE", what, where=str(path), why=_reason(error), fix=fix) from error
    if suite.key != expected:
        raise Refused(
            "E-SUITE",
            f"{suite.label} was edited.",
            where=str(path),
            why=f"its digest is {suite.key}, the file says {expected}: a suite never changes under one version",
            fix=f"restore the file, or give the change a version of its own: {suite.name}@{suite.version + 1}"
            + _sealed(path, provider),
        )
    if isinstance(provider, str):
        provider = cast(Provider, importlib.import_module(provider).make_provider(table))
    tables = {str(item["slug"]): item for item in table["items"]}
    return LoadedSuite(suite, reference_digest(clips), clips, provider, tables, variants)


def image_digest(image: Image) -> str:
    """sha256 over the raw RGB bytes of uint8 [H, W, 3]."""
    return sha256_bytes(np.ascontiguousarray(image).tobytes())


def reference_digest(clips: Sequence[str]) -> str:
    """The identity of a reference set, from the frame digests of its clips in order; empty for no clips."""
    return digest("reference/1", list(clips)) if clips else ""


def _suite(table: Mapping[str, Any]) -> Suite:
    items = tuple(
        Item(
            str(item["slug"]),
            str(item["prompt"]),
            str(item["image_sha256"]),
            int(item["motion_bucket"]),
            tuple(str(tag) for tag in item["tags"]),
        )
        for item in table["items"]
    )
    if len({item.slug for item in items}) != len(items):
        raise ValueError("two items share a slug")
    return Suite(
        str(table["name"]),
        int(table["version"]),
        str(table["summary"]),
        model.Protocol(**table["protocol"]),
        items,
        tuple(int(seed) for seed in table["seeds"]),
        len(table["reference"]["clips"]),
    )


def _root() -> Path:
    return Path(str(importlib.resources.files(PACKAGE)))


def _reason(error: Exception) -> str:
    return f"it has no {error}" if isinstance(error, KeyError) else str(error)


def _sealed(path: Path, provider: str | Provider) -> str:
    """How a suite of one's own gets its digests."""
    return "" if isinstance(provider, str) else f"; `harness new suite {path.parent}` writes its digests"
