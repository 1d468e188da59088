"""Importing into a results folder: what is kept of a video, of its row, and what a second import adds."""

from __future__ import annotations

import dataclasses
import errno
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from harness import importing
from harness.cli import run_app
from harness.errors import CannotStart, UsageError
from harness.generating import store_master
from harness.imported import Record, load_all, record_path, register
from harness.importing import ImportOptions, Refusal, import_videos
from harness.lock import FolderLock
from harness.model import Frames, frames_digest
from harness.plan import RUNS, Have, Made, make_plan
from harness.registry import REGISTRY
from harness.spool import read_archives
from harness.store import Store
from harness.suite import load_suite
from harness.video import read_master
from harness.wishes import RunOptions, resolve_wishes
from harness.workbench import Workbench
from tests.unit.import_helpers import clip, write
from tests.unit.run_helpers import column

SLUGS = [item.slug for item in load_suite("mini").suite.items]


@pytest.fixture(autouse=True)
def _forget(tmp_path: Path) -> Iterator[None]:
    yield
    register(tmp_path / "nothing")


def options(folder: Path, source: str, revision: int = 1, *, dry_run: bool = False) -> ImportOptions:
    record = Record("theirs", revision, "imported", "baseline", "made elsewhere", "mini")
    return ImportOptions(folder / source, record, folder / "results", dry_run=dry_run)


def test_a_video_is_kept_frame_by_frame_with_where_it_came_from(tmp_path: Path) -> None:
    frames = clip(length=40)
    (tmp_path / "a").mkdir()
    write(tmp_path / "a" / "one.mkv", frames)
    (tmp_path / "a" / "list.csv").write_text(f"item,path,frames,seconds\n{SLUGS[0]},one.mkv,40,12.5\n")
    report = import_videos(options(tmp_path, "a/list.csv"))
    assert (report.label, report.taken, report.refused) == ("theirs@1", ["one.mkv"], [])
    with Store(tmp_path / "results") as store:
        (row,) = store.generations([r["gen_key"] for r in store._rows("SELECT gen_key FROM generations")])
        assert [run.status for run in store.runs()] == ["complete"]
    assert (row.seconds, row.frames_sha256) == (12.5, frames_digest(frames))
    assert np.array_equal(read_master(tmp_path / "results" / row.relpath), frames)
    envelopes, _ = read_archives(tmp_path / "results" / "spool")
    (made,) = [e.payload for e in envelopes if e.kind == "generation"]
    assert (made["imported"]["name"], made["imported"]["declared"]) == ("one.mkv", 40)


def test_a_second_import_adds_and_other_videos_need_another_revision(tmp_path: Path) -> None:
    write(tmp_path / "a" / f"{SLUGS[0]}.mkv", clip(length=40))
    write(tmp_path / "b" / f"{SLUGS[0]}.mkv", clip(1, length=40))
    write(tmp_path / "b" / f"{SLUGS[1]}.mkv", clip(2, length=40))
    assert import_videos(options(tmp_path, "a", dry_run=True)).taken == [f"{SLUGS[0]}.mkv"]
    assert not (tmp_path / "results").exists()
    first = import_videos(options(tmp_path, "a"))
    again = import_videos(options(tmp_path, "a"))
    assert (first.taken, first.known, again.taken, again.known) == ([f"{SLUGS[0]}.mkv"], [], [], [f"{SLUGS[0]}.mkv"])
    other = import_videos(options(tmp_path, "b"))
    why = "theirs@1 has another video there; --revision 2 is a row of its own"
    assert (other.taken, other.refused) == ([f"{SLUGS[1]}.mkv"], [Refusal(f"{SLUGS[0]}.mkv", why)])
    assert len(import_videos(options(tmp_path, "b", revision=2)).taken) == 2
    with pytest.raises(UsageError, match="at revision 2 already") as caught:
        import_videos(options(tmp_path, "a"))
    assert caught.value.code == "E-IMPORTED"


