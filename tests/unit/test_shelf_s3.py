"""A bucket of a local S3 server as the second place for artefacts: the whole way of a run through it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness.model import frames_digest
from harness.paths import feature_relpath, video_relpath
from harness.published_at import readable, writable
from harness.scoring import load_rows, open_master, store_rows
from harness.shelf import local, set_shelf, shelf_of
from harness.store import Store
from tests.unit.bench_helpers import bench
from tests.unit.run_helpers import frames
from tests.unit.store_helpers import STAMP, generation, keys, put

pytestmark = pytest.mark.slow


def test_a_folder_whose_copies_are_gone_reads_everything_from_the_bucket(tmp_path: Path, bucket: str) -> None:
    import numpy as np

    set_shelf(tmp_path, bucket)
    video, digest, size = store_master(tmp_path)
    rows = np.ones((2, 3), np.float32)
    sha = store_rows(tmp_path, rows)
    whole = generation(tmp_path, "a", video_sha256=video, relpath=video_relpath(video), frames_sha256=digest)
    put(tmp_path, {**whole, "video_bytes": size, **STAMP})
    for copies in ("videos", "features"):
        shutil.rmtree(tmp_path / copies)
    with Store(tmp_path) as store:
        assert store.ingest_spool().refused == ()
        assert list(store.have_generations(keys("a"))) == ["a"]
    assert frames_digest(open_master(tmp_path, video, digest)) == digest
    assert np.array_equal(load_rows(local(tmp_path, feature_relpath(sha)), sha), rows)
    shelf = shelf_of(tmp_path)
    assert shelf
    assert {video_relpath(video), feature_relpath(sha)} <= shelf.names()

    with writable(f"{bucket}/published") as folder:
        (folder / "mini-1").mkdir()
        (folder / "mini-1" / "a-1.json").write_text("{}")
    with readable([f"{bucket}/published"]) as (fetched,):
        assert (fetched / "mini-1" / "a-1.json").read_text() == "{}"


def store_master(results: Path) -> tuple[str, str, int]:
    from harness.generating import store_master

    return store_master(bench(results), frames(), 10)
