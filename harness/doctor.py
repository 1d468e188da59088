"""What this machine has and what a variant lacks here: checks as data, each with its remedy."""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import harness
from harness.doctor_weights import weight_findings
from harness.errors import HarnessError
from harness.findings import Finding
from harness.machine import TORCH_FOR_CUDA, Machine, free_bytes, look
from harness.registry import Registry, VariantSpec
from harness.weights import missing
from harness.wishes import own_suite

MIN_FREE_BYTES = 1_000_000_000
SHOWN = 4  # names in a list before it is cut


def examine(registry: Registry, variant: VariantSpec | None, results: Path) -> list[Finding]:
    """Check the machine, and one variant's needs or how many of all variants can run."""
    machine = look()
    found = [_python(), _codec(), _disk(results), _torch(machine), _gpu(machine, variant)]
    if variant is None:
        return [*found, *_plugins(registry), _variants(registry)]
    return [*found, *weight_findings(variant.needs.weights)]


def _python() -> Finding:
    text = f"python {platform.python_version()}, exvideo-bench {harness.__version__}, {os.cpu_count()} cores"
    return Finding("python", "ok", text)


def _codec() -> Finding:
    """Write and read a master: the one thing about FFmpeg that matters here."""
    from harness.video import read_master, write_master

    frames = np.arange(2 * 16 * 16 * 3, dtype=np.uint8).reshape(2, 16, 16, 3)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "check.mkv"
        try:
            write_master(path, frames, 10)
            same = bool((read_master(path) == frames).all())
        except (HarnessError, OSError, ValueError) as error:
            return Finding("ffv1", "missing", str(error), "pip install --force-reinstall av")
    if same:
        return Finding("ffv1", "ok", "lossless round trip")
    return Finding("ffv1", "missing", "the round trip changes pixels", "pip install --force-reinstall av")


def _disk(results: Path) -> Finding:
    free = free_bytes(results)
    state = "ok" if free >= MIN_FREE_BYTES else "warning"
    return Finding("disk", state, f"{free / 1e9:.1f} GB free for {results}", "free some space, or --results DIR")


def _torch(machine: Machine) -> Finding:
    if machine.torch:
        return Finding("torch", "ok", machine.torch)
    return Finding("torch", "missing", "not installed", "pip install torch")


def _gpu(machine: Machine, variant: VariantSpec | None) -> Finding:
    needs = variant.needs if variant else None
    wanted = "missing" if needs and needs.gpu else "ok"
    if not machine.gpus:
        memory = f" with {needs.vram_bytes / 1e9:.0f} GB of memory free" if needs and needs.vram_bytes else ""
        detail = (
            f"no NVIDIA GPU found; {variant.name} needs one{memory}"
            if needs and needs.gpu and variant
            else ("no NVIDIA GPU found; control and mini rows need none")
        )
        return Finding("CUDA", wanted, detail, "use a machine with one, then again: harness doctor")
    names = ", ".join(f"{gpu.name} ({gpu.free_bytes / 1e9:.1f} GB free)" for gpu in machine.gpus)
    if not machine.cuda:
        state = "missing" if wanted == "missing" else "warning"
        detail = f"{names}, but torch {machine.torch} is built without CUDA"
        return Finding("CUDA", state, detail, TORCH_FOR_CUDA)
    if variant and needs and needs.vram_bytes > max(gpu.free_bytes for gpu in machine.gpus):
        detail = f"{names}; {needs.vram_bytes / 1e9:.1f} GB are needed"
        return Finding("CUDA", "missing", detail, f"free GPU memory, or: {_run(variant)} --offload")
    return Finding("CUDA", "ok", names)


def _run(variant: VariantSpec) -> str:
    """The command that runs a variant: on the suite that is run by default, or else on the first one it is fit for."""
    suite = own_suite(variant)
    return f"harness run{f' --suite {suite}' if suite else ''} --variants {variant.name}"


def _plugins(registry: Registry) -> Iterator[Finding]:
    for broken in registry.broken:
        yield Finding(f"plugin {broken.source}", "warning", broken.reason, "mend the file, or remove it")


def _variants(registry: Registry) -> Finding:
    lacking = [s.name for s in registry.variants.values() if missing(s.needs.weights)]
    total = len(registry.variants)
    detail = f"{total - len(lacking)} of {total} have their weights"
    rest = f" and {len(lacking) - SHOWN} more" if len(lacking) > SHOWN else ""
    if not lacking:
        return Finding("variants", "ok", detail)
    return Finding(
        "variants", "warning", f"{detail}; not: {', '.join(lacking[:SHOWN])}{rest}", f"harness doctor {lacking[0]}"
    )
