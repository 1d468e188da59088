"""Envelopes and results folders for the tests of the index."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.keys import GenKey, sha256_bytes
from harness.model import Item, Protocol, Suite
from harness.paths import feature_relpath, spool, video_relpath
from harness.queries import RunRecord
from harness.spool import write_atomic, write_envelope
from harness.store import Store

RUN = "0199c2f4-0000-7000-8000-000000000001"
OTHER_RUN = "0199c2f4-0000-7000-8000-000000000002"
STAMP = {"env_key": "e" * 32, "run_id": RUN, "created_at": "2026-11-24T10:00:00.123456+00:00"}


def generation(results: Path, name: str, content: bytes | None = None, **fields: Any) -> dict[str, Any]:
    """An envelope of a video called ``name`` whose file holds ``content``."""
    data = name.encode() if content is None else content
    sha = sha256_bytes(data)
    write_atomic(results / video_relpath(sha), data)
    return {
        "kind": "generation",
        "gen_key": name,
        "variant_key": "v",
        "item_key": f"item-{name}",
        "seed": 0,
        "protocol_key": "p",
        "video_sha256": sha,
        "frames_sha256": sha256_bytes(b"frames" + data),
        "noise_sha256": None,
        "relpath": video_relpath(sha),
        "frames": 40,
        "width": 64,
        "height": 64,
        "fps": 10,
        "video_bytes": len(data),
        "seconds": 1.5,
        "load_seconds": 0.0,
        "peak_vram_bytes": None,
        "attempts": 1,
        **STAMP,
        **fields,
    }


def score(value: float | None = 0.25, metric: str = "warp_error@1", **fields: Any) -> dict[str, Any]:
    status = "ok" if value is not None else "undefined"
    return {
        "metric_key": metric.replace("@", "-"),
        "metric": metric,
        "value": value,
        "status": status,
        "reason": "" if value is not None else "nothing moves",
        "coverage": 0.5,
        "detail": {"rate": 0.125},
        "profile": [0.1, None, 0.3],
        "seconds": 0.5,
        **fields,
    }


def scores(name: str, *records: dict[str, Any], **fields: Any) -> dict[str, Any]:
    video = sha256_bytes(name.encode())
    shared = {"kind": "scores", "gen_key": name, "video_sha256": video, **STAMP}
    return {**shared, "scores": list(records or (score(),)), **fields}


def features(results: Path, name: str, **fields: Any) -> dict[str, Any]:
    data = b"rows of " + name.encode()
    sha = sha256_bytes(data)
    write_atomic(results / feature_relpath(sha), data)
    place = {
        "video_sha256": sha256_bytes(name.encode()),
        "relpath": feature_relpath(sha),
        "sha256": sha,
        "rows": 1,
        "dim": 8,
    }
    return {"kind": "features", "gen_key": name, "extractor_key": "world-1", **place, **STAMP, **fields}


def set_score(key: str = "set", value: float = 3.5, **fields: Any) -> dict[str, Any]:
    return {
        "kind": "set_score",
        "set_key": key,
        "metric_key": "fd_world-1",
        "metric": "fd_world@1",
        "variant_key": "v",
        "suite_key": "s",
        "reference_key": "r",
        "n": 64,
        "value": value,
        "stderr": 0.5,
        "ci_low": 2.5,
        "ci_high": 4.5,
        "detail": {},
        "seconds": 0.1,
        **STAMP,
        **fields,
    }


def failure(name: str, attempt: int = 1, code: str = "E-MEMORY", **fields: Any) -> dict[str, Any]:
    return {
        "kind": "failure",
        "task_key": name,
        "stage": "generate",
        "attempt": attempt,
        "code": code,
        "message": "out of memory",
        "traceback": "Traceback …",
        "retryable": True,
        "occurred_at": STAMP["created_at"],
        "run_id": RUN,
        **fields,
    }


def put(results: Path, *payloads: dict[str, Any], run: str = RUN) -> list[Path]:
    """Commit envelopes as a worker does."""
    folder = spool(results) / run / "worker-0"
    taken = len(list(folder.glob("*"))) if folder.is_dir() else 0
    return [write_envelope(folder, f"{taken + i:05d}", payload) for i, payload in enumerate(payloads)]


def run_record(run_id: str = RUN, status: str = "complete", **fields: Any) -> RunRecord:
    started = f"2026-11-24T1{run_id[-1]}:00:00+00:00"
    finished = None if status == "running" else f"2026-11-24T1{run_id[-1]}:30:00+00:00"
    values: dict[str, Any] = {"git_commit": "a" * 40, "git_dirty": False, "host": "here", **fields}
    return RunRecord(run_id, started, status, ("run", "--variants", "all"), "0.1.0", finished, **values)


def keys(*names: str) -> list[GenKey]:
    return [GenKey(name) for name in names]


TABLES = (
    "generations",
    "scores",
    "features",
    "set_scores",
    "failures",
    "environments",
    "suites",
    "variants",
    "metrics",
)


def contents(store: Store) -> dict[str, list[dict[str, Any]]]:
    """Every table, in a fixed order."""
    return {
        table: store._rows(f"SELECT COLUMNS(*)::VARCHAR FROM {table} ORDER BY ALL")
        for table in (*TABLES, "runs", "replications")
    }


def suite(summary: str = "s", prompt: str = "a disc") -> Suite:
    items = (Item("000-a", prompt, "ab" * 32, 3, ("x",)), Item("001-b", "a ring", "cd" * 32, 4))
    return Suite("tiny", 1, summary, Protocol(8, 16, 16, 10), items, (0,), 0)


def payloads_in(results: Path) -> list[dict[str, Any]]:
    made = [generation(results, name) for name in "abcdef"]
    measured = [scores(name, score(), score(0.5, "ff_ssim@1")) for name in "abcde"]
    rest = [features(results, "a"), set_score(), failure("f"), failure("f", 2), set_score("other", 1.0)]
    return [*made, *measured, *rest]
