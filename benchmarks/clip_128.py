"""One clip of 128 frames at 576x1024, scored by every metric that needs no weights: seconds each, and peak memory.

Seconds are given on the clock and of the processor; on a machine with other work only the latter mean something.

    python benchmarks/clip_128.py [--quick]

The clip is a textured image under a steady pan with a square that crosses it, stored as a lossless master and decoded
as a run would. Prints a Markdown table. Peak memory is the whole process's resident set, Python and torch included.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from harness.clip import Clip
from harness.memory import peak_rss
from harness.model import frames_digest
from harness.registry import ExtractorSpec, MetricSpec, load_plugins
from harness.video import read_master, write_master

FPS = 16
PAN, SQUARE = 2, (96, 5)  # pixels a frame; side and pixels a frame
LIMIT = 1.5e9  # bytes
T = TypeVar("T")


def main() -> int:
    """Run the benchmark; exit 1 when the memory limit is passed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="17 frames at 72x128: checks the script, measures nothing")
    size = (17, 72, 128) if parser.parse_args().quick else (128, 576, 1024)
    print("| step | seconds | of the processor | value |\n|---|---|---|---|")
    started, worked = time.perf_counter(), time.process_time()
    for name, seconds, value in steps(*size):
        print(f"| {name} | {seconds.clock:.2f} | {seconds.processor:.2f} | {value} |", flush=True)
    clock, processor = time.perf_counter() - started, time.process_time() - worked
    peak = peak_rss()  # of this process alone; getrusage would begin with the parent's
    print(f"\n{size[0]} frames of {size[1]}x{size[2]}, {clock:.1f} s in all, {processor:.1f} s of the processor")
    print(f"peak memory {peak / 1e9:.2f} GB, limit {LIMIT / 1e9:g} GB")
    return int(peak > LIMIT)


class Seconds(NamedTuple):
    clock: float
    processor: float


def steps(num_frames: int, height: int, width: int) -> Iterator[tuple[str, Seconds, str]]:
    """Name, seconds and value of each step."""
    registry = load_plugins()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mkv"
        image, seconds = timed(lambda: store(path, num_frames, height, width))
        yield "(make and encode)", seconds, ""
        frames, seconds = timed(lambda: read_master(path))
        yield "decode", seconds, ""
    _, seconds = timed(lambda: frames_digest(frames))
    yield "digest of the frames", seconds, ""
    video = [m for m in registry.metrics.values() if m.scope == "video" and not m.weights]
    warm = Clip(np.ascontiguousarray(frames[:9, :64, :64]), FPS, np.ascontiguousarray(image[:64, :64]))
    for metric in video:  # imports are not measured
        metric.function(warm)
    clip = Clip(frames, FPS, image)
    _, seconds = timed(lambda: clip.flow)
    yield "flow between neighbours, both ways", seconds, ""
    for metric in video:
        yield measured(metric, clip)
    for extractor in (e for e in registry.extractors.values() if not e.weights):
        yield extracted(extractor, clip)


def measured(metric: MetricSpec, clip: Clip) -> tuple[str, Seconds, str]:
    score, seconds = timed(lambda: metric.function(clip))
    return metric.name, seconds, f"{score.value:.6g}" if score.value is not None else f"{score.status}: {score.reason}"


def extracted(extractor: ExtractorSpec, clip: Clip) -> tuple[str, Seconds, str]:
    network = extractor.load("cpu")
    rows, seconds = timed(lambda: network(clip))
    return f"features: {extractor.name}", seconds, f"{rows.shape[0]} x {rows.shape[1]}"


def timed(action: Callable[[], T]) -> tuple[T, Seconds]:
    started, worked = time.perf_counter(), time.process_time()
    return action(), Seconds(time.perf_counter() - started, time.process_time() - worked)


def store(path: Path, num_frames: int, height: int, width: int) -> NDArray[np.uint8]:
    """Write the clip's master and return its first frame."""
    canvas = texture(height, width + PAN * (num_frames - 1))
    frames = np.empty((num_frames, height, width, 3), np.uint8)
    side = min(SQUARE[0], height // 4)
    for t in range(num_frames):
        frames[t] = canvas[:, PAN * t : PAN * t + width]
        x = SQUARE[1] * t % (width - side)
        frames[t, height // 3 : height // 3 + side, x : x + side] = 255 - canvas[:side, :side]
    write_master(path, frames, FPS)
    return frames[0].copy()


def texture(height: int, width: int) -> NDArray[np.uint8]:
    """Noise of several grain sizes, uint8 [height, width, 3]."""
    rng, total = np.random.default_rng(0), np.zeros((height, width, 3), np.float32)
    for grain in (1, 2, 4, 8, 16):
        smooth = cv2.GaussianBlur(rng.standard_normal((height, width, 3), np.float32), (0, 0), grain)
        total += smooth / smooth.std()
    return np.asarray((128 + 45 * total / total.std()).clip(0, 255), np.uint8)


if __name__ == "__main__":
    sys.exit(main())
