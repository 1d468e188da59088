"""Making one video: noise, generation, a check of what came out, the lossless master, and its digest."""

from __future__ import annotations

import gc
import os
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from harness.calls import call
from harness.contracts import Generator
from harness.errors import HarnessError, ItemError
from harness.keys import sha256_file
from harness.memory import peak_rss, peak_vram, reset_peaks
from harness.model import Frames, Item, Protocol, Request, frames_digest, generation_key
from harness.noise import make_noise
from harness.paths import video_relpath
from harness.redo import difference
from harness.registry import VariantSpec
from harness.shelf import keep, local
from harness.spool import sync_folder
from harness.tasks import Fault, GenerateTask
from harness.video import read_master, write_master
from harness.workbench import Workbench


class LoadFailed(Exception):
    """A variant could not be loaded; carries the fault, so that its other videos fail without loading again."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


@dataclass
class Loaded:
    """The one variant that a worker keeps in memory."""

    name: str = ""
    generator: Generator | None = None
    seconds: float = 0.0
    fault: Fault | None = None


class GenerateStage:
    """Makes videos, loading each variant's weights once while its videos come in a row."""

    def __init__(self, bench: Workbench) -> None:
        self.bench = bench
        self.loaded = Loaded()
        self.stage = "load"

    def run(self, task: GenerateTask) -> dict[str, Any]:
        """Make, store and commit one video; returns what the coordinator needs to know of it.

        Raises:
            LoadFailed: the variant cannot be loaded.
            ItemError: E-SHAPE, E-ENCODE, or whatever the variant raises.
        """
        bench = self.bench
        self.stage = "load"
        spec = bench.registry.variant(task.variant)
        protocol, item = bench.suite.suite.protocol, bench.item(task.item)
        if generation_key(spec.key, item.key, task.seed, protocol.key) != task.gen_key:
            raise _changed(spec)
        generator, load_seconds = self._load(spec)
        self.stage = "generate"
        noise = make_noise(item.key, task.seed)
        real = partial(bench.suite.real, item)
        settings: dict[str, Any] = {}
        image = bench.suite.image(item)
        request = Request(item, task.seed, protocol, image, noise, real, real, task.lighter, settings.update)
        reset_peaks(bench.device)
        started = time.perf_counter()
        frames = check_frames(generator.generate(request), protocol, spec.name)
        seconds = time.perf_counter() - started
        peaks = {"peak_vram_bytes": peak_vram(bench.device), "peak_rss_bytes": peak_rss()}
        self.stage = "encode"
        replicates = _compared(bench.results, task, frames)
        sha256, frames_sha256, size = store_master(bench, frames, protocol.fps)
        made = {"video_sha256": sha256, "frames_sha256": frames_sha256, "seconds": seconds, "video_bytes": size}
        made["relpath"] = video_relpath(sha256)
        cost = {"load_seconds": load_seconds, **peaks, "attempts": task.attempt, "settings": settings}
        payload = generation_record(task.gen_key, spec, request.item, request.seed, protocol)
        drawn = {"noise_sha256": noise.digest}
        bench.envelope(f"generation-{task.gen_key}", {**payload, **drawn, **made, **cost, **replicates})
        return {**made, **replicates, "lightened": list(settings.get("lightened", ()))}

    def _load(self, spec: VariantSpec) -> tuple[Generator, float]:
        """The generator, and the seconds its loading took if this call loaded it (0 otherwise)."""
        if self.loaded.name == spec.name:
            if self.loaded.fault:
                raise LoadFailed(self.loaded.fault)
            if self.loaded.generator:
                return self.loaded.generator, 0.0
        self.loaded = Loaded()
        _free_memory()
        started = time.perf_counter()
        try:
            offered = {"protocol": self.bench.suite.suite.protocol}
            generator = call(spec.config.load, (self.bench.device,), offered)
        except Exception as error:
            fault = self.bench.fault(error, "load")
            if not fault.retryable:
                self.loaded = Loaded(spec.name, fault=fault)
            raise
        self.bench.settle_libraries()
        self.loaded = Loaded(spec.name, generator, time.perf_counter() - started)
        return generator, self.loaded.seconds


def generation_record(gen_key: str, spec: VariantSpec, item: Item, seed: int, protocol: Protocol) -> dict[str, Any]:
    """The part of a generation envelope that is known without the video, wherever it was made."""
    return {
        "kind": "generation",
        "gen_key": gen_key,
        "variant_key": spec.key,
        "item_key": item.key,
        "seed": seed,
        "protocol_key": protocol.key,
        "frames": protocol.num_frames,
        "width": protocol.width,
        "height": protocol.height,
        "fps": protocol.fps,
    }


def check_frames(frames: object, protocol: Protocol, variant: str) -> Frames:
    """What a variant returned, if it is uint8 [T, H, W, 3] of the protocol's size.

    Raises:
        ItemError: E-SHAPE, saying what came instead.
    """
    wanted = (protocol.num_frames, protocol.height, protocol.width, 3)
    if isinstance(frames, np.ndarray) and frames.dtype == np.uint8 and frames.shape == wanted:
        return frames
    came = f"{frames.dtype} {list(frames.shape)}" if isinstance(frames, np.ndarray) else type(frames).__name__
    raise ItemError(
        "E-SHAPE",
        f"{variant} returned {came}, the protocol wants uint8 {list(wanted)}.",
        why="every row of a suite is scored on the same number of frames of the same size",
        fix="return frames of the protocol's size from generate()",
    )


def _compared(results: Path, task: GenerateTask, frames: Frames) -> dict[str, Any]:
    """How a video that was made a second time is like the first, whose file may be gone; empty for a first video."""
    if not task.first:
        return {}
    bitwise, found = frames_digest(frames) == task.first, {}
    path = local(results, video_relpath(task.first_video))
    if not bitwise and path.is_file():
        found = difference(read_master(path), frames)
    return {"replicates": {"bitwise": bitwise, **found}}


def store_master(bench: Workbench, frames: Frames, fps: int) -> tuple[str, str, int]:
    """Write the lossless master under its own digest: sha256 of the file, of the frames, and its size in bytes.

    The file is decoded again before it gets its name, so that a stored master is known to hold these frames.

    Raises:
        ItemError: E-ENCODE, the decoded frames differ.
    """
    digest = frames_digest(frames)
    with bench.new_file(".mkv") as path:
        write_master(path, frames, fps)
        if frames_digest(read_master(path)) != digest:
            raise ItemError("E-ENCODE", "The stored video does not decode to the generated frames.", retryable=True)
        sha256, size = sha256_file(path), path.stat().st_size
        _commit(path, bench.results / video_relpath(sha256))
    keep(bench.results, video_relpath(sha256))
    return sha256, digest, size


def _commit(path: Path, target: Path) -> None:
    """Rename onto the final name, with file and folder on disk before anything refers to them."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with path.open("rb") as file:
        os.fsync(file.fileno())
    path.rename(target)
    sync_folder(target.parent)


def _changed(spec: VariantSpec) -> HarnessError:
    return ItemError(
        "E-CHANGED",
        f"{spec.name} changed while the run was going: its key is no longer the planned one.",
        where=spec.source,
        fix="run the same command again",
    )


def _free_memory() -> None:
    gc.collect()
    if (torch := sys.modules.get("torch")) and torch.cuda.is_available():
        torch.cuda.empty_cache()
