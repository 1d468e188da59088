"""kill -9 of the coordinator or of a worker at random moments: what it costs, and whether the table stays the same.

    python benchmarks/kill.py [--kills 50] [--seed 0] [--quick]

One run is left alone. Then the same command is run over and over in other folders, each time with one process killed
after a random part of the time that the undisturbed run took, until it ends by itself. Its table must be that of the
first; no video may be made again once its envelope was written; a kill may cost no more than what was in hand.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.paths import scratch, spool
from harness.spool import read_archives, read_envelopes

ROWS = '''"""A row that takes its time."""
import time

import numpy as np

from harness.api import Needs, variant


class Slow:
    def generate(self, request):
        time.sleep(0.3)
        frames = np.stack([np.roll(request.image, i, axis=1) for i in range(request.protocol.num_frames)])
        noise = 4 * request.noise("drift", frames.shape)
        return np.clip(frames + noise, 0, 255).astype(np.uint8)


@variant("bench-slow", revision=1, family="bench", role="method", summary="drifts")
class Row:
    def needs(self):
        return Needs()

    def load(self, device):
        return Slow()
'''
METRICS = "adjacent_mae,ff_psnr,dup_frac"


@dataclass
class Tally:
    coordinators: int = 0
    workers: int = 0
    too_late: int = 0
    runs: int = 0
    boards: int = 0
    wrong_tables: int = 0
    made_again: int = 0
    most_lost: int = 0
    litter: int = 0
    quickest: float = float("inf")
    codes: Counter[int] = field(default_factory=Counter)

    @property
    def kills(self) -> int:
        return self.coordinators + self.workers


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--items", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="one kill on two items")
    asked = parser.parse_args()
    kills, items = (1, 2) if asked.quick else (asked.kills, asked.items)
    dice, tally = random.Random(asked.seed), Tally()  # noqa: S311 -- moments, no secrets
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "bench_rows.py").write_text(ROWS)
        began = time.monotonic()
        process = start(root, root / "undisturbed", items)
        expected = table(process.communicate()[0])
        whole = time.monotonic() - began
        while tally.kills < kills:
            board(root, root / f"board-{tally.boards}", items, kills, whole, dice, expected, tally)
    report(tally, whole)
    if tally.wrong_tables or tally.made_again or tally.litter:
        sys.exit(1)


def board(
    root: Path,
    results: Path,
    items: int,
    kills: int,
    whole: float,
    dice: random.Random,
    expected: dict[str, Any],
    tally: Tally,
) -> None:
    """One folder, from nothing to its table, with a kill in every run but the last."""
    while True:
        began, late = time.monotonic(), tally.too_late
        process = start(root, results, items)
        tally.runs += 1
        if tally.kills < kills:
            hit(process, dice.uniform(0, min(whole, tally.quickest)), dice, tally)
        out, _ = process.communicate()
        if tally.too_late > late:  # the machine has become quicker: later kills come sooner
            tally.quickest = min(tally.quickest, time.monotonic() - began)
        tally.codes[process.returncode] += 1
        tally.most_lost = max(tally.most_lost, len(list(scratch(results).glob("*"))))
        if process.returncode == 0:
            break
    tally.boards += 1
    tally.wrong_tables += table(out) != expected
    times = Counter(made["gen_key"] for made in committed(results))
    tally.made_again += sum(count - 1 for count in times.values())
    tally.litter += len(list(spool(results).rglob("*.tmp"))) + len(list(scratch(results).glob("*")))


def hit(process: subprocess.Popen[str], delay: float, dice: random.Random, tally: Tally) -> None:
    """Kill the coordinator or one of its workers after ``delay`` seconds."""
    try:
        process.wait(delay)
    except subprocess.TimeoutExpired:
        pass
    else:
        tally.too_late += 1
        return
    workers = children(process.pid)
    target = dice.choice([process.pid, *workers])
    try:
        os.kill(target, signal.SIGKILL)
    except ProcessLookupError:
        tally.too_late += 1
        return
    if target == process.pid:
        tally.coordinators += 1
    else:
        tally.workers += 1


def start(root: Path, results: Path, items: int) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        "-m",
        "harness",
        "run",
        "--variants",
        "bench-slow",
        "--plugin",
        str(root / "bench_rows.py"),
    ]
    command += ["--metrics", METRICS, "--limit", str(items), "--results", str(results), "--json"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=root)


def committed(results: Path) -> list[dict[str, Any]]:
    """Every generation envelope that was written, indexed or not."""
    folder = spool(results)
    found = [*read_archives(folder)[0], *read_envelopes(folder)[0]]
    return [dict(e.payload) for e in found if e.kind == "generation"]


def table(out: str) -> dict[str, Any]:
    """The final table without what differs between any two runs: the time a video took."""
    events = [json.loads(line) for line in out.splitlines() if line.endswith("}")]
    found: dict[str, Any] = next(event for event in events if event["event"] == "summary")["table"]
    return {**found, "rows": [{k: v for k, v in row.items() if k != "seconds"} for row in found["rows"]]}


def children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def report(tally: Tally, whole: float) -> None:
    print("| what | number |")
    print("|---|---|")
    for what, number in (
        ("kills of the coordinator", tally.coordinators),
        ("kills of a worker", tally.workers),
        ("runs that ended before their kill", tally.too_late),
        ("runs", tally.runs),
        ("boards finished", tally.boards),
        ("tables other than the undisturbed one", tally.wrong_tables),
        ("videos made again after they were committed", tally.made_again),
        ("half-written files left by one kill, at most", tally.most_lost),
        ("half-written files left at the end", tally.litter),
        ("seconds of an undisturbed run", f"{whole:.1f}"),
    ):
        print(f"| {what} | {number} |")


if __name__ == "__main__":
    main()
