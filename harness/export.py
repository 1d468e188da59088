"""From the index to a published result file (`harness.submission` has the format)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.columns import ordered as in_order
from harness.errors import Refused
from harness.keys import GenKey, MetricKey
from harness.model import Item, Suite, generation_keys, set_key
from harness.queries import Generation, Queries, RunRecord, SetScore, StoredScore
from harness.registry import MetricSpec, VariantSpec
from harness.spool import write_atomic
from harness.submission import SCHEMA, parse, relative_path


def export(
    store: Queries,
    suite: Suite,
    variant: VariantSpec,
    metrics: Mapping[MetricKey, MetricSpec],
    *,
    reference_key: str = "",
    trainable_parameters: int | None = None,
    training: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The result of one variant on one suite, as far as it has been computed, ready for `write_result`.

    Set metrics are those of the longest prefix of the suite for which they exist. Videos whose files have been
    deleted are part of the result: their digests and scores are on record.

    Args:
        metrics: the columns to export, by their key; those without any score are left out.
        reference_key: of the suite's reference set, as in `harness.model.set_key`.
        trainable_parameters: how many parameters the checkpoint's training could change.
        training: how the checkpoint was made, ready for JSON.

    Raises:
        Refused: E-RESULT, there is no video of this variant.
    """
    wanted = wanted_videos(suite, variant)
    made = {generation.gen_key: generation for generation in store.generations(wanted)}
    if not made:
        raise _nothing(store, suite, variant)
    keys = {spec.label: key for key, spec in metrics.items()}
    ordered = [(keys[spec.label], spec) for spec in in_order(metrics.values())]
    sets = _set_keys(suite, list(wanted), reference_key)
    rows = _rows(wanted, made, _by_video(store.scores(made, metrics)))
    set_scores = [_set_score(score) for score in _longest(store.set_scores(sets), ordered)]
    measured = {label for row in rows for label in row["scores"]} | {score["metric"] for score in set_scores}
    newest = max(made.values(), key=lambda g: (g.run_id, g.gen_key))
    return {
        "schema": SCHEMA,
        "suite": suite_record(suite),
        "variant": _variant(variant, trainable_parameters, training),
        "metrics": [_metric(spec, key) for key, spec in ordered if spec.label in measured],
        "run": _last_run(store, made.values()),
        "environment": store.environment(newest.env_key),
        "failures": store.failure_counts([*wanted, *sets]),
        "set_scores": set_scores,
        "rows": rows,
    }


def wanted_videos(suite: Suite, variant: VariantSpec) -> dict[GenKey, tuple[Item, int]]:
    """The item and seed of every video of a variant on a suite, by the video's key, in the order of the suite."""
    places = [(item, seed) for item in suite.items for seed in suite.seeds]
    keys = {item.slug: item.key for item in suite.items}
    made = generation_keys(variant.key, ((keys[item.slug], seed) for item, seed in places), suite.protocol.key)
    return dict(zip(made, places, strict=True))


def unread(
    store: Queries, suite: Suite, variant: VariantSpec, metrics: Mapping[MetricKey, MetricSpec], reference_key: str = ""
) -> dict[str, str]:
    """The columns that are on record and that `export` leaves out, by label, and why: none of ``metrics`` is theirs."""
    wanted = wanted_videos(suite, variant)
    found = store.columns(wanted, _set_keys(suite, list(wanted), reference_key))
    read, installed = {label for key, label in found if key in metrics}, {spec.label for spec in metrics.values()}
    return {
        label: "on record under another key than the installed metric's: harness run measures it again"
        if label in installed
        else "on record, of a metric or version that is not installed"
        for _, label in sorted(found)
        if label not in read
    }


def dump(result: Mapping[str, Any]) -> bytes:
    """The bytes of a result file: one row a line, so that a change of one video is a change of one line."""
    parts = []
    for name, value in result.items():
        if name in ("rows", "set_scores", "metrics"):
            lines = ",\n".join(_line(row) for row in value)
            parts.append(f"{json.dumps(name)}: [\n{lines}\n]" if value else f"{json.dumps(name)}: []")
        elif name == "suite":
            parts.append(_suite_text(value))
        else:
            parts.append(f"{json.dumps(name)}: {_line(value)}")
    return ("{\n" + ",\n".join(parts) + "\n}\n").encode()


def write_result(published: Path, result: Mapping[str, Any]) -> Path:
    """Write a result below ``published`` under the name that belongs to it, atomically; returns its path.

    Raises:
        JsonError: the result does not fit its own schema, such as a variant whose weights have no digest.
    """
    data = dump(result)
    parse(data)
    suite, variant = result["suite"], result["variant"]
    path = published / relative_path(suite["name"], suite["version"], variant["name"], variant["revision"])
    write_atomic(path, data)
    return path


def _nothing(store: Queries, suite: Suite, variant: VariantSpec) -> Refused:
    return Refused(
        "E-RESULT",
        f"There are no results of {variant.name}@{variant.revision} on {suite.label}.",
        where=str(store.results),
        fix=f"harness run --suite {suite.label} --variants {variant.name}",
    )


