"""Measuring one stored video: one decode, one flow pass, every metric and feature network that was asked for."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.calls import call
from harness.clip import Clip
from harness.contracts import Extractor
from harness.errors import CannotStart, ItemError
from harness.keys import sha256_bytes, sha256_file
from harness.model import Frames, Score, frames_digest
from harness.paths import feature_relpath, video_relpath
from harness.registry import ExtractorSpec, MetricSpec
from harness.shelf import keep, local
from harness.spool import write_atomic
from harness.tasks import Fault, ScoreTask
from harness.video import read_master
from harness.workbench import Workbench, trace_of

ROWS = "rows"


class ScoreStage:
    """Scores videos, keeping each feature network loaded."""

    def __init__(self, bench: Workbench) -> None:
        self.bench = bench
        self._extractors: dict[str, Extractor] = {}
        self._refusals: dict[str, CannotStart] = {}

    def run(self, task: ScoreTask) -> tuple[dict[str, Any], list[Fault]]:
        """Measure one video; commit what succeeded and what failed apart.

        Returns the feature digests by extractor and the number of scores, and the parts that failed.

        Raises:
            ItemError: E-VIDEO, the master is gone, damaged, or not the one that was planned.
        """
        frames = open_master(self.bench.results, task.video, task.frames)
        item, fps = self.bench.item(task.item), self.bench.suite.suite.protocol.fps
        clip = Clip(frames, fps, self.bench.suite.image(item))
        faults: list[Fault] = []
        metrics = [self.bench.registry.metric(name) for name in task.metrics]
        extractors = [self.bench.registry.extractor(name) for name in task.extractors]
        share = share_flow(clip, [*metrics, *extractors])
        scores = list(self._scores(task, clip, metrics, share, faults))
        if scores:
            measured = {"kind": "scores", "gen_key": task.gen_key, "video_sha256": task.video, "scores": scores}
            self.bench.envelope(f"scores-{task.attempt}-{task.gen_key}", measured)
        features = {}
        for spec in extractors:
            try:
                features[spec.name] = self._features(task, clip, spec, share)
            except Exception as error:
                self._note(task, self.bench.fault(error, "score", spec.name), error, faults)
        return {"scores": len(scores), "features": features}, faults

    def extractor(self, name: str) -> tuple[ExtractorSpec, Extractor]:
        """A feature network, loaded on first use; one that could not be loaded is not read again for every video."""
        spec = self.bench.registry.extractor(name)
        if name in self._refusals:
            raise self._refusals[name]
        if name not in self._extractors:
            try:
                self._extractors[name] = spec.load(self.bench.device)
            except CannotStart as refusal:
                self._refusals[name] = refusal
                raise
            self.bench.settle_libraries()
        return spec, self._extractors[name]

    def _scores(
        self, task: ScoreTask, clip: Clip, specs: Sequence[MetricSpec], share: float, faults: list[Fault]
    ) -> Iterator[dict[str, Any]]:
        for spec in specs:
            try:
                started = time.perf_counter()
                score = checked_score(call(spec.function, (clip,), {"item": self.bench.item(task.item)}), spec)
                seconds = time.perf_counter() - started + (share if "flow" in spec.needs else 0.0)
                record = score_record(self.bench.registry.metric_key(spec), spec, score, seconds)
            except Exception as error:
                self._note(task, self.bench.fault(error, "score", spec.name), error, faults)
                continue
            yield record

    def _features(self, task: ScoreTask, clip: Clip, spec: ExtractorSpec, share: float) -> str:
        _, network = self.extractor(spec.name)
        started = time.perf_counter()
        rows = checked_rows(network(clip), spec.name)
        seconds = time.perf_counter() - started + (share if "flow" in spec.needs else 0.0)
        sha256 = store_rows(self.bench.results, rows)
        self.bench.envelope(
            f"features-{spec.key}-{task.gen_key}",
            {
                "kind": "features",
                "gen_key": task.gen_key,
                "video_sha256": task.video,
                "extractor": spec.label,
                "extractor_key": spec.key,
                "relpath": feature_relpath(sha256),
                "sha256": sha256,
                "bytes": (self.bench.results / feature_relpath(sha256)).stat().st_size,
                "rows": rows.shape[0],
                "dim": rows.shape[1],
                "seconds": seconds,
            },
        )
        return sha256

    def _note(self, task: ScoreTask, fault: Fault, error: BaseException, faults: list[Fault]) -> None:
        faults.append(fault)
        self.bench.failure(task, fault, trace_of(error))


def open_master(results: Path, video: str, frames_sha256: str) -> Frames:
    """Decode a stored master and check that it holds the frames that were recorded.

    Raises:
        ItemError: E-VIDEO, with how to have it made again.
    """
    path = local(results, video_relpath(video))
    try:
        frames = read_master(path)
        if frames_digest(frames) == frames_sha256:
            return frames
        why = "its frames are not the recorded ones"
    except ItemError as error:
        why = error.why or error.what
        if not path.is_file():
            raise
    written = sha256_file(path) == video
    state = "its sha256 still matches, so it was broken when written" if written else "it changed after it was written"
    raise ItemError(
        "E-VIDEO",
        f"{path.name} is not the video that was stored.",
        where=str(path),
        why=f"{why}; {state}",
        fix="delete this file and run the same command again: only this video is made anew",
    )


def share_flow(clip: Clip, users: Sequence[MetricSpec | ExtractorSpec]) -> float:
    """Compute the flow once, before anything is timed; returns the seconds that each user of it carries.

    The shares are equal, so that the costs of a video add up; 0 where nothing needs flow.
    """
    sharers = sum("flow" in user.needs for user in users)
    if not sharers:
        return 0.0
    started = time.perf_counter()
    # A flow that fails is reported by each user that asks for it, under that one's name.
    with suppress(Exception):
        _ = clip.flow
    return (time.perf_counter() - started) / sharers


def checked_score(score: object, spec: MetricSpec) -> Score:
    """Raises ItemError E-SCORE when a metric returned something else than a `Score`, or one outside of its bounds."""
    if isinstance(score, Score):
        if score.value is not None and (why := spec.outside(score.value)):
            raise ItemError("E-SCORE", f"{why}.", fix="mend the metric, or the bounds that it declares")
        return score
    raise ItemError("E-SCORE", f"{spec.label} returned {type(score).__name__}, a video metric returns a Score.")


def checked_rows(rows: object, name: str) -> NDArray[np.float32]:
    """Feature rows as float32 [windows, d].

    Raises:
        ItemError: E-FEATURES, another shape, no row, or a value that is not finite.
    """
    array = np.asarray(rows)
    if array.ndim != 2 or 0 in array.shape or array.dtype.kind != "f":
        raise ItemError("E-FEATURES", f"{name} returned {array.dtype} {list(array.shape)}, wanted float [windows, d].")
    if not np.isfinite(array).all():
        raise ItemError("E-FEATURES", f"{name} returned a value that is not finite.")
    return array.astype(np.float32)


def score_record(metric_key: str, spec: MetricSpec, score: Score, seconds: float) -> dict[str, Any]:
    """One element of a scores envelope: plain Python numbers only.

    Raises:
        ItemError: E-SCORE, a detail is not finite.
    """
    return {
        "metric_key": metric_key,
        "metric": spec.label,
        "value": _plain(score.value),
        "status": score.status,
        "reason": score.reason,
        "coverage": _plain(score.coverage),
        "detail": {name: _plain(value) for name, value in score.detail.items()},
        "profile": [_plain(value) for value in score.profile],
        "seconds": seconds,
    }


def store_rows(results: Path, rows: NDArray[np.float32]) -> str:
    """Write feature rows under the sha256 of their file and return it."""
    from safetensors.numpy import save

    data = save({ROWS: np.ascontiguousarray(rows)})
    sha256 = sha256_bytes(data)
    path = results / feature_relpath(sha256)
    if not path.is_file():
        write_atomic(path, data)
    keep(results, feature_relpath(sha256))
    return sha256


def load_rows(path: Path, sha256: str) -> NDArray[np.float32]:
    """Read feature rows back.

    Raises:
        ItemError: E-FEATURES, the file is gone or its digest differs.
    """
    from safetensors.numpy import load

    data = path.read_bytes() if path.is_file() else b""
    if sha256_bytes(data) != sha256:
        raise ItemError(
            "E-FEATURES",
            f"{path.name} is not the file that was stored.",
            where=str(path),
            fix="delete it and run the same command again",
        )
    rows: NDArray[np.float32] = load(data)[ROWS]
    return rows


def _plain(value: float | None) -> float | None:
    if value is not None and not np.isfinite(value):
        raise ItemError("E-SCORE", f"A part of a score is {value}.", fix="leave it out, or give None in a profile")
    return None if value is None else float(value)
