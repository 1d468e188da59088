"""Results as tables and boards in files."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from harness import board_text, tables
from harness.commands import export as command
from harness.commands.export import export_files
from harness.errors import Refused, UsageError
from harness.export import dump
from harness.export_tables import FORMATS
from harness.parquet import write_parquet
from harness.site_data import table_csv
from harness.store import Store
from harness.submission import Submission, parse
from harness.suite import load_suite
from tests.site.synthetic import LOOKS, result, small_suite
from tests.unit.store_helpers import generation, put


def submissions(items: int = 3) -> list[Submission]:
    suite = small_suite(items=items)
    return [parse(dump(result(suite, look))) for look in LOOKS]


def test_the_command_names_what_there_is() -> None:
    assert command.FORMATS == FORMATS
    assert list(command.TABLES) == [make.__name__ for make in tables.TABLES]


@pytest.mark.parametrize("make", tables.TABLES, ids=lambda make: make.__name__)
def test_csv_and_parquet_say_the_same(make: object, tmp_path: Path) -> None:
    table = make(submissions())  # type: ignore[operator]
    reader = csv.DictReader(io.StringIO(table_csv(table)))
    lines = list(reader)
    write_parquet(tmp_path / "a'b.parquet", table)
    import duckdb

    frame = duckdb.read_parquet(str(tmp_path / "a'b.parquet")).df()
    assert list(frame.columns) == list(table.columns) == reader.fieldnames
    assert len(frame) == len(lines) == len(table.lines)
    numbers = (
        pd.to_numeric(pd.Series([line["value"] or None for line in lines], dtype=object)).astype(float)
        if "value" in table.columns
        else None
    )
    if numbers is not None:
        pd.testing.assert_series_equal(frame.value.astype(float), numbers, check_names=False)


def test_parquet_is_whole_or_not_there(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        write_parquet(blocked / "x.parquet", tables.board(submissions()))
    assert sorted(tmp_path.iterdir()) == [blocked]


def test_markdown_has_a_row_per_variant_and_says_what_it_is() -> None:
    (board,) = tables.boards(submissions())
    text = board_text.as_markdown(board)
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(rows) == 2 + len(LOOKS)
    assert "fd_world@1 ↓" in rows[0]
    assert "kvd_world" not in text
    assert "kvd_world" in board_text.as_markdown(board, every=True)
    assert "demo@1: 3 items, 1 seed, 12 frames of 64×64, 2026-11-24." in text
    assert "Too few items" in text
    assert " ± " in text
    assert rows[-1].startswith("| control-")


def test_a_line_of_the_board_has_its_rank_and_the_range_that_is_possible() -> None:
    found = [parse(dump(result(small_suite(30), look))) for look in LOOKS]
    (board,) = tables.boards(found)
    table = tables.board(found)
    lines = {(line[1], line[5]): dict(zip(table.columns, line, strict=True)) for line in table.lines}
    for label, ranks in board.ranks.items():
        for variant, rank in ranks.items():
            line = lines[variant.partition("@")[0], label.partition("@")[0]]
            told = [line[name] for name in tables.RANKS]
            assert told == [rank.place, rank.last, rank.low, rank.high]
    assert {"warp_error@1", "ff_ssim@1"} <= set(board.ranks)
    assert lines["control-still", "warp_error"]["rank_low"] is None, "a control does not compete"


def test_latex_can_be_read_by_latex() -> None:
    (board,) = tables.boards(submissions())
    text = board_text.as_latex(board)
    body = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert len(body) == 1 + len(LOOKS)
    assert len({line.count(" & ") for line in body}) == 1
    assert r"fd\_world@1 $\downarrow$" in text
    assert "±" not in text


def test_a_formula_in_a_prompt_is_inert() -> None:
    found = submissions(1)[0]
    table = tables.Table("scores", ("prompt",), [("=cmd|'/c calc'!A1",)])
    assert table_csv(table).splitlines()[1].lstrip('"').startswith("'=")
    assert found.rows


def test_parquet_wants_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.export_tables.selected", lambda *_: submissions(1))
    answer = CliRunner().invoke(command.command, ["--format", "parquet", "--results", str(tmp_path)])
    assert isinstance(answer.exception, UsageError)
    assert answer.exception.fix == "--out results.parquet"


@pytest.mark.parametrize("kind", ["csv", "md", "tex"])
def test_text_goes_to_stdout_or_to_a_file(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.export_tables.selected", lambda *_: submissions(1))
    shown = CliRunner().invoke(command.command, ["--format", kind], catch_exceptions=False)
    target = tmp_path / "deep" / "board"
    wrote = CliRunner().invoke(command.command, ["--format", kind, "--out", str(target)], catch_exceptions=False)
    assert target.read_text() == shown.stdout
    assert wrote.stdout == ""
    assert f"wrote {target}" in wrote.stderr


def test_results_whose_plugin_was_not_named_are_not_said_to_be_missing(tmp_path: Path) -> None:
    protocol = load_suite("mini").suite.protocol.key
    put(tmp_path, generation(tmp_path, "a", protocol_key=protocol))
    with Store(tmp_path) as store:
        store.record_variant("v", {"name": "elsewhere", "revision": 2}, "0" * 64)
    with pytest.raises(Refused, match="any row that is known here") as caught:
        list(export_files("control-*", "mini", tmp_path, tmp_path / "out"))
    assert "elsewhere@2" in caught.value.why
    assert "--plugin" in caught.value.fix
