"""docs/sql.md is true: its queries run on an index and give rows, and its tables are those of the schema."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import duckdb
import pytest

from harness.model import generation_key
from harness.paths import database
from harness.spool import Envelope
from harness.store import Store
from tests.site.synthetic import LOOKS, result, small_suite, write_result
from tests.unit.store_helpers import failure, generation, run_record, score, scores, set_score, suite

TEXT = (Path(__file__).parents[2] / "docs/sql.md").read_text()
QUERIES = re.findall(r"```sql\n(.*?)```", TEXT, re.DOTALL)
ON_FILES = re.findall(r"```sql published\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    """Two variants on both items of a suite called mini, opened as the document says."""
    folder = tmp_path_factory.mktemp("results")
    mini = suite()
    object.__setattr__(mini, "name", "mini")
    with Store(folder) as store:
        store.record_suite(mini)
        store.record_run(run_record())
        for variant in ("control-still", "control-noise"):
            store.record_variant(f"key-{variant}", {"name": variant, "revision": 1}, "0" * 64)
            payloads = []
            for item in mini.items:
                key = str(generation_key(f"key-{variant}", item.key, 0, mini.protocol.key))  # type: ignore[arg-type]
                what: dict[str, Any] = {"variant_key": f"key-{variant}", "item_key": str(item.key)}
                payloads.append(generation(folder, key, protocol_key=str(mini.protocol.key), **what))
                detail = {"flicker_dc": 0.1, "flicker_ac": 0.15}
                value = score(0.25, detail=detail, profile=[0.1] * 8)
                payloads.append(scores(key, value, score(None, "dynamic_rate@1")))
            payloads.append(set_score(f"set-{variant}", variant_key=f"key-{variant}", detail={"floor": 0.5}))
            payloads.append(failure(f"task-{variant}"))
            assert not store.ingest([Envelope(payload, "x") for payload in payloads]).refused
    return duckdb.connect(str(database(folder)), read_only=True)


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.split("\n")[1])
def test_a_query_gives_rows(query: str, index: duckdb.DuckDBPyConnection) -> None:
    found = index.execute(query).fetchall()
    assert found
    assert all(any(value is not None for value in row) for row in found)


def test_the_tables_of_views_name_every_column_that_is_no_key(index: duckdb.DuckDBPyConnection) -> None:
    for view, columns in re.findall(r"^\| `(\w+)` \|.*\| (.*) \|$", TEXT, re.MULTILINE):
        there = [name for name, *_ in index.execute(f"DESCRIBE {view}").fetchall()]
        assert re.findall(r"`(\w+)`", columns) == [name for name in there if not name.endswith("_key")]
    assert len(QUERIES) == 8


def test_published_files_are_read_without_an_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for look in LOOKS[:2]:
        write_result(tmp_path / "results/published", result(small_suite(items=3), look))
    monkeypatch.chdir(tmp_path)
    (query,) = ON_FILES
    found = duckdb.execute(query).fetchall()
    assert {(row[0], row[1]) for row in found} == {
        (look.name, metric) for look in LOOKS[:2] for metric in ("fd_world@1", "kvd_world@1")
    }
