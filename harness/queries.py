"""What is asked of the index, as plain Python rows. Mixed into `harness.store.Store`, which holds the connection."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from harness.model import Score
from harness.shelf import shelf_of


class Connection(Protocol):
    """The part of a DuckDB connection that is used here."""

    def execute(self, query: str, parameters: object = None) -> Any:
        """Run one statement; the result has ``description`` and ``fetchall``."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


@dataclass(frozen=True)
class RunRecord:
    """One `harness run`. Times are ISO 8601 with zone; ``status`` is ``running`` until it ends."""

    run_id: str
    started_at: str
    status: str  # running | complete | partial | interrupted | crashed
    argv: tuple[str, ...]
    harness_version: str
    finished_at: str | None = None
    git_commit: str | None = None
    git_dirty: bool | None = None
    host: str | None = None


@dataclass(frozen=True)
class Generation:
    """One finished video. ``relpath`` is relative to the results folder; ``seconds`` is the time to generate it.

    It is None where that is not known, of a video that was imported.
    """

    gen_key: str
    variant_key: str
    item_key: str
    seed: int
    video_sha256: str
    frames_sha256: str
    relpath: str
    frames: int
    width: int
    height: int
    fps: float
    video_bytes: int
    seconds: float | None
    load_seconds: float | None
    peak_vram_bytes: int | None
    env_key: str
    run_id: str


@dataclass(frozen=True)
class StoredScore:
    """One metric of one video. ``metric`` is the label, such as ``warp_error@1``."""

    gen_key: str
    metric_key: str
    metric: str
    score: Score


@dataclass(frozen=True)
class StoredFeatures:
    """Where the feature rows of one video under one extractor lie, and their digest."""

    gen_key: str
    extractor_key: str
    sha256: str
    relpath: str
    rows: int
    dim: int


@dataclass(frozen=True)
class SetScore:
    """One set metric of one variant's set of videos, over ``n`` items; without a value, ``reason`` says why."""

    set_key: str
    metric_key: str
    metric: str
    variant_key: str
    n: int
    value: float | None
    stderr: float | None
    ci_low: float | None
    ci_high: float | None
    detail: Mapping[str, Any]
    status: str = "ok"
    reason: str = ""


@dataclass(frozen=True)
class Replication:
    """A video that a later run made again, and whether its frames are the first's."""

    gen_key: str
    run_id: str
    env_key: str
    bitwise: bool


# What was measured counts while its video is the indexed one.
_OF_VIDEO = "SEMI JOIN generations USING (gen_key, video_sha256)"


