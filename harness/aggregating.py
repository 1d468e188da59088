"""Set metrics: the reference set's features, and one number with its jackknife for a variant's complete set."""

from __future__ import annotations

import time
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import ItemError
from harness.keys import digest, sha256_bytes
from harness.model import Features
from harness.paths import feature_relpath, reference_relpath
from harness.registry import ExtractorSpec, MetricSpec
from harness.scoring import ScoreStage, checked_rows, load_rows
from harness.spool import write_atomic
from harness.stats import jackknife
from harness.tasks import AggregateTask, Fault, ReferenceTask
from harness.workbench import Workbench, fault_of, trace_of


class SetStage:
    """Reference features and set metrics."""

    def __init__(self, bench: Workbench, scoring: ScoreStage) -> None:
        self.bench = bench
        self.scoring = scoring

    def reference(self, task: ReferenceTask) -> dict[str, Any]:
        """See that the features of the first ``task.count`` reference clips are on disk."""
        features = self._reference(task.extractor, task.count)
        return {"clips": task.count, "rows": len(features.rows)}

    def aggregate(self, task: AggregateTask) -> tuple[dict[str, Any], list[Fault]]:
        """Compute the task's metrics at equal n: ``task.items`` items against as many reference clips."""
        generated = self._generated(task)
        reference = self._reference(task.extractor, task.items)
        faults: list[Fault] = []
        values: dict[str, float] = {}
        for name in task.metrics:
            spec = self.bench.registry.metric(name)
            try:
                values[name] = self._one(task, spec, generated, reference)
            except Exception as error:
                faults.append(fault_of(error, "aggregate", name))
                self.bench.failure(task, faults[-1], trace_of(error))
        return {"values": values}, faults

    def _one(self, task: AggregateTask, spec: MetricSpec, generated: Features, reference: Features) -> float:
        started = time.perf_counter()
        value = float(spec.function(generated, reference))
        if not np.isfinite(value):
            raise ItemError("E-SCORE", f"{spec.label} gave {value}; a score must be finite.")
        spread = jackknife(spec.function, generated, reference)
        self.bench.envelope(
            f"set-{task.set_key}-{spec.name}-{spec.version}",
            {
                "kind": "set_score",
                "set_key": task.set_key,
                "metric_key": self.bench.registry.metric_key(spec),
                "metric": spec.label,
                "variant_key": self.bench.registry.variant(task.variant).key,
                "suite_key": self.bench.suite.suite.key,
                "reference_key": self.bench.suite.reference_key,
                "n": task.items,
                "value": value,
                "stderr": spread.stderr,
                "ci_low": spread.low,
                "ci_high": spread.high,
                "detail": {},
                "seconds": time.perf_counter() - started,
            },
        )
        return value

    def _generated(self, task: AggregateTask) -> Features:
        rows = [load_rows(self.bench.results / feature_relpath(m.features), m.features) for m in task.members]
        groups = [m.item for m, block in zip(task.members, rows, strict=True) for _ in block]
        return Features(np.concatenate(rows).astype(np.float64), np.array(groups, dtype=np.str_))

    def _reference(self, name: str, count: int) -> Features:
        """Features of the first ``count`` clips; computed clips are kept, so that a larger count only adds."""
        spec, network = self.scoring.extractor(name)
        path = self.bench.results / reference_relpath(cache_key(self.bench.suite.reference_key, spec))
        blocks = read_blocks(path)
        missing = islice(self.bench.suite.reference(), len(blocks), max(count, len(blocks)))
        added = [(clip, checked_rows(network(frames), name)) for clip, frames in missing]
        if added:
            blocks += added
            write_blocks(path, blocks)
        if len(blocks) < count:
            raise ItemError(
                "E-REFERENCE", f"The reference set has {len(blocks)} clips, {count} are needed for equal numbers."
            )
        chosen = blocks[:count]
        groups = [clip for clip, block in chosen for _ in block]
        rows = np.concatenate([block for _, block in chosen]).astype(np.float64)
        return Features(rows, np.array(groups, dtype=np.str_))


def cache_key(reference_key: str, extractor: ExtractorSpec) -> str:
    """The name of a reference set's features under one extractor."""
    return digest("reference-features/1", reference_key, extractor.identity())


def write_blocks(path: Path, blocks: list[tuple[str, NDArray[np.float32]]]) -> None:
    """Store the feature rows of named clips, in order, with a checksum over them."""
    from safetensors.numpy import save

    tensors = {f"{index:06d} {clip}": np.ascontiguousarray(rows) for index, (clip, rows) in enumerate(blocks)}
    body = save(tensors)
    write_atomic(path, sha256_bytes(body).encode() + body)


def read_blocks(path: Path) -> list[tuple[str, NDArray[np.float32]]]:
    """The inverse of `write_blocks`; empty when there is no whole file, because it can be computed again."""
    from safetensors.numpy import load

    data = path.read_bytes() if path.is_file() else b""
    checksum, body = data[:64], data[64:]
    if sha256_bytes(body).encode() != checksum:
        return []
    tensors = load(body)
    return [(name.split(" ", 1)[1], tensors[name]) for name in sorted(tensors)]
