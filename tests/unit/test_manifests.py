"""One reader for every manifest: three formats, and the place of what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.manifests import ManifestError, read_rows


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "text", "lines"),
    [
        ("m.csv", "\ufeffpath,seed\na.mp4,1\nb.mp4,\n", [2, 3]),
        ("m.jsonl", '{"path": "a.mp4", "seed": "1"}\n\n{"path": "b.mp4", "seed": ""}\n', [1, 3]),
        ("m.json", '[{"path": "a.mp4", "seed": "1"}, {"path": "b.mp4", "seed": ""}]', [1, 2]),
        ("m.json", '{"videos": [{"path": "a.mp4", "seed": "1"}, {"path": "b.mp4", "seed": ""}]}', [1, 2]),
    ],
)
def test_the_formats_say_the_same(tmp_path: Path, name: str, text: str, lines: list[int]) -> None:
    rows = read_rows(write(tmp_path, name, text))
    assert [row for _, row in rows] == [{"path": "a.mp4", "seed": "1"}, {"path": "b.mp4", "seed": ""}]
    assert [line for line, _ in rows] == lines


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("m.csv", "path,seed\na.mp4\n", "line 2: it has another number of columns"),
        ("m.csv", "path,seed\na.mp4,1,2\n", "line 2: it has another number of columns"),
        ("m.csv", 'path\n"a.mp4\n', "line 1: unexpected end"),
        ("m.jsonl", '{"path": "a.mp4"}\nnot JSON\n', "line 2: it is not JSON"),
        ("m.jsonl", "[1]\n", "line 1: it is no JSON object"),
        ("m.json", '{"path": "a.mp4"}', "an object without 'videos'"),
        ("m.json", "[1]", "/0"),
        ("m.json", '[{"path": NaN}]', "NaN"),
    ],
)
def test_a_malformed_row_is_named(tmp_path: Path, name: str, text: str, why: str) -> None:
    with pytest.raises(ManifestError, match=why):
        read_rows(write(tmp_path, name, text))


def test_what_cannot_be_read_is_left_to_the_caller(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_rows(tmp_path / "none.csv")
    (tmp_path / "latin.csv").write_bytes(b"path\n\xe9.mp4\n")
    with pytest.raises(UnicodeDecodeError):
        read_rows(tmp_path / "latin.csv")
