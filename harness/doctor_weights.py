"""What a variant's weight files ask of this machine: the files themselves, room on disk and in memory, licences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.errors import HarnessError
from harness.findings import Finding
from harness.machine import free_bytes
from harness.model import HubSource, Weight
from harness.weights import fetched_folder, missing, remedy, resolve
from harness.weights_fetch import describe

MEMINFO = Path("/proc/meminfo")


def weight_findings(weights: Sequence[Weight]) -> Iterator[Finding]:
    """Each file, then what fetching and loading them takes, then the licences to accept. Checks digests."""
    for weight in weights:
        yield _file(weight)
    lacking = [weight for weight in missing(weights) if weight.source is not None]
    if lacking:
        yield _room(lacking)
    if any(weight.size for weight in weights):
        yield _memory(sum(weight.size for weight in weights))
    yield from _licences(lacking)


def available_memory() -> int | None:
    """Bytes of memory that a process may take now; None where the system does not tell (it does on Linux)."""
    try:
        lines = MEMINFO.read_text(encoding="ascii").splitlines()
        return 1024 * int(next(line.split()[1] for line in lines if line.startswith("MemAvailable:")))
    except (OSError, StopIteration, ValueError):
        return None


def _file(weight: Weight) -> Finding:
    name = f"weights {weight.name}"
    facts = " · ".join(filter(None, (_gigabytes(weight.size), describe(weight.source))))
    licence = f" · licence: {weight.licence}" if weight.licence else ""
    try:
        return Finding(name, "ok", f"{resolve(weight)}{licence}")
    except HarnessError as error:
        absent = bool(missing([weight]))
        detail = f"{facts or error.what}{licence}" if absent else f"{error.what} {error.why}".strip()
        return Finding(name, "missing", detail, remedy(weight) if absent else error.fix)


def _room(lacking: Sequence[Weight]) -> Finding:
    """Where they would be fetched to must have room for them."""
    needed, folder = sum(weight.size for weight in lacking), fetched_folder()
    free = free_bytes(folder)
    state = "ok" if free > needed else "missing"
    detail = f"{_gigabytes(needed) or 'an unknown amount'} to fetch into {folder}, {free / 1e9:.1f} GB free"
    return Finding("disk for weights", state, detail, "free some space, or export HARNESS_WEIGHTS=DIR on another disk")


def _memory(needed: int) -> Finding:
    """Weights pass through the machine's memory on their way to a GPU, and stay there when they are offloaded."""
    there = available_memory()
    if there is None:
        return Finding("memory", "warning", f"weights take {_gigabytes(needed)}; what is free cannot be told here")
    detail = f"weights take {_gigabytes(needed)}, {there / 1e9:.1f} GB available"
    return Finding(
        "memory", "ok" if there > needed else "missing", detail, "end other programs, or use a larger machine"
    )


def _licences(lacking: Sequence[Weight]) -> Iterator[Finding]:
    sources = [weight.source for weight in lacking if isinstance(weight.source, HubSource)]
    for repo in dict.fromkeys(source.repo for source in sources if source.gated):
        detail = f"https://huggingface.co/{repo} may ask for its licence to be accepted before it gives the files"
        yield Finding(f"licence {repo.partition('/')[0]}", "warning", detail, "accept it there, then: hf auth login")


def _gigabytes(count: int) -> str:
    if not count:
        return ""
    return f"{count / 1e9:.1f} GB" if count >= 100_000_000 else f"{count / 1e6:.1f} MB"
