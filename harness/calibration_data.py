"""Calibration runs as files: all rows with a fault in one small file, and from result files, plan or file to records.

``results/published/<suite>-<version>/calibration.json``, schema ``exvideo-calibration/1``: one value per item, metric
and row, a metric and row a line. Fault rows are not published one by one: nobody compares them, and the many files
would say the same of suite and metrics fifty times.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness import jsonread
from harness.calibration import Experiment, Measured, Sample, Step, step_of
from harness.errors import Refused
from harness.jsonread import JsonError, Node
from harness.model import Suite
from harness.paths import published
from harness.site_board import has_column, item_scores, order_columns
from harness.spool import write_atomic
from harness.submission import (
    LABEL,
    MAX_BYTES,
    SLUG,
    PublishedMetric,
    PublishedRun,
    Submission,
    parse_metric,
    parse_run,
    parse_suite,
)

SCHEMA = "exvideo-calibration/1"
NAME = "calibration.json"
DIGITS = 7  # significant, of a published value
MEMBERS = ("schema", "suite", "run", "environment", "items", "steps", "metrics", "samples")


@dataclass(frozen=True)
class CalibrationFile:
    """A parsed file. ``suite_key`` is what it claims."""

    suite: Suite
    suite_key: str
    run: PublishedRun
    metrics: tuple[PublishedMetric, ...]
    experiment: Experiment


def fold(submissions: Sequence[Submission], suite: Mapping[str, Any]) -> dict[str, Any]:
    """The content of one file from the results of fault rows on one suite; ``suite`` is as in a result file.

    Raises:
        ValueError: no submission, or one that is no fault row.
    """
    steps = [step_of(s.variant.family, s.variant.params, s.variant.summary) for s in submissions]
    if not submissions or None in steps:
        raise ValueError("a calibration is made of fault rows")
    covered = {row.item for submission in submissions for row in submission.rows}
    items = [item.slug for item in submissions[0].suite.items if item.slug in covered]
    last = max(submissions, key=lambda s: s.run.finished_at or s.run.started_at)
    metrics = order_columns(submissions)
    pairs = [(step, s) for step, s in zip(steps, submissions, strict=True) if step is not None]
    return {
        "schema": SCHEMA,
        "suite": suite,
        "run": {**asdict(last.run), "argv": list(last.run.argv)},
        "environment": last.environment,
        "items": items,
        "steps": [{**asdict(step), "variant": s.variant.label} for step, s in pairs],
        "metrics": [_metric(metric) for metric in metrics],
        "samples": [
            {"metric": metric.label, "kind": step.kind, "step": step.step, **sample}
            for metric in metrics
            for step, submission in pairs
            if (sample := _sample(submission, metric, items)) is not None
        ],
    }


def dump(record: Mapping[str, Any]) -> bytes:
    """The bytes of a calibration file: a step, a metric and a sample a line."""
    parts = []
    for name, value in record.items():
        if name in ("steps", "metrics", "samples"):
            lines = ",\n".join(_line(row) for row in value)
            parts.append(f"{json.dumps(name)}: [\n{lines}\n]")
        else:
            parts.append(f"{json.dumps(name)}: {_line(value)}")
    return ("{\n" + ",\n".join(parts) + "\n}\n").encode()


def write(folder: Path, record: Mapping[str, Any]) -> Path:
    """Write a calibration below the folder of published results, atomically; returns its path."""
    data = dump(record)
    parse(data)
    suite = record["suite"]
    path = folder / place(suite["name"], suite["version"])
    write_atomic(path, data)
    return path


def place(suite: str, version: int) -> Path:
    """Where a suite's calibration lies below ``results/published``."""
    return Path(f"{suite}-{version}") / NAME


def read(path: Path) -> CalibrationFile:
    """Read one calibration file.

    Raises:
        Refused: E-RESULT, with the file and a JSON pointer.
    """
    try:
        return parse(jsonread.read_limited(path, MAX_BYTES))
    except JsonError as error:
        raise _refusal(path, error) from error


