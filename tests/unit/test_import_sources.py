"""Where videos made elsewhere are found, and which item and seed each is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.import_sources import assign, find_candidates
from harness.suite import load_suite
from tests.docs.pages import ROOT, blocks
from tests.unit.import_helpers import suite


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    return folder


@pytest.mark.parametrize(
    "text",
    ["000-disc-s1", "000-disc_s1", "000-disc-seed1", "000-disc-1", "000-disc/s1", "000-disc/1", "000-disc_seed_1"],
)
def test_a_name_is_an_item_and_a_seed(text: str) -> None:
    assert assign(text, suite(seeds=(0, 1))) == ("000-disc", 1)


def test_a_suite_with_one_seed_needs_none_in_the_name() -> None:
    assert assign("001-disc", suite(seeds=(7,))) == ("001-disc", 7)
    with pytest.raises(ValueError, match="no seed is named, tiny@1 has 0, 1"):
        assign("001-disc", suite(seeds=(0, 1)))


@pytest.mark.parametrize(
    ("text", "why"),
    [("000-disk-s0", "no item '000-disk', did you mean 000-disc"), ("x", "no item 'x'"), ("000-disc-s4", "no seed 4")],
)
def test_what_is_no_item_or_seed_says_so(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        assign(text, suite())


def test_a_folder_is_read_in_order_with_folders_of_frames_and_folders_an_item(tmp_path: Path) -> None:
    names = ("000-disc.mp4", "001-disc/s0.webm", "002-disc/f001.png", "notes.txt", ".hidden.mp4", "003-ring.gif")
    found = find_candidates(touch(tmp_path, *names), suite())
    assert [(c.name, c.item, bool(c.problem)) for c in found] == [
        ("000-disc.mp4", "000-disc", False),
        ("001-disc/s0.webm", "001-disc", False),
        ("002-disc", "002-disc", False),
        ("003-ring.gif", "", True),
    ]


def test_of_two_videos_for_one_place_neither_is_taken(tmp_path: Path) -> None:
    found = find_candidates(touch(tmp_path, "000-disc.mp4", "000-disc-s0.gif", "001-disc.mp4"), suite())
    assert [c.problem for c in found] == [
        "000-disc.mp4 is of the same item and seed",
        "000-disc-s0.gif is of the same item and seed",
        "",
    ]


def test_a_table_and_a_document_say_the_same(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("item,path,seed,frames,fps,seconds\n000-disc,a.mp4,0,8,10,2.5\n001-disc,b,,,,\n")
    rows = [
        {"item": "000-disc", "path": "a.mp4", "seed": 0, "frames": 8, "fps": 10, "seconds": 2.5},
        {"item": "001-disc", "path": "b"},
    ]
    (tmp_path / "list.json").write_text(json.dumps({"videos": rows}))
    (tmp_path / "bare.json").write_text(json.dumps(rows))
    table = find_candidates(tmp_path / "list.csv", suite())
    assert table == find_candidates(tmp_path / "list.json", suite()) == find_candidates(tmp_path / "bare.json", suite())
    first, second = table
    assert (first.path, first.item, first.seed) == (tmp_path / "a.mp4", "000-disc", 0)
    assert (first.frames, first.fps, first.seconds) == (8, 10.0, 2.5)
    assert (second.frames, second.fps, second.seconds) == (None, None, None)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("000-disc,a.mp4,zero", "seed is 'zero'"),
        ("000-disc,a.mp4,3", "no seed 3"),
        ("000-disc-s0,a.mp4,0", "the seed has a column of its own"),
        ("999-disc,a.mp4,0", "no item '999-disc'"),
    ],
)
def test_a_row_that_cannot_be_assigned_keeps_its_reason(tmp_path: Path, row: str, why: str) -> None:
    (tmp_path / "list.csv").write_text(f"item,path,seed\n{row}\n001-disc,b.mp4,0\n")
    wrong, right = find_candidates(tmp_path / "list.csv", suite())
    assert why in wrong.problem
    assert right.problem == ""


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("list.csv", "name,file\na,b\n", "needs the columns item and path"),
        ("list.csv", "item,path,colour\na,b,red\n", "'colour' is none of"),
        ("list.csv", "item,path\n", "no video in it"),
        ("list.json", "{", "is not JSON"),
        ("list.json", '{"clips": []}', "an object without 'videos'"),
        ("list.txt", "", "neither a folder nor"),
    ],
)
def test_what_is_no_manifest_is_refused_whole(tmp_path: Path, name: str, text: str, why: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError) as caught:
        find_candidates(tmp_path / name, suite())
    assert caught.value.code == "E-IMPORT"
    assert why in caught.value.why
    assert "ITEM-s0.mp4" in caught.value.fix


def test_a_folder_without_videos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing to import"):
        find_candidates(touch(tmp_path, "readme.md"), suite())
    with pytest.raises(UsageError, match="nothing to import") as caught:
        find_candidates(tmp_path / "absent", suite())
    assert caught.value.why == "there is no such file or folder"


def test_the_manifests_of_the_page_say_the_same_of_items_there_are(tmp_path: Path) -> None:
    mini = load_suite("mini").suite
    for block in blocks(ROOT / "docs" / "videos-made-elsewhere.md"):
        if block.language in ("csv", "json"):
            (tmp_path / f"list.{block.language}").write_text(block.text)
    table = find_candidates(tmp_path / "list.csv", mini)
    assert [candidate.problem for candidate in table] == ["", ""]
    assert table == find_candidates(tmp_path / "list.json", mini)
