"""Folders and manifests of videos: what is listed, and what is wrong with a manifest by line."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.exvideo.listing import Listed, is_videos, list_videos


def test_a_folder_lists_its_videos_and_counts_the_rest(tmp_path: Path) -> None:
    for name in ("b.MP4", "a/c.mkv", "a/notes.txt", "poster.jpg", "more.jpg", ".hidden/x.mp4", ".DS_Store", "README"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    listing = list_videos(tmp_path)
    assert [video.name for video in listing.videos] == ["a/c.mkv", "b.MP4"]
    assert listing.others == {".txt": 1, ".jpg": 2, "no ending": 1}


def test_a_folder_without_videos_says_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "a.txt").touch()
    with pytest.raises(UsageError) as caught:
        list_videos(tmp_path)
    assert caught.value.code == "E-DATA"
    assert caught.value.where == str(tmp_path)
    assert caught.value.why == "the folder holds no video: 1 of .txt"
    assert ".mp4" in caught.value.fix


def test_both_kinds_of_manifest_say_the_same(tmp_path: Path) -> None:
    table, lines = tmp_path / "a.csv", tmp_path / "a.jsonl"
    table.write_text('path,caption,motion_bucket\nx.mp4,"a cat, a dog",127\nsub/y.mkv,,\n')
    lines.write_text('{"path": "x.mp4", "caption": "a cat, a dog", "motion_bucket": 127}\n\n{"path": "sub/y.mkv"}\n')
    expected = (Listed(tmp_path / "x.mp4", "x.mp4", 127), Listed(tmp_path / "sub/y.mkv", "sub/y.mkv"))
    assert list_videos(table).videos == expected
    assert list_videos(lines).videos == expected


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("a.csv", "path\n", "it names no video"),
        ("a.csv", "file\nx.mp4\n", "line 2: there is no column 'file'"),
        ("a.csv", "path,caption\nx.mp4\n", "line 2: it has another number of columns than the header"),
        ("a.csv", "path\nx.mp4,y\n", "line 2: it has another number of columns than the header"),
        ("a.csv", "path,motion_bucket\nx.mp4,300\n", "line 2: motion_bucket is '300'"),
        ("a.csv", "path,motion_bucket\n,3\n", "line 2: it names no path"),
        ("a.csv", 'path\n"x.mp4\n', "unexpected end of data"),
        ("a.jsonl", '{"path": "x.mp4"}\n{"path"', "line 2: it is not JSON"),
        ("a.jsonl", "[1]", "line 1: it is no JSON object"),
        ("a.jsonl", '{"path": 3}', "line 1: it names no path"),
        ("a.jsonl", '{"path": "x.mp4", "motion_bucket": true}', "line 1: motion_bucket is 'True'"),
        ("a.jsonl", '{"path": "x.mp4", "motion_bucket": 1.5}', "line 1: motion_bucket is '1.5'"),
    ],
)
def test_what_is_wrong_with_a_manifest_is_told_by_line(tmp_path: Path, name: str, text: str, why: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError) as caught:
        list_videos(tmp_path / name)
    assert caught.value.code == "E-DATA"
    assert why in caught.value.why


def test_a_manifest_that_is_not_there_or_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00")
    for name in ("a.csv", "b.csv"):
        with pytest.raises(UsageError, match="cannot be listed"):
            list_videos(tmp_path / name)


def test_names_of_videos_are_told_from_the_world(tmp_path: Path) -> None:
    assert is_videos(str(tmp_path))
    assert is_videos("missing.csv")
    assert not is_videos("world:20")
    assert not is_videos(str(tmp_path / "missing"))
