"""A row whose videos were made elsewhere: nobody knows what they took, and nothing shows a number for it."""

from __future__ import annotations

from pathlib import Path

from harness import board_text, tables
from harness.compare import compare
from harness.export import dump
from harness.render import publish
from harness.submission import parse
from harness.validate import validate
from tests.site.synthetic import LOOKS, result, small_suite, write_result


def test_no_time_is_shown_where_none_is_known(tmp_path: Path) -> None:
    suite = small_suite()
    known, unknown = result(suite, LOOKS[0]), result(suite, LOOKS[1])
    for row in unknown["rows"]:
        row["seconds"] = None
    files = [write_result(tmp_path / "published", content) for content in (known, unknown)]
    assert all(validate(path).accepted for path in files)

    a, b = parse(dump(known)), parse(dump(unknown))
    (board,) = tables.boards([a, b])
    assert {row.variant.name: row.seconds is None for row in board.rows} == {LOOKS[0].name: False, LOOKS[1].name: True}
    (line,) = [line for line in board_text.as_markdown(board).splitlines() if LOOKS[1].name in line]
    assert line.split("|")[-3].strip() == "-"
    assert compare(a, b).seconds[1] is None

    publish(files, None, tmp_path / "site", "none")
    pages = {path.name: path.read_text() for path in (tmp_path / "site").rglob("*.html")}
    assert any("not known" in page for page in pages.values())
    assert not any("None" in page for page in pages.values())
