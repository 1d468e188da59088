"""Results as one table or one board in a file: CSV, Parquet, Markdown, LaTeX."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from harness import board_text, tables
from harness.disk import writing
from harness.errors import Refused, UsageError
from harness.imported import load_all
from harness.site_data import table_csv
from harness.submission import Submission
from harness.suite import load_suite

TEXTS: dict[str, Callable[[Sequence[Submission], str], str]] = {
    "csv": lambda found, table: table_csv(_table(found, table)),
    "md": lambda found, _: "".join(board_text.as_markdown(board) for board in tables.boards(found)),
    "tex": lambda found, _: "".join(board_text.as_latex(board) for board in tables.boards(found)),
}
FORMATS = ("csv", "parquet", "md", "tex")


def export_table(
    variants: str | None,
    suite: str,
    results: Path,
    kind: str,
    table: str,
    out: Path | None,
    plugins: Sequence[Path] = (),
) -> str:
    """The selected variants' results on a suite in one of `FORMATS`; returns the text, and writes it to ``out``.

    Parquet is no text: it needs ``out``, and nothing is returned.

    Raises:
        UsageError: E-OPTION, Parquet without a file; E-OUTPUT, the file cannot be written; an unknown name.
        Refused: E-RESULT, there are no results.
    """
    found = selected(variants, suite, results, plugins)
    if kind == "parquet":
        if out is None:
            raise UsageError("E-OPTION", "Parquet is no text for a terminal.", fix="--out results.parquet")
        from harness.parquet import write_parquet

        write_parquet(out, _table(found, table))
        return ""
    text = TEXTS[kind](found, table)
    if out is not None:
        _write(out, text)
    return text


def selected(variants: str | None, suite: str, results: Path, plugins: Sequence[Path] = ()) -> list[Submission]:
    """The results of the selected variants, from the index or from published files.

    Raises:
        UsageError: an unknown name.
        Refused: E-RESULT, there are none.
    """
    from harness.compare_load import Library
    from harness.wishes import chosen_variants

    chosen = {spec.name for spec in chosen_variants(load_all(results, plugins), variants, load_suite(suite))}
    with Library(suite, results, plugins) as library:
        found = library.of_family(lambda spec: spec.name in chosen)
    if not found:
        raise Refused(
            "E-RESULT",
            f"There are no results on {suite}.",
            where=str(results),
            fix=f"harness run --suite {suite}",
        )
    return found


def _table(found: Sequence[Submission], name: str) -> tables.Table:
    return next(make for make in tables.TABLES if make.__name__ == name)(found)


def _write(path: Path, text: str) -> None:
    from harness.spool import write_atomic

    with writing(path):
        write_atomic(path, text.encode())
