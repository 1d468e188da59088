"""Weight files: where they are looked for, and that they are the ones they claim to be.

A package that ships weights keeps them in its ``weights`` folder beside a ``manifest.json``: sha256 by path relative
to the package. Other weights are looked for in ``$HARNESS_WEIGHTS``, ``./weights`` and
``~/.cache/exvideo-bench/weights``, those of the Hugging Face Hub in its own cache too. Nothing here uses the network:
`harness.weights_fetch` does, when it is asked to.
"""

from __future__ import annotations

import importlib.resources
import json
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from harness.errors import CannotStart
from harness.keys import sha256_file
from harness.model import HubSource, Weight
from harness.weights_digests import remember, remembered

FOLDER = "weights"
MANIFEST = "manifest.json"
SHA256 = re.compile("[0-9a-f]{64}")

_verified: dict[tuple[str, int, int], str] = {}  # (path, mtime_ns, size) -> sha256


def shipped(package: str, path: str, *, name: str = "", how: str = "") -> Weight:
    """A weight file of an installed package, with its digest from the package's manifest.

    A file that the manifest does not list, because it has just been made here, is identified by its own bytes.
    Where there is neither, ``sha256`` is empty and `missing` reports it.

    Args:
        package: such as ``harness.variants``.
        path: relative to the package, as in the manifest: ``weights/mini/mini-exvideo.safetensors``.
        name: the part it plays; by default the file's name without its ending.
        how: the command that makes the file.
    """
    name = name or Path(path).stem
    sha256 = _manifest(package).get(path, "")
    weight = Weight(name, path, sha256, package, how)
    if not sha256 and (file := _find(weight)) is not None:
        return Weight(name, path, file_digest(file), package, how)
    return weight


def listed(name: str, files: Sequence[str], *, path_variable: str, digest_variable: str) -> Weight:
    """A weight file that this project cannot pin: the user's own copy, accepted once its sha256 has been listed.

    It is the file that ``$path_variable`` names, or the first of ``files`` in a weights folder. Its digest is the one
    in ``$digest_variable``, or under its name in a ``manifest.json`` beside it. A file without a listed digest counts
    as missing: what it is has not been said. Reads no weights; `resolve` compares the bytes.
    """
    named = os.environ.get(path_variable, "")
    places = [path for file in files for path in _candidates(Weight(name, file, ""))]
    found = Path(named) if named else next((path for path in places if path.is_file()), None)
    if found is None:
        how = f"export {path_variable}=FILE {digest_variable}=SHA256, for your copy of {' or '.join(files)}"
        return Weight(name, files[0], "", how=how)
    digest = os.environ.get(digest_variable, "").strip().lower() or _folder_manifest(found.parent).get(found.name, "")
    if not digest:
        how = f"find out whose {found} is, then list its digest: export {digest_variable}=SHA256"
        return Weight(name, f"{found.absolute()} without a listed sha256", "", how=how)
    return Weight(name, str(found.absolute()), digest, how=f"put the file back, or export {path_variable}=FILE")


def unpinned(
    name: str, path: str, *, how: str, source: HubSource | None = None, size: int = 0, licence: str = ""
) -> Weight:
    """A weight file whose digest this project does not know: it is identified by its own bytes, wherever it is found.

    A file in the Hub's cache is named there by its sha256, which is taken as its claim; `resolve` compares the bytes.

    Args:
        path: absolute, or relative to the weights folders.
        how: the command that makes or fetches it.
    """
    weight = Weight(name, path, "", how=how, source=source, size=size, licence=licence)
    found = _find(weight)
    if found is None:
        return weight
    blob = found.resolve()
    claimed = blob.name if blob.parent.name == "blobs" and SHA256.fullmatch(blob.name) else file_digest(found)
    return replace(weight, sha256=claimed, size=found.stat().st_size)


