"""Where videos made elsewhere are found: a folder of files named by item and seed, or a manifest in CSV or JSON.

    videos/003-red-disc.mp4        an item of a suite with one seed
    videos/003-red-disc-s1.webm    item and seed; also _s1, -seed1, -1
    videos/003-red-disc/s1.mp4     the same, a folder for each item
    videos/003-red-disc-s1/*.png   a folder of numbered frames is one video

A manifest has the columns ``item`` and ``path`` (relative to itself), and ``seed``, ``frames``, ``fps`` and ``seconds``
where they are known. What cannot be assigned stays in the list with its reason: nothing is passed over in silence.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.errors import UsageError
from harness.manifests import read_rows
from harness.model import Suite
from harness.suite_folder import SUFFIXES

PICTURES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
MANIFESTS = (".csv", ".json", ".jsonl")
COLUMNS = ("item", "path", "seed", "frames", "fps", "seconds")
_SEED = r"(?:s|seed)?[-_]?(\d+)"


@dataclass(frozen=True)
class Candidate:
    """One video that was found. ``path`` is a file, or a folder of frames; ``name`` is what people know it by.

    ``frames``, ``fps`` and ``seconds`` (to generate it) are what a manifest declares. ``problem`` is why it cannot be
    assigned to an item and a seed.
    """

    path: Path
    name: str
    item: str = ""
    seed: int = 0
    frames: int | None = None
    fps: float | None = None
    seconds: float | None = None
    problem: str = ""


def find_candidates(source: Path, suite: Suite) -> list[Candidate]:
    """The videos of a folder or a manifest, in the order of names or of the manifest.

    Raises:
        UsageError: E-IMPORT, there is no such folder or file, no video in it, or it is no manifest.
    """
    if source.is_dir():
        found = [_named(path, source, suite) for path in _videos_in(source)]
    elif source.is_file() and source.suffix.lower() in MANIFESTS:
        found = [_listed(row, number, source, suite) for number, row in enumerate(_rows(source), start=1)]
    elif not source.exists():
        raise _no_source(source, "there is no such file or folder")
    else:
        raise _no_source(source, f"it is neither a folder nor a manifest ({', '.join(MANIFESTS)})")
    if not found:
        raise _no_source(source, f"no video in it: {', '.join(sorted(SUFFIXES))}, or folders of pictures")
    return list(_without_doubles(found))


def assign(text: str, suite: Suite) -> tuple[str, int]:
    """Item and seed of a name such as ``003-red-disc-s1``.

    Raises:
        ValueError: it names no item of the suite, or no seed where the suite has several, with the reason.
    """
    slugs = [item.slug for item in suite.items]
    if text in slugs:
        return text, _only_seed(suite)
    if match := re.fullmatch(rf"(.+?)[-_./]{_SEED}", text, re.IGNORECASE):
        if match[1] in slugs:
            return match[1], _known_seed(int(match[2]), suite)
        text = match[1]
    near = difflib.get_close_matches(text, slugs, n=1, cutoff=0.6)
    raise ValueError(f"{suite.label} has no item '{text}'" + (f", did you mean {near[0]}?" if near else ""))


def _videos_in(folder: Path) -> Iterator[Path]:
    """Every video file and every folder of frames below ``folder``, sorted."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            pictures = any(p.suffix.lower() in PICTURES for p in path.iterdir())
            yield from [path] if pictures else _videos_in(path)
        elif path.suffix.lower() in SUFFIXES:
            yield path


def _named(path: Path, root: Path, suite: Suite) -> Candidate:
    relative = path.relative_to(root)
    name = relative.as_posix()
    # Any folders above the file's own take part in its name, so that a folder an item works like a prefix.
    text = (relative if path.is_dir() else relative.with_suffix("")).as_posix()
    try:
        item, seed = assign(text, suite)
    except ValueError as error:
        return Candidate(path, name, problem=str(error))
    return Candidate(path, name, item, seed)


def _rows(source: Path) -> list[Mapping[str, Any]]:
    try:
        rows: list[Mapping[str, Any]] = [row for _, row in read_rows(source)]
    except (OSError, ValueError) as error:
        raise _no_source(source, str(error)) from error
    for row in rows:
        if "item" not in row or "path" not in row:
            raise _no_source(source, f"a manifest needs the columns item and path, it has {', '.join(map(str, row))}")
        if unknown := [name for name in row if name not in COLUMNS]:
            raise _no_source(source, f"column {unknown[0]!r} is none of {', '.join(COLUMNS)}")
    return rows


def _listed(row: Mapping[str, Any], number: int, source: Path, suite: Suite) -> Candidate:
    name = str(row["path"] or f"row {number}")
    path = source.parent / name
    try:
        item = str(row["item"])
        if item not in [i.slug for i in suite.items]:
            assign(item, suite)
            raise ValueError(f"'{item}' is not the name of an item: the seed has a column of its own")
        seed = _number(row, "seed", int)
        known = _only_seed(suite) if seed is None else _known_seed(int(seed), suite)
        frames, fps, seconds = (_number(row, key, kind) for key, kind in _TYPES)
    except ValueError as error:
        return Candidate(path, name, problem=str(error))
    return Candidate(path, name, item, known, None if frames is None else int(frames), fps, seconds)


_TYPES: tuple[tuple[str, type], ...] = (("frames", int), ("fps", float), ("seconds", float))


def _number(row: Mapping[str, Any], key: str, kind: type) -> float | None:
    """A number of a manifest, None where there is none."""
    value = row.get(key)
    if value is None or value == "":
        return None
    try:
        number: float = kind(value)
    except (TypeError, ValueError):
        number = -1
    if isinstance(value, bool) or not 0 <= number < float("inf"):
        raise ValueError(f"{key} is {value!r}, it must be a number")
    return number


def _only_seed(suite: Suite) -> int:
    if len(suite.seeds) > 1:
        raise ValueError(f"no seed is named, {suite.label} has {', '.join(map(str, suite.seeds))}")
    return suite.seeds[0]


def _known_seed(seed: int, suite: Suite) -> int:
    if seed not in suite.seeds:
        raise ValueError(f"{suite.label} has no seed {seed}, only {', '.join(map(str, suite.seeds))}")
    return seed


def _without_doubles(found: Sequence[Candidate]) -> Iterator[Candidate]:
    """Neither of two videos for one place is taken: which one is meant cannot be told."""
    places: dict[tuple[str, int], list[Candidate]] = {}
    for one in found:
        places.setdefault((one.item, one.seed), []).append(one)
    for one in found:
        others = [c.name for c in places[one.item, one.seed] if c is not one and not c.problem]
        yield replace(one, problem=f"{others[0]} is of the same item and seed") if others and not one.problem else one


def _no_source(source: Path, why: str) -> UsageError:
    return UsageError(
        "E-IMPORT",
        f"There is nothing to import in {source.name}.",
        where=str(source),
        why=why,
        fix="a folder with files named ITEM.mp4 or ITEM-s0.mp4, or a manifest with the columns item, path and seed",
    )