def parse(data: bytes) -> CalibrationFile:
    """Parse and check a calibration file.

    Raises:
        JsonError: the first thing that is wrong, with its place.
    """
    top = jsonread.load(data)
    if top.at("schema").value != SCHEMA:
        raise top.at("schema").wrong(f"must be {SCHEMA}, not {top.value['schema']!r}")
    top.only(MEMBERS)
    suite, key = parse_suite(top.at("suite"))
    top.at("environment").mapping()
    top.at("environment").tree()
    known = {item.slug for item in suite.items}
    items = tuple(_known(node, known) for node in top.at("items").items())
    steps = tuple(_step(node) for node in top.at("steps").items())
    metrics = tuple(parse_metric(node) for node in top.at("metrics").items())
    samples: dict[str, dict[tuple[str, int], Sample]] = {metric.label: {} for metric in metrics}
    rows = {(step.kind, step.step) for step in steps}
    for node in top.at("samples").items():
        label = node.at("metric").choice(samples)
        row = (node.at("kind").text(SLUG), node.at("step").integer())
        if row not in rows:
            raise node.wrong(f"is of {row[0]} step {row[1]}, which is none of the steps")
        samples[label][row] = _parse_sample(node, len(items))
    found = tuple(Measured(m.label, m.key, m.better, m.scope, samples[m.label], m.unit) for m in metrics)
    return CalibrationFile(suite, key, parse_run(top.at("run")), metrics, Experiment(suite.label, items, steps, found))


def load(suite: str, results: Path, plugins: Sequence[Path] = ()) -> Experiment:
    """The calibration of a suite: from the results folder's index, or as it was published.

    Raises:
        UsageError: E-UNKNOWN or E-PLUGIN.
        Refused: E-RESULT, neither has any.
    """
    from harness.compare_load import Library
    from harness.export import suite_record

    with Library(suite, results, plugins) as library:
        found = library.of_family(lambda spec: step_of(spec.family, spec.params) is not None)
        known = library.suite.suite
    if found:
        return parse(dump(fold(found, suite_record(known)))).experiment
    path = published(results) / place(known.name, known.version)
    if path.is_file():
        return read(path).experiment
    raise Refused(
        "E-RESULT",
        f"There is no calibration on {known.label}.",
        where=str(results),
        fix=f"harness run --suite {known.name}" + ("" if known.name.startswith("calibration") else " --variants …"),
    )


def _metric(metric: PublishedMetric) -> dict[str, Any]:
    """A column as a file has it; a calibration holds values alone, so that nothing is said of profiles."""
    return {name: value for name, value in asdict(metric).items() if name not in ("profile", "profile_unit")}


def _sample(submission: Submission, metric: PublishedMetric, items: Sequence[str]) -> dict[str, Any] | None:
    if not has_column(submission, metric):
        return None
    if metric.scope == "video":
        means = item_scores(submission, metric)
        return {"values": [_rounded(means.get(item)) for item in items]}
    found = next((score for score in submission.set_scores if score.metric == metric.label), None)
    return None if found is None else {"value": _rounded(found.value), "stderr": _rounded(found.stderr), "n": found.n}


def _parse_sample(node: Node, items: int) -> Sample:
    if "values" in node.value:
        node.only(("metric", "kind", "step", "values"))
        values = tuple(value.maybe_number() for value in node.at("values").items())
        if len(values) != items:
            raise node.at("values").wrong(f"has {len(values)} values for {items} items")
        return Sample(values)
    node.only(("metric", "kind", "step", "value", "stderr", "n"))
    return Sample((), node.at("value").number(), node.at("stderr").maybe_number(), node.at("n").integer(2))


def _step(node: Node) -> Step:
    node.only((*Step.__dataclass_fields__, "variant"))
    node.at("variant").text(LABEL)
    return Step(
        node.at("kind").text(SLUG),
        node.at("step").integer(0, 1000),
        node.at("strength").number(),
        node.at("summary").text(),
    )


def _known(node: Node, slugs: set[str]) -> str:
    slug = node.text(SLUG)
    if slug not in slugs:
        raise node.wrong(f"is {slug}, which is no item of the suite")
    return slug


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{DIGITS}g}")


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _refusal(path: Path, error: JsonError) -> Refused:
    return Refused(
        "E-RESULT",
        f"{path.name} is not a calibration.",
        where=f"{path}#{error.pointer}",
        why=f"{error.pointer or 'the file'} {error.message}",
        fix="harness export --suite calibration writes such files",
    )