class Queries:
    """Read-only questions. Lists come in a fixed order."""

    connection: Connection
    results: Path

    def there(self, relpath: str) -> bool:
        """Whether an artefact exists, in the folder or on its shelf."""
        return (self.results / relpath).is_file() or relpath in self._shelved

    @cached_property
    def _shelved(self) -> frozenset[str]:
        shelf = shelf_of(self.results)
        return shelf.names() if shelf else frozenset()

    def have_generations(self, gen_keys: Iterable[str]) -> dict[str, Generation]:
        """Those of the wanted videos that exist, by key. One whose file is gone does not: it will be made again."""
        found = self.generations(gen_keys)
        return {g.gen_key: g for g in found if self.there(g.relpath)}

    def generations(self, gen_keys: Iterable[str]) -> list[Generation]:
        """Those of the wanted videos that are indexed, whether or not their files are here, sorted by key."""
        columns = ", ".join(Generation.__dataclass_fields__)
        return [
            Generation(**row) for row in self._among(f"SELECT {columns} FROM generations WHERE gen_key IN", gen_keys)
        ]

    def have_scores(self, gen_keys: Iterable[str]) -> set[tuple[str, str]]:
        """The (gen_key, metric_key) pairs that exist for these videos, whatever their status."""
        rows = self._among(f"SELECT gen_key, metric_key FROM scores {_OF_VIDEO} WHERE gen_key IN", gen_keys)
        return {(row["gen_key"], row["metric_key"]) for row in rows}

    def scores(self, gen_keys: Iterable[str], metric_keys: Iterable[str] | None = None) -> list[StoredScore]:
        """The scores of these videos, all metrics or some, sorted by video and metric."""
        rows = self._among(
            "SELECT gen_key, metric_key, metric, value, status, reason, coverage, detail, profile "
            f"FROM scores {_OF_VIDEO} WHERE gen_key IN",
            gen_keys,
        )
        wanted = None if metric_keys is None else set(metric_keys)
        return [_stored_score(row) for row in rows if wanted is None or row["metric_key"] in wanted]

    def score_values(
        self, gen_keys: Iterable[str], metric_keys: Iterable[str]
    ) -> list[tuple[str, str, float | None, str, str]]:
        """(gen_key, metric_key, value, status, reason) of these videos and metrics: a table needs no more."""
        return self.connection.execute(  # type: ignore[no-any-return]
            f"SELECT gen_key, metric_key, value, status, reason FROM scores {_OF_VIDEO} "
            "WHERE gen_key IN (SELECT unnest(?)) AND metric_key IN (SELECT unnest(?))",
            [list(gen_keys), list(metric_keys)],
        ).fetchall()

    def columns(self, gen_keys: Iterable[str], set_keys: Iterable[str]) -> set[tuple[str, str]]:
        """The metrics, as (metric_key, label), under which these videos or sets have anything on record."""
        videos = self._among(f"SELECT DISTINCT metric_key, metric FROM scores {_OF_VIDEO} WHERE gen_key IN", gen_keys)
        sets = self._among("SELECT DISTINCT metric_key, metric FROM set_scores WHERE set_key IN", set_keys)
        return {(row["metric_key"], row["metric"]) for row in (*videos, *sets)}

    def features(self, gen_keys: Iterable[str], extractor_key: str | None = None) -> list[StoredFeatures]:
        """The feature files of these videos that exist, under one extractor or all."""
        columns = ", ".join(f"features.{name}" for name in StoredFeatures.__dataclass_fields__)
        rows = self._among(f"SELECT {columns} FROM features {_OF_VIDEO} WHERE gen_key IN", gen_keys)
        return [
            StoredFeatures(**row)
            for row in rows
            if extractor_key in (None, row["extractor_key"]) and self.there(row["relpath"])
        ]

    def set_scores(self, set_keys: Iterable[str]) -> list[SetScore]:
        """The set metrics of these sets."""
        columns = ", ".join(SetScore.__dataclass_fields__)
        rows = self._among(f"SELECT {columns} FROM set_scores WHERE set_key IN", set_keys)
        return [SetScore(**{**row, "detail": json.loads(row["detail"])}) for row in rows]

    def replications(self) -> list[Replication]:
        """Every video that was made again, in the order of video and run."""
        columns = ", ".join(Replication.__dataclass_fields__)
        return [
            Replication(**row) for row in self._rows(f"SELECT {columns} FROM replications ORDER BY gen_key, run_id")
        ]

    def failure_counts(self, task_keys: Iterable[str]) -> dict[str, int]:
        """Failed attempts by code, over everything done for these keys (of videos or sets)."""
        rows = self._among(
            "SELECT code, task_key, stage, attempt, run_id FROM failures WHERE split_part(task_key, ':', 1) IN",
            task_keys,
        )
        codes = sorted(row["code"] for row in rows)
        return {code: codes.count(code) for code in dict.fromkeys(codes)}

    def failures(self, run_id: str) -> list[dict[str, Any]]:
        """The failed attempts of a run in the order they happened, every column but the traceback."""
        return self._rows(
            "SELECT task_key, stage, attempt, code, message, retryable, occurred_at::VARCHAR AS occurred_at "
            "FROM failures WHERE run_id = ? ORDER BY failures.occurred_at, task_key, attempt",
            run_id,
        )

    def seconds_per_video(self, variant_keys: Iterable[str]) -> dict[str, float]:
        """The median time to generate one video, for the variants that have made any."""
        rows = self._rows(
            "SELECT variant_key, median(seconds) AS seconds FROM generations "
            "WHERE variant_key IN (SELECT unnest(?)) AND seconds IS NOT NULL GROUP BY ALL",
            list(variant_keys),
        )
        return {row["variant_key"]: row["seconds"] for row in rows}

    def bytes_per_video(self, protocol_key: str) -> float | None:
        """The mean size of a master under a protocol; None before the first."""
        query = "SELECT avg(video_bytes) AS mean FROM generations WHERE protocol_key = ?"
        mean: float | None = self._rows(query, protocol_key)[0]["mean"]
        return mean

    def seconds_per_score(self, metric_keys: Iterable[str]) -> dict[str, float]:
        """The median time to compute one score, for the metrics that have been computed."""
        rows = self._rows(
            "SELECT metric_key, median(seconds) AS seconds FROM scores "
            "WHERE metric_key IN (SELECT unnest(?)) AND seconds IS NOT NULL GROUP BY ALL",
            list(metric_keys),
        )
        return {row["metric_key"]: row["seconds"] for row in rows}

    def environment(self, env_key: str) -> dict[str, Any]:
        """A recorded environment, empty if there is none."""
        rows = self._rows("SELECT spec FROM environments WHERE env_key = ?", env_key)
        return dict(json.loads(rows[0]["spec"])) if rows else {}

    def recorded_source(self, variant_key: str) -> str:
        """sha256 of the plugin file that a variant was first recorded with, empty if it never was."""
        rows = self._rows("SELECT source_sha256 FROM variants WHERE variant_key = ?", variant_key)
        return str(rows[0]["source_sha256"]) if rows else ""

    def rows_with_videos(self, protocol_key: str) -> list[str]:
        """The rows, such as ``mine@1``, that have videos under a protocol, whether or not their plugins are loaded."""
        query = "SELECT DISTINCT name, revision FROM variants SEMI JOIN generations ON "
        query += "generations.variant_key = variants.variant_key AND protocol_key = ? ORDER BY ALL"
        return [f"{row['name']}@{row['revision']}" for row in self._rows(query, protocol_key)]

    def runs(self) -> list[RunRecord]:
        """Every run, oldest first."""
        columns = ", ".join(
            f"strftime({name}, '%Y-%m-%dT%H:%M:%S.%f+00:00') AS {name}" if name.endswith("_at") else name
            for name in RunRecord.__dataclass_fields__
        )
        return [parse_run(row) for row in self._rows(f"SELECT {columns} FROM runs ORDER BY runs.started_at, run_id")]

    def last_run_id(self) -> str | None:
        """The run that started last."""
        runs = self.runs()
        return runs[-1].run_id if runs else None

    def _among(self, query: str, keys: Iterable[str]) -> list[dict[str, Any]]:
        """Rows of a query that ends in ``IN``, for a list of keys of any length, in a fixed order."""
        return self._rows(f"{query} (SELECT unnest(?)) ORDER BY ALL", list(keys))

    def _rows(self, query: str, *parameters: object) -> list[dict[str, Any]]:
        cursor = self.connection.execute(query, list(parameters))
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def parse_run(fields: Mapping[str, Any]) -> RunRecord:
    """A run from its row or its ``run.json``."""
    return RunRecord(**{**fields, "argv": tuple(fields["argv"])})


def _stored_score(row: Mapping[str, Any]) -> StoredScore:
    score = Score(
        row["value"],
        row["status"],
        row["reason"],
        row["coverage"],
        json.loads(row["detail"]),
        tuple(row["profile"]),
    )
    return StoredScore(row["gen_key"], row["metric_key"], row["metric"], score)
