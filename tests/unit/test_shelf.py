"""Artefacts under a URL: whatever the place, a folder whose copies are gone reads the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from harness.errors import CannotStart, ItemError
from harness.paths import database, feature_relpath, video_relpath
from harness.published_at import is_url, readable, writable
from harness.scoring import load_rows, open_master, store_rows
from harness.shelf import FILE, Shelf, keep, local, set_shelf, shelf_of
from harness.store import Store
from tests.unit.run_helpers import frames
from tests.unit.store_helpers import contents, features, generation, keys, put, scores


@pytest.fixture(params=["memory", "file"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    yield f"memory://{tmp_path.name}/shelf" if request.param == "memory" else (tmp_path / "shelf").as_uri()
    fsspec.filesystem("memory").store.clear()


def test_what_is_kept_can_be_fetched_where_the_copy_is_gone(tmp_path: Path, url: str) -> None:
    set_shelf(tmp_path, url)
    path = tmp_path / video_relpath("ab12")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"a video")
    keep(tmp_path, video_relpath("ab12"))
    path.unlink()
    assert local(tmp_path, video_relpath("ab12")).read_bytes() == b"a video"
    assert not local(tmp_path, video_relpath("cd34")).exists()
    shelf = shelf_of(tmp_path)
    assert shelf
    assert video_relpath("ab12") in shelf.names()


def test_without_a_shelf_nothing_leaves_the_folder(tmp_path: Path) -> None:
    keep(tmp_path, "videos/absent.mkv")
    assert not local(tmp_path, "videos/absent.mkv").exists()
    assert shelf_of(tmp_path) is None


def test_a_folder_gets_one_shelf_and_brings_what_it_has(tmp_path: Path, url: str) -> None:
    made = generation(tmp_path, "a")
    set_shelf(tmp_path, url)
    set_shelf(tmp_path, url)
    assert (tmp_path / FILE).read_text().strip() == url
    (tmp_path / made["relpath"]).unlink()
    assert local(tmp_path, made["relpath"]).read_bytes() == b"a"
    with pytest.raises(CannotStart, match="are under") as caught:
        set_shelf(tmp_path, "memory://elsewhere")
    assert caught.value.code == "E-ARTEFACTS"


def test_the_index_counts_what_is_on_the_shelf_and_is_rebuilt_from_it(tmp_path: Path, url: str) -> None:
    set_shelf(tmp_path, url)
    payloads = [generation(tmp_path, "a"), generation(tmp_path, "b"), scores("a"), features(tmp_path, "a")]
    for payload in payloads[:1] + payloads[3:]:
        keep(tmp_path, payload["relpath"])
    put(tmp_path, *payloads)
    with Store(tmp_path) as store:
        store.ingest_spool()
        before = contents(store)
    for payload in (payloads[0], payloads[1], payloads[3]):
        (tmp_path / payload["relpath"]).unlink()
    with Store(tmp_path) as store:
        assert list(store.have_generations(keys("a", "b"))) == ["a"], "b was never uploaded"
        assert len(store.features(["a"])) == 1
    (tmp_path / "cache" / "harness.duckdb").unlink()
    with Store(tmp_path) as store:
        assert [row["gen_key"] for row in contents(store)["generations"]] == ["a"]
        assert contents(store)["features"] == before["features"]


def test_masters_and_rows_are_read_through_it(tmp_path: Path, url: str) -> None:
    import numpy as np

    from harness.generating import store_master
    from tests.unit.bench_helpers import bench

    set_shelf(tmp_path, url)
    video, digest, _ = store_master(bench(tmp_path), frames(), 10)
    rows = np.ones((2, 3), np.float32)
    sha = store_rows(tmp_path, rows)
    for relpath in (video_relpath(video), feature_relpath(sha)):
        (tmp_path / relpath).unlink()
    assert np.array_equal(open_master(tmp_path, video, digest), frames())
    assert np.array_equal(load_rows(local(tmp_path, feature_relpath(sha)), sha), rows)


def test_a_shelf_that_is_away_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    place, results = tmp_path / "shelf", tmp_path / "results"
    set_shelf(results, place.as_uri())
    made = [generation(results, name) for name in "ab"]
    for payload in made:
        keep(results, payload["relpath"])
        (results / payload["relpath"]).unlink()
    put(results, *made)
    with Store(results) as store:
        assert len(store.have_generations(keys("a", "b"))) == 2
    place.rename(tmp_path / "elsewhere")
    for mounted in (False, True):  # gone, or an empty folder where it is mounted
        if mounted:
            place.mkdir()
        with Store(results) as store, pytest.raises(CannotStart, match="not there") as caught:
            store.have_generations(keys("a", "b"))
        assert caught.value.code == "E-ARTEFACTS"
        with pytest.raises(ItemError, match="could not be uploaded"):
            keep(results, generation(results, "c")["relpath"])
        assert not place.exists() or not list(place.iterdir()), "no second shelf begins there"
        (results / generation(results, "c")["relpath"]).unlink()
    database(results).unlink()
    with pytest.raises(CannotStart, match="not there"), Store(results):
        pass
    place.rmdir()
    (tmp_path / "elsewhere").rename(place)
    with Store(results) as store:
        assert list(store.have_generations(keys("a", "b"))) == ["a", "b"], "and is made again when it is back"


class Broken:
    """A file system where nothing arrives."""

    def __getattr__(self, name: str) -> Any:
        raise ConnectionError("no route to host")


def test_what_cannot_be_moved_is_tried_again_and_what_cannot_be_opened_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Shelf, "_place", (Broken(), "root"))
    (tmp_path / "x").write_bytes(b"x")
    shelf = Shelf("s3://bucket")
    for move in (lambda: shelf.put(tmp_path, "x"), lambda: shelf.fetch(tmp_path, "x")):
        with pytest.raises(ItemError) as failed:
            move()
        assert (failed.value.code, failed.value.retryable) == ("E-ARTEFACTS", True)
    for look in (shelf.names, shelf.check):
        with pytest.raises(CannotStart, match="cannot be used"):
            look()


def test_an_address_of_no_known_kind_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(CannotStart) as caught:
        set_shelf(tmp_path, "nosuch://place/x")
    assert "pip install" in caught.value.fix
    assert not (tmp_path / FILE).exists()


@pytest.mark.parametrize("url", ["here/below", "://x", ":", "/elsewhere"])
def test_a_path_is_no_address_and_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CannotStart, match="cannot be used") as caught:
        set_shelf(tmp_path / "results", url)
    assert caught.value.code == "E-ARTEFACTS"
    assert "file://" in (caught.value.why or "")
    assert not list(tmp_path.rglob("*"))


def test_an_upload_that_arrives_in_part_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Shelf, "_size", lambda self, remote: 3)
    (tmp_path / "x").write_bytes(b"12345")
    with pytest.raises(ItemError, match="could not be uploaded") as caught:
        Shelf(f"memory://{tmp_path.name}").put(tmp_path, "x")
    assert "3 of 5 bytes arrived" in caught.value.why


def test_result_files_go_to_an_address_and_come_from_it(tmp_path: Path, url: str) -> None:
    assert (is_url(url), is_url(tmp_path)) == (True, False)
    with writable(url) as folder:
        (folder / "mini-1").mkdir()
        (folder / "mini-1" / "a-1.json").write_text("{}")
    with readable([url, f"{url}/mini-1/a-1.json", tmp_path]) as (whole, one, same):
        assert (whole / "mini-1" / "a-1.json").read_text() == "{}"
        assert (one / "a-1.json").read_text() == "{}"
        assert same == tmp_path
    with pytest.raises(CannotStart, match="cannot be used"), readable([url + "/absent"]):
        pass
    with writable(tmp_path / "here") as folder:
        assert folder == tmp_path / "here"


def test_nothing_is_written_when_an_export_fails(url: str) -> None:
    class StopError(Exception):
        pass

    def export() -> None:
        with writable(url) as folder:
            (folder / "a.json").write_text("{}")
            raise StopError

    with pytest.raises(StopError):
        export()
    filesystem, root = fsspec.core.url_to_fs(url)
    assert not filesystem.exists(f"{root}/a.json")
