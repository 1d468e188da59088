"""Where the index lies, and that one of several machines' knows what the others have added."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.paths import database, is_remote
from harness.store import Store
from tests.unit.store_helpers import STAMP, generation, keys, put

MOUNTS = """\
/dev/sda / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
/dev/sdb /home/me/fast\\040disk xfs rw 0 0
lustre@tcp:/scratch /scratch lustre rw 0 0
"""


@pytest.mark.parametrize(
    ("place", "remote"),
    [
        *(("/results", False), ("/home/me/results", True), ("/home/me/fast disk/results", False)),
        *(("/scratch", True), ("/scratch2", False)),
    ],
)
def test_a_path_is_on_what_is_mounted_deepest(tmp_path: Path, place: str, remote: bool) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(MOUNTS)
    assert is_remote(Path(place), mounts) is remote
    assert is_remote(Path(place), tmp_path / "none") is False


def test_the_index_is_in_the_folder_unless_that_is_remote_or_the_variable_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HARNESS_CACHE", raising=False)
    assert database(tmp_path / "a") == tmp_path / "a" / "cache" / "harness.duckdb"
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "local"))
    first, second = database(tmp_path / "a"), database(tmp_path / "b")
    assert first.is_relative_to(tmp_path / "local")
    assert first != second
    monkeypatch.delenv("HARNESS_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr("harness.paths.is_remote", lambda path: True)
    assert database(tmp_path / "a").is_relative_to(tmp_path / "home" / ".cache" / "exvideo-bench")


def test_an_index_learns_what_another_machine_has_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = tmp_path / "results"

    def add(machine: str, name: str) -> None:
        monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / machine))
        put(results, {**generation(results, name), **STAMP})
        with Store(results) as store:
            store.ingest_spool()

    add("one", "a")
    add("two", "b")
    for machine in ("one", "two"):
        monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / machine))
        for opened in range(2):
            with Store(results) as store:
                assert sorted(store.have_generations(keys("a", "b"))) == ["a", "b"]
                assert (store.rebuilt is not None) is (machine == "one" and opened == 0)
    assert not (results / "cache").exists()
