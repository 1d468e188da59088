"""Which videos a post-tuning is asked to learn from: a folder of them, or a manifest that names them.

A manifest is CSV with a header, or JSON lines. Its columns are ``path`` (relative to the manifest), and optionally
``motion_bucket``, 0 to 255, in place of the measured one, and ``caption``, which is accepted because manifests have it:
Stable Video Diffusion reads no text. Nothing is decoded here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import UsageError
from harness.manifests import ManifestError, read_rows
from harness.suite_folder import SUFFIXES

MANIFESTS = (".csv", ".jsonl")
COLUMNS = ("path", "caption", "motion_bucket")
MAX_BUCKET = 255
EXAMPLE = "a column path, and optionally caption and motion_bucket (0 to 255)"


@dataclass(frozen=True)
class Listed:
    """One video: ``name`` as the user knows it; ``bucket`` None to have the motion measured."""

    path: Path
    name: str
    bucket: int | None = None


@dataclass(frozen=True)
class Listing:
    """The videos in order, and how many files of a folder are no videos, by their ending."""

    videos: tuple[Listed, ...]
    others: Mapping[str, int]


def is_videos(name: str) -> bool:
    """Whether the name of training data stands for videos: a folder, or a manifest, there or not."""
    return Path(name).suffix.lower() in MANIFESTS or Path(name).expanduser().is_dir()


def list_videos(place: Path) -> Listing:
    """The videos of a folder, with those of the folders in it, or of a manifest.

    Hidden files and folders are passed over, as every listing of a folder does.

    Raises:
        UsageError: E-DATA, no video in the folder, or a manifest that cannot be read or has a malformed row.
    """
    if place.suffix.lower() in MANIFESTS and not place.is_dir():
        return Listing(tuple(_manifest(place)), {})
    files = [path for path in sorted(place.rglob("*")) if path.is_file() and not _hidden(path.relative_to(place))]
    videos = [path for path in files if path.suffix.lower() in SUFFIXES]
    others = Counter(path.suffix.lower() or "no ending" for path in files if path.suffix.lower() not in SUFFIXES)
    if not videos:
        found = ", ".join(f"{count} of {ending}" for ending, count in sorted(others.items())) or "nothing"
        fix = f"--data with a folder of videos ({', '.join(sorted(SUFFIXES))}), or a manifest (.csv, .jsonl)"
        raise _bad(place, f"the folder holds no video: {found}", fix)
    return Listing(tuple(Listed(path, path.relative_to(place).as_posix()) for path in videos), dict(others))


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _manifest(place: Path) -> Iterator[Listed]:
    try:
        rows = read_rows(place)
    except ManifestError as error:
        raise _bad(place, str(error), EXAMPLE) from error
    except (OSError, UnicodeDecodeError) as error:
        raise _bad(
            place, str(error), "--data with a manifest in UTF-8 (.csv, .jsonl), or a folder of videos"
        ) from error
    listed = [_listed(place, line, {k: v for k, v in row.items() if v not in (None, "")}) for line, row in rows]
    if not listed:
        raise _bad(place, "it names no video", EXAMPLE)
    yield from listed


def _listed(place: Path, line: int, row: dict[str, Any]) -> Listed:
    if unknown := sorted(set(row) - set(COLUMNS)):
        raise _bad_row(place, line, f"there is no column '{unknown[0]}'")
    path = row.get("path")
    if not isinstance(path, str) or not path.strip():
        raise _bad_row(place, line, "it names no path")
    return Listed(place.parent / Path(path).expanduser(), path, _bucket(place, line, row.get("motion_bucket")))


def _bucket(place: Path, line: int, value: object) -> int | None:
    if value is None:
        return None
    text = str(value).strip()
    if isinstance(value, bool) or not text.isdecimal() or int(text) > MAX_BUCKET:
        raise _bad_row(place, line, f"motion_bucket is '{value}'")
    return int(text)


def _bad_row(place: Path, line: int, why: str) -> UsageError:
    return _bad(place, f"line {line}: {why}", EXAMPLE)


def _bad(place: Path, why: str, fix: str) -> UsageError:
    return UsageError("E-DATA", "The training videos cannot be listed.", where=str(place), why=why, fix=fix)
