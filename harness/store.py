"""The index of a results folder: the only module that opens DuckDB, and only the coordinator's process uses it.

The database is derived: ``with Store(results)`` makes it again from the spool when it is missing. It is opened for a
batch and closed, so that another terminal waits milliseconds. Nothing here is a queue: absence means to do.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from importlib.resources import files
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Any

import duckdb

from harness import index_extent, queries
from harness.connection import connect, explain, newer, unwritable
from harness.disk import may_write
from harness.envelopes import KEYS, TABLES, Row, artefact_of, rows_of, task_of
from harness.errors import Refused
from harness.keys import canonical_json, sha256_file
from harness.model import Suite
from harness.paths import database, run_folder, spool
from harness.queries import RunRecord
from harness.score_rows import insert_scores
from harness.shelf import check_not_away
from harness.spool import (
    Envelope,
    Refusal,
    archive,
    by_run,
    read_archives,
    read_envelopes,
    set_aside,
    write_atomic,
    write_envelope,
)

SCHEMA_VERSION = 3
REGISTRY = "registry"  # the spool folder of what is recorded by the coordinator
RUN_FILE = "run.json"
# A set may be computed again after one of its videos was made again; everything else is first come.
NEWEST_WINS = ("set_scores",)


@dataclass(frozen=True)
class Ingested:
    """What became of a batch: envelopes accepted, new rows by table, and what was refused and must be done again."""

    envelopes: int = 0
    rows: Mapping[str, int] = field(default_factory=dict)
    refused: tuple[Refusal, ...] = ()


class Store(queries.Queries):
    """The index of one results folder, open between ``with`` and its end.

    In a folder that may not be written to, such as a colleague's, it is opened as it stands, for reading alone.

    Args:
        results: the results folder; the database lies in its ``cache``.
        wait: seconds to wait for another process to close the database.

    Raises:
        CannotStart: E-LOCK, the database stays in use; E-STORE, it is damaged, or was made by a newer release;
            E-RESULTS, it would have to be written and may not be.
    """

    def __init__(self, results: Path, *, wait: float = 5.0) -> None:
        self.results = results
        self.path = database(results)
        self.wait = wait
        self.rebuilt: Ingested | None = None
        self.read_only = not (may_write(self.path.parent) and may_write(self.path))

    def __enter__(self) -> Store:
        if self.read_only:
            if not self.path.is_file():
                raise unwritable(self.path, "it is not there, and cannot be made")
        else:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        self.connection = connect(self.path, self.wait, read_only=self.read_only)
        try:
            self._prepare()
        except BaseException:
            self.connection.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        try:
            if kind is None and not self.read_only:
                index_extent.note(self.connection, self.results)
        finally:
            self.connection.close()

    # -- writing ------------------------------------------------------------------------------------------------

    def ingest(self, envelopes: Iterable[Envelope]) -> Ingested:
        """Index a batch in one transaction; indexing it again changes nothing.

        Refused: an envelope that is malformed, or whose file is missing or has another digest.
        """
        rows: dict[str, list[Row]] = {table: [] for table in TABLES}
        refused: list[Refusal] = []
        scores: list[bytes] = []
        accepted = 0
        for envelope in envelopes:
            try:
                made = rows_of(envelope.payload)
                self._check_artefact(envelope.payload)
            except ValueError as error:
                task = task_of(envelope.payload)
                refused.append(Refusal(envelope.origin, f"{envelope.kind}: {error}", task, envelope.path))
                continue
            accepted += 1
            if envelope.kind == "scores":
                scores.append(envelope.text or canonical_json(dict(envelope.payload)).encode())
                continue
            for table, row in made:
                rows[table].append(row)
        with self._transaction():
            self._withdraw_lost(rows["generations"])
            added = {table: self._insert(table, found) for table, found in rows.items() if found}
            if scores:
                added["scores"] = insert_scores(self.connection, self.path.parent, scores)
            self._note_replications(rows["generations"])
        return Ingested(accepted, added, tuple(refused))

    def ingest_spool(self) -> Ingested:
        """Index and archive everything that workers have finished; what cannot be used is set aside and reported.

        In a folder that may not be written to all of it stays where it is.
        """
        folder = spool(self.results)
        found, unreadable = read_envelopes(folder)
        done = self.ingest(found)
        refused = (*unreadable, *done.refused)
        if not may_write(folder):
            return Ingested(done.envelopes, done.rows, refused)
        bad = {refusal.path for refusal in refused}
        for refusal in refused:
            if refusal.path is not None:
                set_aside(refusal.path)
        for run, group in by_run(folder, (e for e in found if e.path not in bad)):
            archive(run, group)
        return Ingested(done.envelopes, done.rows, refused)

    def rebuild(self) -> Ingested:
        """Index again everything that archives, spool and run files hold. Repeating it changes nothing."""
        found, refused = read_archives(spool(self.results))
        check_not_away(self.results, sum(envelope.kind == "generation" for envelope in found))
        waiting = self.ingest_spool()
        done = self.ingest(found)
        for path in sorted((self.results / "runs").glob(f"*/{RUN_FILE}")):
            self._put_run(queries.parse_run(json.loads(path.read_bytes())))
        return Ingested(
            done.envelopes + waiting.envelopes,
            {t: done.rows.get(t, 0) + waiting.rows.get(t, 0) for t in {*done.rows, *waiting.rows}},
            (*refused, *waiting.refused, *done.refused),
        )

    def record_suite(self, suite: Suite, reference_key: str = "") -> None:
        """Record a suite.

        Raises:
            Refused: E-SUITE, results in this folder were made with other content under the same version.
        """
        held = self._rows("SELECT suite_key FROM suites WHERE name = ? AND version = ?", suite.name, suite.version)
        if held and held[0]["suite_key"] != suite.key:
            raise Refused(
                "E-SUITE",
                f"{suite.label} has digest {suite.key}, results here were made with {held[0]['suite_key']}.",
                where=str(self.results),
                why="a suite never changes under one version",
                fix=f"restore the suite's files, save the change as {suite.name}@{suite.version + 1}, "
                "or use another folder: --results DIR",
            )
        self._record(
            "suite",
            suite.key,
            name=suite.name,
            version=suite.version,
            protocol_key=suite.protocol.key,
            reference_key=reference_key or None,
            manifest=suite.manifest(),
        )

    def record_variant(self, key: str, spec: Mapping[str, Any], source_sha256: str) -> None:
        """Record a variant; ``spec`` has at least ``name`` and ``revision``."""
        self._record(
            "variant", key, name=spec["name"], revision=spec["revision"], spec=dict(spec), source_sha256=source_sha256
        )

    def record_metric(self, key: str, spec: Mapping[str, Any], source_sha256: str) -> None:
        """Record a metric; ``spec`` has at least ``name``, ``version``, ``scope``, ``better`` and ``unit``."""
        fields = {name: spec[name] for name in ("name", "version", "scope", "better", "unit")}
        self._record("metric", key, **fields, spec=dict(spec), source_sha256=source_sha256)

    def record_environment(self, key: str, described: Mapping[str, Any]) -> None:
        """Record an environment (see `harness.environment`)."""
        self._record("environment", key, spec={k: v for k, v in described.items() if k != "git"})

    def record_run(self, run: RunRecord) -> None:
        """Write a run's ``run.json`` and its row, or replace them: once when it starts and once when it ends."""
        path = run_folder(self.results, run.run_id) / RUN_FILE
        write_atomic(path, json.dumps(vars(run), indent=1).encode() + b"\n")
        self._put_run(run)

    # -- inside -------------------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        # Timestamps come back as text in the session's zone; UTC makes them the same everywhere.
        self.connection.execute("SET TimeZone = 'UTC'")
        tables = {row["name"] for row in self._rows("SELECT table_name AS name FROM information_schema.tables")}
        if "meta" in tables:
            # None where an earlier rebuild did not come to its end: it is done again.
            held = self._rows("SELECT value FROM meta WHERE key = 'schema_version'")
            version = int(held[0]["value"]) if held else 0
            if version > SCHEMA_VERSION:
                raise newer(self.path, version, SCHEMA_VERSION)
            if version == SCHEMA_VERSION and index_extent.covers(self.connection, self.results):
                return
        if self.read_only:
            raise unwritable(self.path, "it is not of this release's form or not up to date, and cannot be made again")
        with self._transaction():
            self._create()
        self.rebuilt = self.rebuild()
        self.connection.execute("INSERT INTO meta VALUES ('schema_version', ?)", [str(SCHEMA_VERSION)])

    def _create(self) -> None:
        """Make an empty index, in place of an older release's if there is one."""
        for row in self._rows("SELECT view_name AS name FROM duckdb_views() WHERE NOT internal"):
            self.connection.execute(f'DROP VIEW "{row["name"]}"')
        for row in self._rows("SELECT table_name AS name FROM duckdb_tables()"):
            self.connection.execute(f'DROP TABLE "{row["name"]}"')
        self.connection.execute(files("harness").joinpath("schema.sql").read_text(encoding="utf-8"))

    def _check_artefact(self, payload: Mapping[str, Any]) -> None:
        """Raises ValueError when the file that an envelope stands for is not there as described."""
        if (artefact := artefact_of(payload)) is None:
            return
        relpath, sha256 = artefact
        path = self.results / relpath
        if ".." in Path(relpath).parts or Path(relpath).is_absolute():
            raise ValueError(f"{relpath} leaves the results folder")
        if not self.there(relpath):
            raise ValueError(f"{relpath} is missing")
        if not path.is_file():
            return  # on the shelf, which holds whole files under names made from their bytes
        if (found := sha256_file(path)) != sha256:
            raise ValueError(f"{relpath} has sha256 {found[:12]}…, expected {sha256[:12]}…")

    def _withdraw_lost(self, rows: Sequence[Row]) -> None:
        """Forget videos whose file is gone when they come again with other bytes, and the sets they were part of.

        What was measured on the lost bytes stays, and does not count: it names the video that it was measured on.
        """
        new = {row["gen_key"]: row["video_sha256"] for row in rows}
        held = self._among("SELECT gen_key, variant_key, video_sha256, relpath FROM generations WHERE gen_key IN", new)
        lost = [row for row in held if row["video_sha256"] != new[row["gen_key"]] and not self.there(row["relpath"])]
        if lost:
            for table, column in (("generations", "gen_key"), ("set_scores", "variant_key")):
                values = [row[column] for row in lost]
                self.connection.execute(f"DELETE FROM {table} WHERE {column} IN (SELECT unnest(?))", [values])

    def _note_replications(self, rows: Sequence[Row]) -> None:
        """A second run's result for a key that is indexed already: kept as evidence, never as a second result."""
        held = {
            row["gen_key"]: row
            for row in self._among(
                "SELECT gen_key, run_id, frames_sha256 FROM generations WHERE gen_key IN", [r["gen_key"] for r in rows]
            )
        }
        for row in rows:
            first = held[row["gen_key"]]
            if first["run_id"] != row["run_id"]:
                bitwise = first["frames_sha256"] == row["frames_sha256"]
                self.connection.execute(
                    "INSERT INTO replications VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                    [row["gen_key"], row["run_id"], row["env_key"], bitwise, row["created_at"]],
                )

    def _insert(self, table: str, rows: Sequence[Row]) -> int:
        """One bulk insert from a temporary file: a thousand times faster than a statement a row."""
        columns = ", ".join(f"'{name}': '{column.sql}'" for name, column in TABLES[table].items())
        key = itemgetter(*KEYS[table])
        unique: dict[object, Row] = {}
        for row in sorted(rows, key=_age) if table in NEWEST_WINS else rows:
            unique.setdefault(key(row), row)
        with tempfile.NamedTemporaryFile("w", suffix=".json", dir=self.path.parent, encoding="utf-8") as file:
            # One list: encoding row by row takes half as long again.
            file.write(json.dumps(list(unique.values()), separators=(",", ":")))
            file.flush()
            done = self.connection.execute(
                f"INSERT INTO {table} BY NAME SELECT * FROM read_json(?, format = 'array', "
                f"columns = {{{columns}}}, maximum_object_size = 67108864) {_on_conflict(table)}",
                [file.name],
            ).fetchone()
        return int(done[0]) if done else 0

    def _record(self, kind: str, key: str, **fields: Any) -> None:
        table = {"suite": "suites", "variant": "variants", "metric": "metrics", "environment": "environments"}[kind]
        column = KEYS[table][0]
        if self._rows(f"SELECT 1 FROM {table} WHERE {column} = ?", key):
            return
        payload = {"kind": kind, column: key, **fields}
        path = write_envelope(spool(self.results) / REGISTRY, f"{kind}-{key}", payload)
        envelope = Envelope(json.loads(canonical_json(payload)), str(path), path)
        self.ingest([envelope])
        archive(path.parent, [envelope])

    def _put_run(self, run: RunRecord) -> None:
        columns = list(vars(run))
        self.connection.execute(
            f"INSERT OR REPLACE INTO runs ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",
            list(vars(run).values()),
        )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self.connection.execute("BEGIN")
        try:
            yield
            self.connection.execute("COMMIT")
        except duckdb.Error as error:
            # A failed COMMIT has rolled back already and the connection says so; the first error is the one to tell.
            with suppress(duckdb.Error):
                self.connection.execute("ROLLBACK")
            raise explain(error, self.path) from error
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise


def _age(row: Row) -> float:
    """Smaller is newer."""
    return -datetime.fromisoformat(row["created_at"]).timestamp()


def _on_conflict(table: str) -> str:
    if table not in NEWEST_WINS:
        return "ON CONFLICT DO NOTHING"
    changes = ", ".join(f"{name} = excluded.{name}" for name in TABLES[table] if name not in KEYS[table])
    return f"ON CONFLICT DO UPDATE SET {changes} WHERE excluded.created_at > {table}.created_at"
