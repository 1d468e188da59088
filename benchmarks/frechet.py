"""The Frechet distance of this project against `scipy.linalg.sqrtm` and torchmetrics' FID formula, side by side.

    OMP_NUM_THREADS=1 python benchmarks/frechet.py [--quick]

All three go from the same feature rows (float64) to a distance, means and covariances included. Prints a Markdown
table: the median of five runs, fewer where one takes seconds; how many times longer the other two take; the largest
relative difference of the three values; and what each gives for a set against itself, which is 0. Seconds are those of
the processor, so other work on the machine hardly changes them.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from harness.api import frechet_distance

Rows = NDArray[np.float64]
Distance = Callable[[Rows, Rows], float]
RUNS, SLOW = 5, 2.0  # runs of one case; seconds above which it runs once


def main() -> None:
    """Run all cases."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="8 and 24 dimensions: checks the script, measures nothing")
    quick = parser.parse_args().quick
    for distance in (textbook, fid):  # imports are not measured
        distance(features(4, 9, 0), features(4, 9, 1))
    distances: dict[str, Distance] = {"ours": frechet_distance, "sqrtm": textbook, "torchmetrics": fid}
    print(
        "| d | N | ours, s | sqrtm, s | torchmetrics, s | sqrtm / ours | torchmetrics / ours | values differ by | "
        "d(X, X): ours | sqrtm | torchmetrics |\n|---|---|---|---|---|---|---|---|---|---|---|"
    )
    for dim in (8, 24) if quick else (400, 1408):
        for count in (16, 64) if quick else (64, 256, 2048):
            print(row(dim, count, distances), flush=True)


def row(dim: int, count: int, distances: dict[str, Distance]) -> str:
    """One line of the table."""
    x, y = features(dim, count, 0), features(dim, count, 1)
    found = {name: timed(distance, x, y) for name, distance in distances.items()}
    seconds = {name: time_ for name, (_, time_) in found.items()}
    values = [value for value, _ in found.values()]
    differ = (max(values) - min(values)) / abs(values[0])
    ratios = [f"{seconds[name] / seconds['ours']:.1f}" for name in ("sqrtm", "torchmetrics")]
    itself = [f"{distance(x, x):.0e}" for distance in distances.values()]
    cells = [str(dim), str(count), *(f"{s:.4f}" for s in seconds.values()), *ratios, f"{differ:.0e}", *itself]
    return "| " + " | ".join(cells) + " |"


def features(dim: int, count: int, seed: int) -> Rows:
    """Rows of a Gaussian whose variances fall like 1 / k, as those of network features roughly do."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((count, dim)) / np.sqrt(np.arange(1, dim + 1)) + 0.1 * seed


def textbook(x: Rows, y: Rows) -> float:
    """|mu_x - mu_y|^2 + tr(S_x + S_y - 2 sqrtm(S_x S_y))."""
    from scipy.linalg import sqrtm

    first, second = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = np.real(sqrtm(first @ second))
    shift = x.mean(0) - y.mean(0)
    return float(shift @ shift + np.trace(first) + np.trace(second) - 2 * np.trace(root))


def fid(x: Rows, y: Rows) -> float:
    """torchmetrics' own function on means and covariances."""
    import torch
    from torchmetrics.image.fid import _compute_fid

    first, second = torch.from_numpy(x), torch.from_numpy(y)
    return float(_compute_fid(first.mean(0), first.T.cov(), second.mean(0), second.T.cov()))


def timed(distance: Distance, x: Rows, y: Rows) -> tuple[float, float]:
    """The distance and the median of its seconds."""
    seconds = []
    while len(seconds) < RUNS and not (seconds and seconds[-1] > SLOW):
        started = time.process_time()
        value = distance(x, y)
        seconds.append(time.process_time() - started)
    return value, statistics.median(seconds)


if __name__ == "__main__":
    main()
