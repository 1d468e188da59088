"""Scores into the index without a detour: the database itself takes the envelopes apart.

By far most rows are scores. Writing each row out as JSON again, for the database to read, took half of the time of
indexing; the envelope's own text, which has been checked by then, says the same.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from harness.envelopes import OF_VIDEO, TABLES
from harness.queries import Connection

_ABSENT = {"reason": "''", "detail": "'{}'", "profile": "[]"}  # what stands for a field that is left out


def insert_scores(connection: Connection, folder: Path, envelopes: Sequence[bytes]) -> int:
    """Insert the rows of checked envelopes, each one line of JSON; returns how many were new.

    ``folder`` is where a file may lie meanwhile. Of rows with one key the first is kept.
    """
    columns = TABLES["scores"]
    own = ", ".join(f"{name} {column.sql}" for name, column in columns.items() if name not in OF_VIDEO)
    shared = {name: column.sql for name, column in columns.items() if name in OF_VIDEO}
    typed = ", ".join(f"'{name}': '{sql}'" for name, sql in {**shared, "scores": f"STRUCT({own})[]"}.items())
    chosen = ", ".join(name if name in OF_VIDEO else _part(name) for name in columns)
    with tempfile.NamedTemporaryFile("wb", suffix=".jsonl", dir=folder) as file:
        file.writelines(line + b"\n" for line in envelopes)
        file.flush()
        done = connection.execute(
            f"INSERT INTO scores BY NAME SELECT {chosen} FROM (SELECT * REPLACE (unnest(scores) AS scores) FROM "
            f"read_json(?, format = 'newline_delimited', columns = {{{typed}}}, maximum_object_size = 67108864)) "
            "ON CONFLICT DO NOTHING",
            [file.name],
        ).fetchone()
    return int(done[0]) if done else 0


def _part(name: str) -> str:
    absent = _ABSENT.get(name)
    return f"scores.{name} AS {name}" if absent is None else f"coalesce(scores.{name}, {absent}) AS {name}"
