"""What a video costs more when the harness makes it than in a bare loop, and what a second scoring worker brings.

    python benchmarks/overhead.py [--quick]

The bare loop loads the base and samples the suite's items one after the other, as a script would. The harness makes
the same videos, checks, encodes, hashes, commits and measures them with a metric that costs next to nothing. Both run
with one thread. Start-up is taken out by running two sizes and dividing the difference; rounds alternate, and the
median is shown. Processor seconds are of the process and its children.
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
import sys
from harness.model import Request
from harness.noise import make_noise
from harness.registry import load_plugins
from harness.suite import load_suite

suite, spec = load_suite("mini"), load_plugins().variant(sys.argv[1])
generator = spec.config.load("cpu")
for item in suite.suite.items[: int(sys.argv[2])]:
    request = Request(item, 0, suite.suite.protocol, suite.image(item), make_noise(item.key, 0), lambda: None)
    generator.generate(request)
"""
SCORED = ("control-real", "control-still", "control-loop", "control-flicker")
METRICS = "warp_error,flow_smoothness,dynamic_rate,ff_ssim"
QUICK_METRICS = "adjacent_mae"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    small, large, rounds, clips = (1, 2, 1, 1) if quick else (4, 12, 3, 40)
    with tempfile.TemporaryDirectory() as folder:
        overhead(Path(folder), QUICK_VARIANT if quick else VARIANT, small, large, rounds)
        scoring(Path(folder), SCORED[:1] if quick else SCORED, clips, QUICK_METRICS if quick else METRICS)


def overhead(folder: Path, variant: str, small: int, large: int, rounds: int) -> None:
    costs: dict[str, list[tuple[float, float]]] = {"bare loop": [], "harness": []}
    for number in range(rounds):
        for name, runs in costs.items():
            sizes = [cost(command(name, variant, size, folder / f"{name}-{number}-{size}")) for size in (small, large)]
            processor, wall = ((b - a) / (large - small) for a, b in zip(*sizes, strict=True))
            runs.append((processor, wall))
    print("| one video | processor s | ratio | wall s |\n|---|---|---|---|")
    bare = median(processor for processor, _ in costs["bare loop"])
    for name, runs in costs.items():
        processor, wall = median(p for p, _ in runs), median(w for _, w in runs)
        print(f"| {name} | {processor:.3f} | {processor / bare:.3f} | {wall:.3f} |", flush=True)


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


def command(name: str, variant: str, size: int, results: Path) -> list[str]:
    if name == "bare loop":
        return [sys.executable, "-c", BARE, variant, str(size)]
    limit = ["--variants", variant, "--limit", str(size), "--metrics", "dup_frac"]
    return [*harness_command(results), *limit]


def harness_command(results: Path) -> list[str]:
    return [sys.executable, "-m", "harness", "run", "--yes", "--json", "--threads", "1", "--results", str(results)]


def cost(arguments: list[str]) -> tuple[float, float]:
    """Processor and wall seconds of a command and everything it started."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return processor, time.perf_counter() - start


if __name__ == "__main__":
    main()
