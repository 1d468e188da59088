"""Set metrics: the reference set's features, and one number with its jackknife for a variant's complete set."""

from __future__ import annotations

import time
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.clip import Clip
from harness.errors import ItemError, NoSetScore
from harness.keys import digest, sha256_bytes
from harness.model import Features
from harness.paths import feature_relpath, reference_relpath
from harness.registry import ExtractorSpec, MetricSpec
from harness.scoring import ScoreStage, checked_rows, load_rows
from harness.set_detail import at_infinity, small_n, window_curve
from harness.shelf import keep, local
from harness.spool import write_atomic
from harness.stats import Spread, jackknife
from harness.tasks import AggregateTask, Fault, ReferenceTask
from harness.workbench import Workbench, trace_of


class SetStage:
    """Reference features and set metrics."""

    def __init__(self, bench: Workbench, scoring: ScoreStage) -> None:
        self.bench = bench
        self.scoring = scoring
        self._floors: dict[tuple[str, int], dict[str, Any]] = {}

    def reference(self, task: ReferenceTask) -> dict[str, Any]:
        """See that the features of the first ``task.count`` reference clips are on disk."""
        features = self._reference(task.extractor, task.count)
        return {"clips": task.count, "rows": len(features.rows)}

    def aggregate(self, task: AggregateTask) -> tuple[dict[str, Any], list[Fault]]:
        """Compute the task's metrics at equal n: ``task.items`` items against as many reference clips."""
        generated, places = self._generated(task)
        reference = self._reference(task.extractor, task.items)
        faults: list[Fault] = []
        values: dict[str, float | None] = {}
        for name in task.metrics:
            spec = self.bench.registry.metric(name)
            try:
                values[name] = self._one(task, spec, generated, places, reference)
            except Exception as error:
                faults.append(self.bench.fault(error, "aggregate", name))
                self.bench.failure(task, faults[-1], trace_of(error))
        return {"values": values}, faults

    def _one(
        self,
        task: AggregateTask,
        spec: MetricSpec,
        generated: Features,
        places: NDArray[np.int64],
        reference: Features,
    ) -> float | None:
        started = time.perf_counter()
        value, spread, reason = measured(spec, generated, reference)
        weights = {w.name: w.sha256 for w in self.bench.registry.extractor(spec.extractor).weights}
        told = beside(spec, generated, places, reference) if value is not None else {}
        told |= {"jackknife": list(spread.without)} if spread.without else {}
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
                "status": "ok" if value is not None else "undefined",
                "reason": reason,
                "detail": self._floor(spec, task.items)
                | told
                | {"weights": weights, "reference": self.bench.suite.reference_key},
                "seconds": time.perf_counter() - started,
            },
        )
        return value

    def _floor(self, spec: MetricSpec, items: int) -> dict[str, Any]:
        """What the metric gives between two disjoint parts of the reference, each of ``floor_n`` clips.

        ``floor_n`` is the number of items where the reference has twice as many clips, else half of the reference;
        empty where that is fewer than two clips. No real set can be expected to come closer than this.
        """
        size = min(items, self.bench.suite.reference_size // 2)
        key = (spec.name, size)
        if key not in self._floors:
            self._floors[key] = {}
            if size >= 2:
                value, _, _ = measured(spec, *_halves(self._reference(spec.extractor, 2 * size), size), spread=False)
                self._floors[key] = {"floor": value, "floor_n": size} if value is not None else {}
        return self._floors[key]

    def _generated(self, task: AggregateTask) -> tuple[Features, NDArray[np.int64]]:
        """The task's feature rows, and which window of its video each row is."""
        rows = [load_rows(local(self.bench.results, feature_relpath(m.features)), m.features) for m in task.members]
        groups = [m.item for m, block in zip(task.members, rows, strict=True) for _ in block]
        places = np.concatenate([np.arange(len(block)) for block in rows])
        return Features(np.concatenate(rows).astype(np.float64), np.array(groups, dtype=np.str_)), places

    def _reference(self, name: str, count: int) -> Features:
        """Features of the first ``count`` clips; computed clips are kept, so that a larger count only adds."""
        spec, network = self.scoring.extractor(name)
        relpath = reference_relpath(cache_key(self.bench.suite.reference_key, spec))
        path = local(self.bench.results, relpath)
        blocks = read_blocks(path)
        missing = islice(self.bench.suite.reference(), len(blocks), max(count, len(blocks)))
        fps = self.bench.suite.suite.protocol.fps
        added = [(clip, checked_rows(network(Clip(frames, fps)), name)) for clip, frames in missing]
        if added:
            blocks += added
            write_blocks(path, blocks)
            keep(self.bench.results, relpath)
        if len(blocks) < count:
            raise ItemError(
                "E-REFERENCE", f"The reference set has {len(blocks)} clips, {count} are needed for equal numbers."
            )
        chosen = blocks[:count]
        groups = [clip for clip, block in chosen for _ in block]
        rows = np.concatenate([block for _, block in chosen]).astype(np.float64)
        return Features(rows, np.array(groups, dtype=np.str_))


def measured(
    spec: MetricSpec, generated: Features, reference: Features, *, spread: bool = True
) -> tuple[float | None, Spread, str]:
    """A set metric's value with its jackknife; no value and the reason where the metric refuses these sets.

    Raises:
        ItemError: E-SCORE, the value is not finite or outside of the metric's bounds; whatever the metric raises.
    """
    nothing = Spread(None, None, None)
    try:
        value = float(spec.function(generated, reference))
    except NoSetScore as refusal:
        return None, nothing, refusal.what
    if not np.isfinite(value):
        raise ItemError("E-SCORE", f"{spec.label} gave {value}; a score must be finite.")
    if why := spec.outside(value):
        raise ItemError("E-SCORE", f"{why}.", fix="mend the metric, or the bounds that it declares")
    try:
        return value, jackknife(spec.function, generated, reference) if spread else nothing, ""
    except NoSetScore:  # a smaller set is refused where the whole one is not
        return value, nothing, ""


def beside(spec: MetricSpec, generated: Features, places: NDArray[np.int64], reference: Features) -> dict[str, Any]:
    """What is stored beside a set metric's value.

    ``dim``: the number of features. ``windows``: the value window by window (`harness.set_detail.window_curve`), each
    of ``windows_n`` rows, for networks that see a video in windows. Of a biased metric also ``small_n``, true where it
    compares at equal n only, or ``infinite_n``, its value extrapolated where there are enough items for it.
    """
    items, dim = len(np.unique(generated.groups)), generated.rows.shape[1]
    told: dict[str, Any] = {"dim": dim}
    if (curve := window_curve(spec.function, generated, places, reference)) is not None:
        told |= {"windows": list(curve.values), "windows_n": curve.n}
    if spec.biased and small_n(items, dim):
        told["small_n"] = True
    if spec.biased:
        with suppress(NoSetScore):
            told["infinite_n"] = at_infinity(spec.function, generated, reference)
    return told


def _halves(features: Features, clips: int) -> tuple[Features, Features]:
    """The rows of the first ``clips`` clips and those of the others."""
    first = np.isin(features.groups, list(dict.fromkeys(features.groups.tolist()))[:clips])
    return (
        Features(features.rows[first], features.groups[first]),
        Features(features.rows[~first], features.groups[~first]),
    )


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