def suite_record(suite: Suite) -> dict[str, Any]:
    """A suite as result files have it."""
    manifest = suite.manifest()
    return {
        "name": suite.name,
        "version": suite.version,
        "key": suite.key,
        "summary": suite.summary,
        **{name: manifest[name] for name in ("protocol", "seeds", "reference_size", "items")},
    }


def _variant(spec: VariantSpec, trainable: int | None, training: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        "name": spec.name,
        "revision": spec.revision,
        "family": spec.family,
        "role": spec.role,
        "summary": spec.summary,
        "params": spec.params,
        "weights": {weight.name: weight.sha256 for weight in spec.needs.weights},
        "key": spec.key,
        "trainable_parameters": trainable,
        "training": None if training is None else dict(training),
        **({"factors": dict(spec.factors)} if spec.factors else {}),
    }


def _metric(spec: MetricSpec, key: MetricKey) -> dict[str, Any]:
    names = ("name", "version", "better", "unit", "summary", "scope", "beside", "aspect", "headline")
    curve = {"profile": spec.profile, "profile_unit": spec.profile_unit} if spec.profile else {}
    return {**{name: getattr(spec, name) for name in names}, **curve, "key": key}


def _last_run(store: Queries, made: Iterable[Generation]) -> dict[str, Any]:
    contributed = {generation.run_id for generation in made}
    runs: list[RunRecord] = [run for run in store.runs() if run.run_id in contributed]
    if not runs:
        raise Refused(
            "E-RESULT",
            "The run that made these videos is not on record.",
            where=str(store.results / "runs"),
            why="its run.json is missing, so nothing would say how the videos were made",
            fix="restore results/runs, or make the videos again in another folder: --results DIR",
        )
    run = runs[-1]
    names = ("started_at", "finished_at", "argv", "harness_version", "git_commit", "git_dirty")
    return {"id": run.run_id, **{name: getattr(run, name) for name in names}, "argv": [portable(w) for w in run.argv]}


def portable(word: str) -> str:
    """A word of a command without the folders of this machine, which say nothing elsewhere and whose it is here.

    >>> portable("--results=/home/ann/runs/big"), portable("/data/rows.py"), portable("mini/2"), portable("s3://b/c")
    ('--results=…/big', '…/rows.py', 'mini/2', 's3://b/c')
    """
    option, equals, value = word.rpartition("=")
    path = Path(value)
    return f"{option}{equals}…/{path.name}" if path.is_absolute() else word


def _set_keys(suite: Suite, generations: Sequence[GenKey], reference_key: str) -> dict[str, int]:
    """The set key of every prefix of the suite, with its number of items."""
    per_item = len(suite.seeds)
    return {set_key(generations[: count * per_item], reference_key): count for count in range(2, len(suite.items) + 1)}


def _longest(scores: Sequence[SetScore], metrics: Sequence[tuple[MetricKey, MetricSpec]]) -> list[SetScore]:
    found = [score for score in scores if score.value is not None]
    best = [max((s for s in found if s.metric_key == key), key=lambda s: s.n, default=None) for key, _ in metrics]
    return [score for score in best if score is not None]


def _set_score(score: SetScore) -> dict[str, Any]:
    names = ("metric", "value", "n", "stderr", "ci_low", "ci_high", "detail")
    return {name: getattr(score, name) for name in names}


def _by_video(scores: Sequence[StoredScore]) -> dict[str, list[StoredScore]]:
    grouped: dict[str, list[StoredScore]] = {}
    for score in scores:
        grouped.setdefault(score.gen_key, []).append(score)
    return grouped


def _rows(
    wanted: Mapping[GenKey, tuple[Item, int]],
    made: Mapping[str, Generation],
    scores: Mapping[str, Sequence[StoredScore]],
) -> list[dict[str, Any]]:
    ordered = sorted(wanted.items(), key=lambda pair: (pair[1][0].slug, pair[1][1]))
    return [_row(item, seed, made[key], scores.get(key, [])) for key, (item, seed) in ordered if key in made]


def _row(item: Item, seed: int, made: Generation, scores: Sequence[StoredScore]) -> dict[str, Any]:
    return {
        "item": item.slug,
        "seed": seed,
        "video": made.video_sha256,
        "frames": made.frames_sha256,
        "seconds": made.seconds,
        **({} if made.peak_vram_bytes is None else {"peak_vram_bytes": made.peak_vram_bytes}),
        "scores": {s.metric: asdict(s.score) for s in sorted(scores, key=lambda s: s.metric)},
    }


def _suite_text(suite: Mapping[str, Any]) -> str:
    head = ", ".join(f"{json.dumps(name)}: {_line(value)}" for name, value in suite.items() if name != "items")
    items = ",\n".join(_line(item) for item in suite["items"])
    return f'"suite": {{{head}, "items": [\n{items}\n]}}'


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