def test_a_row_is_known_where_its_folder_is_read_and_nowhere_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "a" / f"{SLUGS[0]}.mkv", clip(length=40))
    import_videos(options(tmp_path, "a"))
    spec = load_all(tmp_path / "results").variant("theirs")
    assert (spec.imported, spec.suites, spec.role) == (True, ("mini",), "baseline")
    with pytest.raises(CannotStart, match="cannot be made here"):
        spec.config.load("cpu")
    assert "theirs" not in load_all(tmp_path / "other").variants
    for words in (["list", "variants"], ["show", "variant", "theirs"]):
        assert run_app([*words, "--results", str(tmp_path / "results")]) == 0
        assert "theirs@1" in capsys.readouterr().out
    with pytest.raises(UsageError, match="made elsewhere") as caught:
        resolve_wishes(RunOptions("theirs", results=tmp_path / "results", redo=("theirs",)))
    assert (caught.value.code, "--revision 2" in caught.value.fix) == ("E-IMPORTED", True)
    record_path(tmp_path / "results", "theirs").write_text("{}")
    with pytest.raises(UsageError, match="not the record"):
        load_all(tmp_path / "results")


@pytest.mark.parametrize("name", ["mini-exvideo", "Theirs", "their videos"])
def test_a_name_that_is_taken_or_is_none_is_refused(tmp_path: Path, name: str) -> None:
    write(tmp_path / "a" / f"{SLUGS[0]}.mkv", clip(length=40))
    asked = options(tmp_path, "a")
    with pytest.raises(UsageError) as caught:
        import_videos(dataclasses.replace(asked, record=dataclasses.replace(asked.record, name=name)))
    assert caught.value.code == "E-IMPORTED"
    assert not (tmp_path / "results").exists()


def test_a_folder_in_use_is_not_imported_into(tmp_path: Path) -> None:
    write(tmp_path / "a" / f"{SLUGS[0]}.mkv", clip(length=40))
    with FolderLock(tmp_path / "results"), pytest.raises(CannotStart) as caught:
        import_videos(options(tmp_path, "a"))
    assert caught.value.code == "E-LOCK"


def test_a_full_disk_keeps_what_was_imported_and_the_same_command_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for index in range(3):
        write(tmp_path / "a" / f"{SLUGS[index]}.mkv", clip(index, length=40))
    calls: list[int] = []

    def full(bench: Workbench, frames: Frames, fps: int) -> tuple[str, str, int]:
        calls.append(1)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return store_master(bench, frames, fps)

    monkeypatch.setattr(importing, "store_master", full)
    with pytest.raises(CannotStart, match="after 1 videos") as caught:
        import_videos(options(tmp_path, "a"))
    assert caught.value.code == "E-DISK"
    report = import_videos(options(tmp_path, "a"))
    assert (len(report.known), len(report.taken)) == (1, 2)


def test_what_was_not_imported_is_neither_made_nor_measured_nor_compared_as_a_set(tmp_path: Path) -> None:
    spec = Record("theirs", 1, "imported", "baseline", "s", "mini").spec()
    suite = load_suite("mini").suite
    columns = [column("sharp"), column("fd", "set")]
    empty = make_plan(suite, 3, [(spec, RUNS)], columns, "reference", Have()).rows[0]
    assert (empty.make, empty.score, empty.sets, empty.absent, empty.reused, empty.to_do) == ((), {}, {}, 3, 0, False)
    keys = [unit.gen_key for unit in empty.units]
    two = Have({keys[0]: Made("v", "f"), keys[1]: Made("v", "f", present=False)})
    part = make_plan(suite, 3, [(spec, RUNS)], columns, "reference", two).rows[0]
    assert (list(part.score), part.sets, part.absent, part.make, part.reused) == ([keys[0]], {}, 1, (), 2)
    whole = Have({key: Made("v", "f") for key in keys})
    assert make_plan(suite, 3, [(spec, RUNS)], columns, "reference", whole).rows[0].sets == {"net": ("fd",)}
    lost = Have({key: Made("v", "f", present=key != keys[2]) for key in keys})
    assert make_plan(suite, 3, [(spec, RUNS)], columns, "reference", lost).rows[0].sets == {}
    seen = dataclasses.replace(lost, features={(keys[2], "key-net"): "sha"})
    assert make_plan(suite, 3, [(spec, RUNS)], columns, "reference", seen).rows[0].sets == {"net": ("fd",)}


def test_an_imported_row_never_replaces_a_plugins(tmp_path: Path) -> None:
    folder = tmp_path / "results"
    record_path(folder, "x").parent.mkdir(parents=True)
    text = '{"name": "mini-exvideo", "revision": 1, "family": "f", "role": "method", "summary": "", "suite": "mini"}'
    record_path(folder, "x").write_text(text)
    with pytest.raises(UsageError, match="cannot be an imported row"):
        load_all(folder)
    assert not REGISTRY.variants["mini-exvideo"].imported
