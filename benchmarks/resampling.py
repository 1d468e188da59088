"""What certainty about a set distance costs: the jackknife and the paired-swap permutation of a Frechet distance.

    OMP_NUM_THREADS=1 python benchmarks/resampling.py [--quick]

Two variants of 256 items with 400 features each against 256 reference rows: the jackknife of the difference over 20
groups, and 1,000 random exchanges of videos. Beside it the same work by the plain function, from the time of one
distance. Prints a Markdown table; seconds are those of the processor, whatever its number of cores. Ends with 1 where
the whole takes more than 10 of them.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from harness.frechet import frechet_distance
from harness.model import Features
from harness.stats import compare_sets, contrast

SWAPS, GROUPS = 1000, 20
LIMIT = 10.0  # seconds of one core, at full size
T = TypeVar("T")


def main() -> int:
    """Run once; 1 where it took longer than it may."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="24 items, 8 features: checks the script only")
    count, dim, swaps = (24, 8, 50) if parser.parse_args().quick else (256, 400, SWAPS)
    first, second, reference = (features(count, dim, seed) for seed in (1, 2, 0))
    one = min(timed(lambda: distance(first, reference))[1] for _ in range(5))
    jackknife = timed(lambda: contrast(distance, [first, second], [1, -1], reference))[1]
    found, seconds = timed(lambda: compare_sets(distance, first, second, reference, swaps=swaps))
    print("| N | d | step | seconds | by the plain function |\n|---|---|---|---|---|")
    print(f"| {count} | {dim} | one distance | {one:.4f} | |")
    print(
        f"| {count} | {dim} | jackknife of a difference, {GROUPS} groups | {jackknife:.2f} | {2 * GROUPS * one:.1f} |"
    )
    both = 2 * (GROUPS + swaps) * one
    print(f"| {count} | {dim} | the same and {swaps} swaps (p {found.p:.3f}) | {seconds:.2f} | {both:.1f} |")
    if seconds > LIMIT:
        print(f"too slow: {seconds:.1f} s, at most {LIMIT:g} are promised", file=sys.stderr)
    return int(seconds > LIMIT)


def distance(generated: Features, reference: Features) -> float:
    return frechet_distance(generated.rows, reference.rows)


def features(count: int, dim: int, seed: int) -> Features:
    """A row an item, of a Gaussian whose variances fall like 1 / k, as those of network features roughly do."""
    rows = np.random.default_rng(seed).standard_normal((count, dim)) / np.sqrt(np.arange(1, dim + 1))
    return Features(rows, np.arange(count).astype(np.str_))


def timed(action: Callable[[], T]) -> tuple[T, float]:
    started = time.process_time()
    return action(), time.process_time() - started


if __name__ == "__main__":
    sys.exit(main())
