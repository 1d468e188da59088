"""Rows of a manifest, which people write by hand or with a script: CSV with a header, JSON lines, or a JSON list."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness import jsonread


class ManifestError(ValueError):
    """A row cannot be read; the message says which and why."""


def read_rows(path: Path) -> list[tuple[int, dict[str, Any]]]:
    """The rows of a ``.csv``, ``.jsonl`` or ``.json`` file with their line, in JSON their place in the list.

    A JSON document is a list of objects, or an object whose ``videos`` is one. Values are as the file has them: text in
    CSV, whatever JSON has in the others.

    Raises:
        ManifestError: a malformed row.
        OSError, UnicodeDecodeError: the file cannot be read.
    """
    text = path.read_text(encoding="utf-8-sig")
    kinds = {".csv": _csv, ".jsonl": _lines}
    return list(kinds.get(path.suffix.lower(), _document)(text))


def _csv(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        for row in reader:
            if None in row or None in row.values():
                raise ManifestError(f"line {reader.line_num}: it has another number of columns than the header")
            yield reader.line_num, row
    except csv.Error as error:
        raise ManifestError(f"line {reader.line_num}: {error}") from error


def _lines(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise ManifestError(f"line {number}: it is not JSON: {error}") from error
        if not isinstance(row, dict):
            raise ManifestError(f"line {number}: it is no JSON object")
        yield number, row


def _document(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        document = jsonread.load(text.encode())
        if isinstance(document.value, dict) and "videos" not in document.value:
            raise ManifestError("it is an object without 'videos', which would be the list of its rows")
        table = document.at("videos") if isinstance(document.value, dict) else document
        yield from enumerate((dict(node.mapping()) for node in table.items()), 1)
    except jsonread.JsonError as error:
        raise ManifestError(str(error)) from error
