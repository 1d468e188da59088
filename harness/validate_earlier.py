"""What a file changes in the one that it would replace: nothing, unless a new run stands behind it."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from harness.calibration_data import CalibrationFile
from harness.submission import PublishedMetric, PublishedRow, PublishedVariant, Submission

Change = tuple[str, str]  # pointer, message
# What says what was measured, and how it is to be read. Summaries may be put better at any time.
VARIANT = ("key", "family", "role", "params", "weights", "trainable_parameters", "training", "factors")
METRIC = ("key", "better", "unit", "scope", "beside")
ROW = ("video", "frames", "seconds", "peak_vram_bytes")


def result_changes(before: Submission, now: Submission) -> Iterator[Change]:
    """What differs between two results of one run."""
    if before.run.id != now.run.id:
        return
    found = chain(
        _variant(before.variant, now.variant),
        _metrics(before.metrics, now.metrics),
        _plain("/failures", before.failures, now.failures),
        _plain("/set_scores", _by_metric(before), _by_metric(now)),
        _rows(before.rows, now.rows),
    )
    for pointer, message in found:
        yield pointer, f"{message}, and the run is still {now.run.id}"


def calibration_changes(before: CalibrationFile, now: CalibrationFile) -> Iterator[Change]:
    """What differs between two calibrations of one run."""
    if before.run.id != now.run.id:
        return
    if before.experiment.items != now.experiment.items:
        yield "/items", f"have changed, and the run is still {now.run.id}"
    found = chain(_metrics(before.metrics, now.metrics), _plain("/samples", _by_step(before), _by_step(now)))
    for pointer, message in found:
        yield pointer, f"{message}, and the run is still {now.run.id}"


def _variant(before: PublishedVariant, now: PublishedVariant) -> Iterator[Change]:
    for name in VARIANT:
        if getattr(before, name) != getattr(now, name):
            yield f"/variant/{name}", f"{name} has changed"


def _metrics(before: Sequence[PublishedMetric], now: Sequence[PublishedMetric]) -> Iterator[Change]:
    """Changes of the columns that both have: one that is gone took its scores along, which is told of these."""
    known = {metric.label: metric for metric in now}
    for old in before:
        new = known.get(old.label, old)
        changed = [name for name in METRIC if getattr(old, name) != getattr(new, name)]
        if changed:
            yield "/metrics", f"{old.label} has changed in {', '.join(changed)}"


def _plain(pointer: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Change]:
    """Changes of named values. A name that is new is a change as well: it was not there when the run ended."""
    for name in dict.fromkeys([*before, *now]):
        if name not in now:
            yield pointer, f"{name} is gone"
        elif name not in before or before[name] != now[name]:
            yield pointer, f"{name} {'has changed' if name in before else 'is new'}"


def _by_metric(submission: Submission) -> dict[str, Any]:
    return {score.metric: score for score in submission.set_scores}


def _by_step(file: CalibrationFile) -> dict[str, Any]:
    return {
        f"{measured.label} {kind} {step}": sample
        for measured in file.experiment.metrics
        for (kind, step), sample in measured.samples.items()
    }


def _rows(before: Sequence[PublishedRow], now: Sequence[PublishedRow]) -> Iterator[Change]:
    rows: dict[Hashable, PublishedRow] = {(row.item, row.seed): row for row in now}
    for old in before:
        new = rows.get((old.item, old.seed))
        if new != old:
            what = "is gone" if new is None else f"has changed in {', '.join(_of_row(old, new))}"
            yield "/rows", f"{old.item} s{old.seed} {what}"


def _of_row(old: PublishedRow, new: PublishedRow) -> Iterator[str]:
    for name in ROW:
        if getattr(old, name) != getattr(new, name):
            yield name
    for label in sorted({*old.scores, *new.scores}):
        if old.scores.get(label) != new.scores.get(label):
            yield label
