"""What this machine has to run videos on, found out without importing torch."""

from __future__ import annotations

import csv
import importlib.metadata
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

QUERY = (
    *("nvidia-smi", "--query-gpu=index,name,memory.total,memory.free,driver_version"),
    "--format=csv,noheader,nounits",
)
# The torch of PyPI needs a driver of the 580 series or later, which CUDA 13 does.
TORCH_FOR_CUDA = "pip install --force-reinstall torch; for a driver before 580: https://pytorch.org/get-started"


@dataclass(frozen=True)
class Gpu:
    """One NVIDIA GPU. ``index`` counts as CUDA does inside this process, after CUDA_VISIBLE_DEVICES."""

    index: int
    name: str
    total_bytes: int
    free_bytes: int
    driver: str = ""


@dataclass(frozen=True)
class Machine:
    """``cuda`` is true when the installed torch is built for CUDA; ``torch`` is its version, empty when absent."""

    gpus: tuple[Gpu, ...]
    torch: str
    cuda: bool

    @property
    def devices(self) -> tuple[str, ...]:
        """Torch device names for generating workers."""
        return tuple(f"cuda:{gpu.index}" for gpu in self.gpus) if self.gpus and self.cuda else ("cpu",)

    @property
    def seen(self) -> str:
        """The GPUs that nvidia-smi sees, with their driver, for a message."""
        if not self.gpus:
            return "no GPU found"
        driver = f" (driver {self.gpus[0].driver})" if self.gpus[0].driver else ""
        return f"nvidia-smi sees {', '.join(gpu.name for gpu in self.gpus)}{driver}"


def look() -> Machine:
    """The machine as it is now."""
    version = _torch_version()
    return Machine(_gpus(), version, _built_for_cuda(version))


def with_gpus_elsewhere(machine: Machine) -> Machine:
    """The machine as it would be on a cluster's nodes: what their GPUs can hold is found out there."""
    return Machine((Gpu(0, "on the cluster", sys.maxsize, sys.maxsize),), machine.torch, cuda=True)


def free_bytes(folder: Path) -> int:
    """Free space on the file system that ``folder`` is or would be on."""
    existing = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    return shutil.disk_usage(existing).free


def parse_gpus(text: str, visible: str | None) -> tuple[Gpu, ...]:
    """GPUs from the lines that nvidia-smi prints for `QUERY`.

    ``visible`` is CUDA_VISIBLE_DEVICES; a list of indices is honoured, names of other forms only by their number.
    """
    rows = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines()) if len(row) == 5]
    if visible is not None:
        wanted = [part.strip() for part in visible.split(",") if part.strip()]
        by_index = {row[0]: row for row in rows}
        numbered = all(name.isdigit() for name in wanted)
        rows = [by_index[name] for name in wanted if name in by_index] if numbered else rows[: len(wanted)]
    mib = 1024 * 1024
    return tuple(Gpu(i, row[1], int(row[2]) * mib, int(row[3]) * mib, row[4]) for i, row in enumerate(rows))


def _gpus() -> tuple[Gpu, ...]:
    try:
        done = subprocess.run(QUERY, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return ()
    return parse_gpus(done.stdout, os.environ.get("CUDA_VISIBLE_DEVICES"))


def _torch_version() -> str:
    try:
        return importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        return ""


def _built_for_cuda(version: str) -> bool:
    """The wheel's local version says ``+cpu`` or ``+cu128``; the plain Linux wheel is the CUDA one."""
    _, _, local = version.partition("+")
    return bool(version) and (local.startswith("cu") or not local)
