"""What the harness adds to a video over a bare loop that makes the same one, and what a second scoring worker brings.

    python benchmarks/overhead.py [--quick]

The bare loop loads the base and samples the suite's items one after the other, as a script would, and keeps the
frames. The harness then does all that it does to a video with a row that hands out those very frames: it checks,
encodes, hashes, commits and measures them with a metric that costs next to nothing. So what it adds is seen without
the seconds of sampling, which differ by more than that from one process to the next. Start-up is taken out by running
two sizes and dividing the difference; one thread, one worker, the median of three rounds. Processor seconds are of all
processes together.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

VARIANT = "mini-svd-direct"
QUICK_VARIANT = "control-still"  # costs nothing to make
BARE = """
import sys, time
import numpy as np
from harness.model import Request
from harness.noise import make_noise
from harness.registry import load_plugins
from harness.suite import load_suite

suite, spec = load_suite("mini"), load_plugins().variant(sys.argv[1])
generator = spec.config.load("cpu")
videos, seconds = [], []
for item in suite.suite.items[: int(sys.argv[2])]:
    request = Request(item, 0, suite.suite.protocol, suite.image(item), make_noise(item.key, 0), lambda: None)
    started = time.process_time()
    videos.append(generator.generate(request))
    seconds.append(time.process_time() - started)
np.save(sys.argv[3], np.stack(videos))
print(np.median(seconds))
"""
REPLAY = """
import itertools
import numpy as np
from harness.api import Needs, variant

@variant("replay", revision=1, family="replay", role="baseline", summary="frames that were made before")
class Replay:
    path: str = {path!r}

    def needs(self):
        return Needs()

    def load(self, device):
        return Frames(np.load(self.path))

class Frames:
    def __init__(self, videos):
        self.videos = itertools.cycle(videos)

    def generate(self, request):
        return next(self.videos)
"""
SCORED = ("control-real", "control-still", "control-loop", "control-flicker")
METRICS = "warp_error,flow_smoothness,dynamic_rate,ff_ssim"
QUICK_METRICS = "adjacent_mae"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    made, small, large, rounds, clips = (1, 1, 2, 1, 1) if quick else (6, 4, 64, 3, 40)
    with tempfile.TemporaryDirectory() as folder:
        overhead(Path(folder), QUICK_VARIANT if quick else VARIANT, made, (small, large), rounds)
        scoring(Path(folder), SCORED[:1] if quick else SCORED, clips, QUICK_METRICS if quick else METRICS)


def overhead(folder: Path, variant: str, made: int, sizes: tuple[int, int], rounds: int) -> None:
    """``sizes`` in items, of which each has two videos."""
    frames, plugin = folder / "frames.npy", folder / "replay.py"
    plugin.write_text(REPLAY.format(path=str(frames)))
    bare = float(output([sys.executable, "-c", BARE, variant, str(made), str(frames)]))
    added = []
    for number in range(rounds):
        costs = [cost(replayed(plugin, size, folder / f"{number}-{size}")) for size in sizes]
        added.append([(b - a) / (2 * (sizes[1] - sizes[0])) for a, b in zip(*costs, strict=True)])
    processor, wall = (median(each) for each in zip(*added, strict=True))
    print("| one video | processor s | share | wall s |\n|---|---|---|---|")
    print(f"| bare loop | {bare:.3f} | | |")
    print(f"| the harness adds | {processor:.3f} | {processor / bare:.1%} | {wall:.3f} |", flush=True)


def scoring(folder: Path, scored: Sequence[str], clips: int, metrics: str) -> None:
    shared = ["--variants", ",".join(scored), "--limit", str(clips)]
    cost([*harness_command(folder / "made"), *shared, "--metrics", "dup_frac"])
    print("\n| scoring workers | wall s | clips/s | ratio |\n|---|---|---|---|")
    first = 0.0
    for workers in (1, 2):
        results = folder / f"scored-{workers}"
        shutil.copytree(folder / "made", results)
        _, wall = cost([*harness_command(results), *shared, "--metrics", metrics, "--workers", str(workers)])
        first = first or wall
        total = clips * len(scored)
        print(f"| {workers} | {wall:.1f} | {total / wall:.2f} | {first / wall:.2f} |", flush=True)


def replayed(plugin: Path, items: int, results: Path) -> list[str]:
    flags = ["--plugin", str(plugin), "--variants", "replay", "--limit", str(items)]
    return [*harness_command(results), *flags, "--metrics", "dup_frac", "--workers", "1"]


def harness_command(results: Path) -> list[str]:
    return [sys.executable, "-m", "harness", "run", "--yes", "--json", "--threads", "1", "--results", str(results)]


def cost(arguments: list[str]) -> tuple[float, float]:
    """Processor and wall seconds of a command and everything it started."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    output(arguments)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return processor, time.perf_counter() - start


def output(arguments: list[str]) -> str:
    """What a command prints; its numerical libraries have one thread."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    done = subprocess.run(arguments, check=False, capture_output=True, env=environment, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(arguments)}\n{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