def resolve(weight: Weight) -> Path:
    """The path of a weight file whose bytes have been checked.

    Once per path, time and size: in one process, and for a large file on one machine.

    Raises:
        CannotStart: E-WEIGHTS, it is not there; E-WEIGHTS-DIGEST, it is another file.
    """
    path = _find(weight)
    if path is None:
        raise CannotStart(
            "E-WEIGHTS",
            f"The weights '{weight.name}' were not found.",
            where="looked for " + ", ".join(str(p) for p in _candidates(weight)),
            why="they do not come with this installation",
            fix=remedy(weight),
        )
    found = file_digest(path)
    if weight.sha256 and found != weight.sha256:
        raise CannotStart(
            "E-WEIGHTS-DIGEST",
            f"{path.name} is not the file that '{weight.name}' stands for.",
            where=str(path),
            why=f"its sha256 is {found[:12]}…, expected {weight.sha256[:12]}…: "
            "another checkpoint would be scored under this name",
            fix="restore the file; a checkpoint that is meant to differ is a variant of its own",
        )
    return path


def remedy(weight: Weight) -> str:
    """What to type or do to have a weight file."""
    if weight.how:
        return weight.how
    if weight.source is not None:
        return f"harness doctor --fetch {weight.name}"
    return f"put {Path(weight.path).name} into $HARNESS_WEIGHTS"


def missing(weights: Iterable[Weight]) -> list[Weight]:
    """Those that are not on this machine. Only looks, so a wrong digest is found by `resolve`."""
    return [weight for weight in weights if _find(weight) is None]


@cache
def _manifest(package: str) -> dict[str, str]:
    return _folder_manifest(_package_folder(package) / FOLDER)


def _folder_manifest(folder: Path) -> dict[str, str]:
    path = folder / MANIFEST
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    try:
        value = json.loads(text)
        if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
            raise ValueError("expected an object of path: sha256")
    except ValueError as error:
        raise CannotStart(
            "E-WEIGHTS", "A manifest of weights cannot be read.", where=str(path), why=str(error), fix="restore it"
        ) from error
    return value


def _package_folder(package: str) -> Path:
    return Path(str(importlib.resources.files(package)))


def _candidates(weight: Weight) -> list[Path]:
    if Path(weight.path).is_absolute():
        return [Path(weight.path)]
    if weight.package:
        return [_package_folder(weight.package) / weight.path]
    hub = _hub_copies(weight.source) if isinstance(weight.source, HubSource) else []
    return [*(folder / weight.path for folder in folders()), *hub]


def folders() -> list[Path]:
    """Where weights are looked for, in this order: ``$HARNESS_WEIGHTS``, ``./weights``, the folder in the cache."""
    named = os.environ.get("HARNESS_WEIGHTS")
    return [*([Path(named)] if named else []), Path(FOLDER), _home()]


def fetched_folder() -> Path:
    """Where fetched weights go: ``$HARNESS_WEIGHTS``, or ``~/.cache/exvideo-bench/weights``."""
    return Path(named) if (named := os.environ.get("HARNESS_WEIGHTS")) else _home()


def _home() -> Path:
    return Path.home() / ".cache" / "exvideo-bench" / FOLDER


def _hub_copies(source: HubSource) -> list[Path]:
    """Where the Hub's own client would have put a file, without importing it."""
    caches = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    home = os.environ.get("HF_HOME") or str(Path(caches) / "huggingface")
    cache = Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub") / f"models--{source.repo.replace('/', '--')}"
    named = cache / "refs" / source.revision
    commit = named.read_text(encoding="utf-8").strip() if named.is_file() else source.revision
    return [cache / "snapshots" / commit / source.file]


def _find(weight: Weight) -> Path | None:
    return next((path for path in _candidates(weight) if path.is_file()), None)


def file_digest(path: Path) -> str:
    """The sha256 of a file: read once per path, time and size, in one process, and for a large file on one machine."""
    facts = path.stat()
    key = (str(path.resolve()), facts.st_mtime_ns, facts.st_size)
    if key not in _verified:
        _verified[key] = remembered(path) or remember(path, sha256_file(path))
    return _verified[key]


def safetensors_header(path: Path) -> dict[str, Any]:
    """The JSON header of a safetensors file: tensors by name and ``__metadata__``. Reads no tensor, needs no torch.

    Raises:
        CannotStart: E-WEIGHTS, not a safetensors file.
    """
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > path.stat().st_size:
                raise ValueError("the header is longer than the file")
            header = json.loads(file.read(length))
        if not isinstance(header, dict):
            raise ValueError("the header is not an object")
    except (OSError, ValueError) as error:
        raise CannotStart(
            "E-WEIGHTS", f"{path.name} is not a safetensors file.", where=str(path), why=str(error)
        ) from error
    return header
