"""The data files beside a board: what its table shows, and every score it is made from."""

from __future__ import annotations

import csv
import importlib.resources
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness import tables
from harness.site_board import Board
from harness.site_text import csv_text
from harness.submission import Submission
from harness.tables import Table


def write(place: Path, board: Board, submissions: Sequence[Submission]) -> None:
    """Write all data files of a board; ``place`` is their common path without an ending."""
    from harness.parquet import write_parquet

    place.parent.mkdir(parents=True, exist_ok=True)
    shown, scores = _board(board), tables.scores(submissions)
    for ending, text in (
        (".csv", table_csv(shown)),
        (".scores.csv", table_csv(scores)),
        (".json", board_json(board, shown, scores)),
    ):
        _file(place, ending).write_text(text, encoding="utf-8", newline="\n")
    write_parquet(_file(place, ".parquet"), shown)
    write_parquet(_file(place, ".scores.parquet"), scores)
    # As text it would be ten times as large.
    write_parquet(_file(place, ".profiles.parquet"), tables.profiles(submissions))


def write_findings(place: Path, suite: str, findings: Sequence[Table]) -> None:
    """Write what was found on a suite, a CSV, a JSON and a Parquet file each; ``place`` as for `write`."""
    from harness.parquet import write_parquet

    for table in findings:
        text = _document({"suite": suite}, [table])
        _file(place, f".{table.name}.json").write_text(text, encoding="utf-8", newline="\n")
        _file(place, f".{table.name}.csv").write_text(table_csv(table), encoding="utf-8", newline="\n")
        write_parquet(_file(place, f".{table.name}.parquet"), table)


def write_schema(folder: Path) -> None:
    """Write the JSON Schema of result files as ``result-1.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    source = importlib.resources.files("harness") / "schemas" / "exvideo-result-1.json"
    (folder / "result-1.json").write_bytes(source.read_bytes())


def board_json(board: Board, shown: Table, scores: Table) -> str:
    """The board's table and the scores as JSON, the same fields as the CSV files."""
    head = {
        "suite": board.suite.label,
        "key": board.suite.key,
        "updated": board.updated,
        "protocol": board.suite.manifest()["protocol"],
        "smoke_test": board.smoke,
    }
    return _document(head, [shown, scores])


def table_csv(table: Table) -> str:
    """A table as CSV. Text that a spreadsheet would take for a formula is made inert."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows([csv_text(v) if isinstance(v, str) else v for v in line] for line in table.lines)
    return buffer.getvalue()


def _file(place: Path, ending: str) -> Path:
    return place.with_name(place.name + ending)


def _board(board: Board) -> Table:
    return Table("board", tables.BOARD, list(tables.board_lines(board)))


def _document(head: Mapping[str, object], lists: Sequence[Table]) -> str:
    """An object of some members and of tables as lists."""
    members = [json.dumps(head, allow_nan=False, indent=0)[2:-2]]
    members += [f'"{table.name}": {_objects(table)}' for table in lists]
    return "{\n" + ",\n".join(members) + "\n}\n"


def _objects(table: Table) -> str:
    """The lines as a list of JSON objects, laid out as by ``indent=0``, for which `json` has no fast way."""
    if not table.lines:
        return "[]"
    text = _FLAT.encode([dict(zip(table.columns, line, strict=True)) for line in table.lines])
    # A line break stands for itself between values alone: in a text it is escaped.
    return "[\n{\n" + text[2:-2].replace("},\n{", "\n},\n{\n") + "\n}\n]"


_FLAT = json.JSONEncoder(allow_nan=False, separators=(",\n", ": "))
