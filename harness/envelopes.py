"""What an envelope of each kind holds, and the table rows that it becomes. Pure: no file, no database.

Kinds: ``generation``, ``scores``, ``features``, ``set_score``, ``failure`` from workers; ``environment``, ``suite``,
``variant``, ``metric`` describe what the others refer to. Extra fields are kept in the archive and not indexed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Row = dict[str, Any]

STAGES = ("plan", "load", "generate", "encode", "score", "aggregate")
STATUSES = ("ok", "undefined", "excluded")


@dataclass(frozen=True)
class Column:
    """One column: its DuckDB type, and whether an envelope may leave it out or null."""

    sql: str
    optional: bool = False


def _columns(**types: str) -> dict[str, Column]:
    return {name: Column(sql.removesuffix("?"), sql.endswith("?")) for name, sql in types.items()}


# A question mark: may be null. The order is that of schema.sql.
TABLES: dict[str, dict[str, Column]] = {
    "generations": _columns(
        gen_key="VARCHAR", variant_key="VARCHAR", item_key="VARCHAR", seed="BIGINT", protocol_key="VARCHAR",
        video_sha256="VARCHAR", frames_sha256="VARCHAR", noise_sha256="VARCHAR?", relpath="VARCHAR",
        frames="INTEGER", width="INTEGER", height="INTEGER", fps="DOUBLE", video_bytes="BIGINT",
        seconds="DOUBLE?", load_seconds="DOUBLE?", peak_vram_bytes="BIGINT?", attempts="INTEGER",
        env_key="VARCHAR", run_id="VARCHAR", created_at="TIMESTAMPTZ",
    ),
    "scores": _columns(
        gen_key="VARCHAR", video_sha256="VARCHAR", metric_key="VARCHAR", metric="VARCHAR", value="DOUBLE?",
        status="VARCHAR", reason="VARCHAR", coverage="DOUBLE?", detail="JSON", profile="DOUBLE[]", seconds="DOUBLE?",
        env_key="VARCHAR", run_id="VARCHAR", created_at="TIMESTAMPTZ",
    ),
    "features": _columns(
        gen_key="VARCHAR", video_sha256="VARCHAR", extractor_key="VARCHAR", sha256="VARCHAR", relpath="VARCHAR",
        rows="INTEGER", dim="INTEGER", seconds="DOUBLE?",
        env_key="VARCHAR", run_id="VARCHAR", created_at="TIMESTAMPTZ",
    ),
    "set_scores": _columns(
        set_key="VARCHAR", metric_key="VARCHAR", metric="VARCHAR", variant_key="VARCHAR", suite_key="VARCHAR",
        reference_key="VARCHAR?", n="INTEGER", value="DOUBLE?", stderr="DOUBLE?", ci_low="DOUBLE?", ci_high="DOUBLE?",
        status="VARCHAR", reason="VARCHAR", detail="JSON", seconds="DOUBLE?",
        env_key="VARCHAR", run_id="VARCHAR", created_at="TIMESTAMPTZ",
    ),
    "failures": _columns(
        run_id="VARCHAR", task_key="VARCHAR", stage="VARCHAR", attempt="INTEGER", code="VARCHAR", message="VARCHAR",
        traceback="VARCHAR?", retryable="BOOLEAN", occurred_at="TIMESTAMPTZ",
    ),
    "environments": _columns(env_key="VARCHAR", spec="JSON"),
    "suites": _columns(
        suite_key="VARCHAR", name="VARCHAR", version="INTEGER", protocol_key="VARCHAR", reference_key="VARCHAR?",
        manifest="JSON",
    ),
    "items": _columns(
        item_key="VARCHAR", slug="VARCHAR", prompt="VARCHAR", image_sha256="VARCHAR", tags="VARCHAR[]"
    ),
    "suite_items": _columns(suite_key="VARCHAR", item_key="VARCHAR", ordinal="INTEGER"),
    "variants": _columns(
        variant_key="VARCHAR", name="VARCHAR", revision="INTEGER", spec="JSON", source_sha256="VARCHAR"
    ),
    "metrics": _columns(
        metric_key="VARCHAR", name="VARCHAR", version="INTEGER", scope="VARCHAR", better="VARCHAR", unit="VARCHAR",
        spec="JSON", source_sha256="VARCHAR",
    ),
}  # fmt: skip

KEYS: dict[str, tuple[str, ...]] = {
    "generations": ("gen_key",),
    "scores": ("gen_key", "video_sha256", "metric_key"),
    "features": ("gen_key", "video_sha256", "extractor_key"),
    "set_scores": ("set_key", "metric_key"),
    "failures": ("run_id", "task_key", "stage", "attempt"),
    "environments": ("env_key",),
    "suites": ("suite_key",),
    "items": ("item_key",),
    "suite_items": ("suite_key", "item_key"),
    "variants": ("variant_key",),
    "metrics": ("metric_key",),
}

_TABLE_OF = {
    "generation": "generations",
    "features": "features",
    "failure": "failures",
    "environment": "environments",
    "variant": "variants",
    "metric": "metrics",
}
_DEFAULTS: Row = {"detail": {}, "profile": [], "reason": ""}


def rows_of(payload: Mapping[str, Any]) -> list[tuple[str, Row]]:
    """The table rows of one envelope.

    Raises:
        ValueError: a field is missing or of another type, a number is not finite, a score contradicts its status;
            or the kind is unknown.
    """
    return list(_rows(payload))


def artefact_of(payload: Mapping[str, Any]) -> tuple[str, str] | None:
    """Path relative to the results folder and sha256 of the file that an envelope stands for, if it has one."""
    if payload.get("kind") == "generation":
        return str(payload["relpath"]), str(payload["video_sha256"])
    if payload.get("kind") == "features":
        return str(payload["relpath"]), str(payload["sha256"])
    return None


def task_of(payload: Mapping[str, Any]) -> str:
    """The key of the work that an envelope reports, as far as it can be told."""
    return str(payload.get("gen_key") or payload.get("set_key") or payload.get("task_key") or "")


def _rows(payload: Mapping[str, Any]) -> Iterator[tuple[str, Row]]:
    kind = payload.get("kind")
    if kind == "scores":
        yield from _score_rows(payload)
    elif kind == "suite":
        yield from _suite_rows(payload)
    elif kind == "set_score":
        yield "set_scores", _checked(_row("set_scores", {"status": "ok", **payload}))
    elif kind in _TABLE_OF:
        row = _row(_TABLE_OF[kind], payload)
        if kind == "failure" and row["stage"] not in STAGES:
            raise ValueError(f"stage must be one of {', '.join(STAGES)}, not {row['stage']!r}")
        yield _TABLE_OF[kind], row
    else:
        raise ValueError(f"unknown kind {kind!r}")


def _score_rows(payload: Mapping[str, Any]) -> Iterator[tuple[str, Row]]:
    scores = payload.get("scores")
    if not isinstance(scores, list) or not all(isinstance(score, dict) for score in scores):
        raise ValueError("scores must be a list of objects")
    shared = _part(_SHARED, payload)
    for score in scores:
        yield "scores", _checked({**shared, **_part(_OWN, score)})


def _checked(row: Row) -> Row:
    if row["status"] not in STATUSES:
        raise ValueError(f"status must be one of {', '.join(STATUSES)}, not {row['status']!r}")
    if (row["value"] is None) == (row["status"] == "ok"):
        raise ValueError(f"{row['metric']}: a score has a value exactly when its status is ok")
    return row


def _suite_rows(payload: Mapping[str, Any]) -> Iterator[tuple[str, Row]]:
    row = _row("suites", payload)
    yield "suites", row
    items = row["manifest"].get("items")
    if not isinstance(items, list):
        raise ValueError("manifest.items must be a list")
    for ordinal, item in enumerate(items):
        yield "items", _row("items", {**item, "item_key": item.get("key")})
        yield "suite_items", {"suite_key": row["suite_key"], "item_key": item["key"], "ordinal": ordinal}


def _row(table: str, payload: Mapping[str, Any]) -> Row:
    return _part(_COLUMNS[table], payload)


def _part(columns: Iterable[tuple[str, Column, Callable[[object], bool]]], payload: Mapping[str, Any]) -> Row:
    """The columns that are asked for, each checked; this is where the time of indexing goes, hence no detours."""
    row: Row = {}
    for name, column, fits in columns:
        value = payload.get(name)
        if value is None:
            value = _DEFAULTS.get(name)
        if value is None:
            if not column.optional:
                raise ValueError(f"{name} is missing")
        elif not fits(value):
            raise ValueError(f"{name} must be {column.sql}, not {value!r}")
        row[name] = value
    return row


def _is_integer(value: object, bits: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -(2**bits) <= value < 2**bits


def _is_number(value: object) -> bool:
    # By far most are floats, and a check of the exact type is the fastest there is.
    if type(value) is float:
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool) and math.isfinite(value)


def _is_numbers(value: object) -> bool:
    return isinstance(value, list) and all(v is None or _is_number(v) for v in value)


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _is_time(value: object) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


_FITS: dict[str, Callable[[object], bool]] = {
    "VARCHAR": lambda value: isinstance(value, str),
    "TIMESTAMPTZ": _is_time,
    "BOOLEAN": lambda value: isinstance(value, bool),
    "INTEGER": lambda value: _is_integer(value, 31),
    "BIGINT": lambda value: _is_integer(value, 63),
    "DOUBLE": _is_number,
    "JSON": lambda value: isinstance(value, dict),
    "DOUBLE[]": _is_numbers,
    "VARCHAR[]": _is_texts,
}
_COLUMNS = {
    table: [(name, column, _FITS[column.sql]) for name, column in columns.items()] for table, columns in TABLES.items()
}
OF_VIDEO = ("gen_key", "video_sha256", "env_key", "run_id", "created_at")  # said once for all scores of an envelope
_SHARED = [entry for entry in _COLUMNS["scores"] if entry[0] in OF_VIDEO]
_OWN = [entry for entry in _COLUMNS["scores"] if entry[0] not in OF_VIDEO]
