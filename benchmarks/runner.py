"""What the runner costs beside the work itself: rerun of a finished board, planning, ingest, start of the command line.

    python benchmarks/runner.py [--quick]

The board is made of real envelopes, in an archive as a run leaves it, and its rerun is the command that a user types.
Seconds are processor time of the process and its children, which other work on the machine changes little; wall time
is printed beside it.
"""

from __future__ import annotations

import argparse
import contextlib
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from harness.environment import new_run_id
from harness.keys import canonical_json, sha256_bytes
from harness.model import generation_key, set_key
from harness.paths import feature_relpath, spool, video_relpath
from harness.plan import RUNS, Have, make_plan
from harness.queries import RunRecord
from harness.registry import Registry, VariantSpec, load_plugins
from harness.run import metric_record, variant_record
from harness.spool import read_archives, write_atomic
from harness.store import Store
from harness.suite import LoadedSuite, load_suite
from harness.wishes import make_column

METRICS = (
    *("warp_error", "flow_smoothness", "dynamic_rate", "ff_ssim", "ff_psnr", "n_cuts", "dup_frac", "palindrome"),
    *("adjacent_mae", "fd_world", "kvd_world", "fd_motion_hist"),
)
STAMP = {"env_key": "e" * 32, "created_at": "2026-11-24T10:00:00.000000+00:00"}
ROWS = '''"""Rows that are never made: the board of the benchmark is there already."""
from harness.api import Needs, variant

for number in range({count}):

    @variant(f"bench-{{number:02d}}", revision=1, family="bench", role="method", summary="a row of the benchmark")
    class Row:
        number: int = number

        def needs(self):
            return Needs()

        def load(self, device):
            raise NotImplementedError
'''


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    variants, limit, rows, units = (2, 4, 600, 500) if quick else (14, 64, 120_000, 100_000)
    print("| step | size | processor s | wall s | rate |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        plugin, results = Path(folder) / "bench_rows.py", Path(folder) / "results"
        plugin.write_text(ROWS.format(count=variants))
        registry, suite = load_plugins([plugin]), load_suite("mini")
        specs = [spec for spec in registry.variants.values() if spec.family == "bench"]
        fill(results, registry, suite, specs, limit)
        rebuild(results)
        rerun(results, plugin, variants, limit)
        ingest(Path(folder) / "other", rows)
        plan(registry, suite, specs, units)
    start()


def fill(results: Path, registry: Registry, suite: LoadedSuite, specs: list[VariantSpec], limit: int) -> None:
    """Everything that a finished run of the board leaves, its envelopes in one archive."""
    run = new_run_id()
    payloads = list(board(results, registry, suite, specs, limit, run))
    write_atomic(spool(results) / run / "done-1.jsonl", "".join(canonical_json(p) + "\n" for p in payloads).encode())
    (results / "runs" / run).mkdir(parents=True)
    with Store(results) as store:
        for spec in specs:
            store.record_variant(spec.key, variant_record(spec), "")
        for name in METRICS:
            metric = registry.metric(name)
            store.record_metric(registry.metric_key(metric), metric_record(metric), "")
        store.record_suite(suite.suite, suite.reference_key)
        store.record_run(RunRecord(run, STAMP["created_at"], "complete", ("run",), "0", STAMP["created_at"]))


def board(
    results: Path, registry: Registry, suite: LoadedSuite, specs: list[VariantSpec], limit: int, run: str
) -> Iterator[dict[str, Any]]:
    stamp = {**STAMP, "run_id": run}
    columns = [make_column(registry, registry.metric(name), suite, limit) for name in METRICS]
    protocol, items = suite.suite.protocol, suite.suite.items[:limit]
    for spec in specs:
        keys = [generation_key(spec.key, item.key, 0, protocol.key) for item in items]
        for key, item in zip(keys, items, strict=True):
            video = put(results, f"video {key}", video_relpath)
            yield {
                **{"kind": "generation", "gen_key": key, "variant_key": spec.key, "item_key": item.key, "seed": 0},
                **{"protocol_key": protocol.key, "video_sha256": video, "frames_sha256": sha256_bytes(key.encode())},
                **{"relpath": video_relpath(video), "frames": 40, "width": 64, "height": 64, "fps": 10},
                **{"video_bytes": 100_000, "seconds": 1.5, "attempts": 1, **stamp},
            }
            scores = [score(c.key, c.spec.label, i) for i, c in enumerate(columns) if c.spec.scope == "video"]
            yield {"kind": "scores", "gen_key": key, "video_sha256": video, "scores": scores, **stamp}
            for extractor in sorted({c.extractor_key for c in columns if c.extractor_key}):
                features = put(results, f"{extractor} {key}", feature_relpath)
                place = {"sha256": features, "relpath": feature_relpath(features), "rows": 1, "dim": 8}
                known = {"kind": "features", "gen_key": key, "video_sha256": video, "extractor_key": extractor}
                yield {**known, **place, **stamp}
        whole = set_key(keys, suite.reference_key)
        for column in (c for c in columns if c.spec.scope == "set"):
            yield {
                **{"kind": "set_score", "set_key": whole, "metric_key": column.key, "metric": column.spec.label},
                **{"variant_key": spec.key, "suite_key": suite.suite.key, "n": limit, "value": 3.5, "stderr": 0.5},
                **{"ci_low": 2.5, "ci_high": 4.5, "detail": {}, **stamp},
            }


def score(key: str, label: str, index: int) -> dict[str, Any]:
    value = 0.1 + index / 1000
    profile = [value] * 8
    known = {"metric_key": key, "metric": label, "value": value, "status": "ok", "reason": "", "coverage": 0.9}
    return {**known, "detail": {"rate": 0.125, "share": 0.5}, "profile": profile, "seconds": 0.2}


def put(results: Path, content: str, place: Callable[[str], str]) -> str:
    """A small file in the place of an artefact."""
    sha = sha256_bytes(content.encode())
    path = results / place(sha)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return sha


def rebuild(results: Path) -> None:
    index = results / "cache" / "harness.duckdb"
    index.unlink(missing_ok=True)
    with measured("index made again from the archive") as told:
        with Store(results) as store:
            made = store.rebuilt
        told.size = sum(made.rows.values()) if made else 0
        told.unit = "rows"


def rerun(results: Path, plugin: Path, variants: int, limit: int) -> None:
    command = [sys.executable, "-m", "harness", "run", "--variants", "bench-*", "--plugin", str(plugin)]
    command += ["--metrics", ",".join(METRICS), "--limit", str(limit), "--results", str(results)]
    subprocess.run(command, capture_output=True, check=False)  # the first compiles what it imports
    with measured(f"rerun of a finished board, {variants} x {limit} x {len(METRICS)}") as told:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        told.size, told.unit = 1, ""
    if done.returncode or "nothing to do" not in done.stderr:
        sys.exit(f"the rerun had something to do:\n{done.stderr}")


def ingest(results: Path, rows: int) -> None:
    """Score envelopes of twelve metrics a video, from an archive, into an index that is there."""
    path = spool(results) / "r" / "done-1.jsonl"
    path.parent.mkdir(parents=True)
    with Store(results) as store:
        with path.open("w") as file:
            for number in range(rows // 12):
                key = f"{number:032x}"
                scores = [score(f"{i:032x}", f"metric_{i}@1", i) for i in range(12)]
                known = {"kind": "scores", "gen_key": key, "video_sha256": 2 * key, "run_id": "r"}
                file.write(canonical_json({**known, "scores": scores, **STAMP}) + "\n")
        with measured("read envelopes") as told:
            envelopes, _ = read_archives(spool(results))
            told.size, told.unit = rows, "rows"
        with measured("ingest") as told:
            told.size, told.unit = store.ingest(envelopes).rows["scores"], "rows"


def plan(registry: Registry, suite: LoadedSuite, specs: list[VariantSpec], units: int) -> None:
    """Wanted minus nothing: every unit becomes a task. More seeds make a suite as large as asked for."""
    import dataclasses

    columns = [make_column(registry, registry.metric(name), suite) for name in METRICS]
    seeds = tuple(range(-(-units // (len(specs) * len(suite.suite.items)))))
    large = dataclasses.replace(suite.suite, seeds=seeds)
    with measured("planning") as told:
        made = make_plan(large, None, [(spec, RUNS) for spec in specs], columns, suite.reference_key, Have())
        told.size, told.unit = made.videos_to_do, "units"


def start() -> None:
    with measured("harness --help") as told:
        subprocess.run([sys.executable, "-m", "harness", "--help"], capture_output=True, check=True)
        told.size, told.unit = 1, ""


class Told:
    size = 0
    unit = ""


@contextlib.contextmanager
def measured(name: str) -> Iterator[Told]:
    told = Told()
    before, began = processor(), time.perf_counter()
    yield told
    spent, wall = processor() - before, time.perf_counter() - began
    rate = f"{told.size / spent:,.0f} {told.unit}/s" if told.unit else ""
    print(f"| {name} | {told.size if told.unit else ''} | {spent:.2f} | {wall:.2f} | {rate} |", flush=True)


def processor() -> float:
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in usage)


if __name__ == "__main__":
    main()
