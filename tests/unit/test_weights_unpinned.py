"""Files that the project cannot pin: known by their bytes, remembered when they are large, fetched with company."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from harness import weights, weights_digests
from harness.errors import CannotStart
from harness.keys import sha256_bytes
from harness.model import HubSource, Needs, Weight
from harness.registry import Registry, VariantSpec
from harness.weights import missing, resolve, unpinned
from harness.weights_fetch import fetch
from harness.weights_report import choose
from tests.unit.run_helpers import Config, variant

BODY = b"weights"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A weights folder; home and the Hub's cache are empty."""
    monkeypatch.setenv("HARNESS_WEIGHTS", str(tmp_path / "weights"))
    for name in ("HOME", "HF_HOME", "HF_HUB_CACHE"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.setattr(weights, "_verified", {})
    (tmp_path / "weights").mkdir()
    return tmp_path / "weights"


def net() -> Weight:
    source = HubSource("owner/net", "unet/net.bin", beside=("unet/config.json", "plan/plan.json"))
    return unpinned("net", "net/unet/net.bin", source=source, how="harness doctor --fetch net", size=7)


def test_a_file_that_is_not_here_is_missing_and_has_no_identity(folder: Path) -> None:
    assert net().sha256 == ""
    assert missing([net()]) == [net()]


def test_a_file_is_known_by_its_bytes_wherever_it_lies(folder: Path) -> None:
    path = folder / "net" / "unet" / "net.bin"
    path.parent.mkdir(parents=True)
    path.write_bytes(BODY)
    assert (net().sha256, net().size) == (sha256_bytes(BODY), len(BODY))
    assert resolve(net()) == path


def test_the_hubs_cache_is_where_the_hubs_client_has_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = Path("models--owner--net/snapshots/main/unet/net.bin")
    for name in ("HF_HOME", "HF_HUB_CACHE"):
        monkeypatch.delenv(name)
    for variable, hub in (("HOME", ".cache/huggingface/hub"), ("XDG_CACHE_HOME", "huggingface/hub")):
        assert missing([net()])
        monkeypatch.setenv(variable, str(tmp_path / variable))
        place = tmp_path / variable / hub / file
        place.parent.mkdir(parents=True)
        place.write_bytes(BODY)
        assert resolve(net()) == place
        place.unlink()


def test_the_hubs_name_of_a_file_is_its_claim_and_the_bytes_are_held_against_it(folder: Path) -> None:
    cache = folder.parent / "home" / "models--owner--net"
    (cache / "blobs").mkdir(parents=True)
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text("abc")
    (cache / "snapshots" / "abc" / "unet").mkdir(parents=True)
    blob = cache / "blobs" / sha256_bytes(BODY)
    blob.write_bytes(BODY)
    (cache / "snapshots" / "abc" / "unet" / "net.bin").symlink_to(blob)
    assert net().sha256 == sha256_bytes(BODY)
    resolve(net())
    blob.write_bytes(b"damaged")
    assert net().sha256 == sha256_bytes(BODY)
    with pytest.raises(CannotStart) as caught:
        resolve(net())
    assert caught.value.code == "E-WEIGHTS-DIGEST"


def test_large_files_are_hashed_once_and_again_only_when_they_change(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights_digests, "LARGE_BYTES", 1)
    path = folder / "net.bin"
    path.write_bytes(BODY)
    read: list[Path] = []

    def hashing(file: Path) -> str:
        read.append(file)
        return sha256_bytes(file.read_bytes())

    monkeypatch.setattr(weights, "sha256_file", hashing)
    weight = Weight("net", "net.bin", sha256_bytes(BODY))
    for _ in range(3):
        weights._verified.clear()  # as another process
        resolve(weight)
    assert len(read) == 1
    path.write_bytes(BODY)
    os.utime(path, ns=(1, 1))
    weights._verified.clear()
    resolve(weight)
    assert len(read) == 2


@pytest.mark.parametrize("text", ["{", "[]", '{"size": 7}'])
def test_a_memory_that_cannot_be_read_is_no_memory(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights_digests, "LARGE_BYTES", 1)
    path = folder / "net.bin"
    path.write_bytes(BODY)
    weights_digests.remember(path, sha256_bytes(BODY))
    assert weights_digests.remembered(path) == sha256_bytes(BODY)
    weights_digests._place(path).write_text(text)
    assert weights_digests.remembered(path) == ""


def test_small_files_are_never_remembered(folder: Path) -> None:
    path = folder / "net.bin"
    path.write_bytes(BODY)
    weights_digests.remember(path, "0" * 64)
    assert weights_digests.remembered(path) == ""


def test_what_belongs_to_a_file_is_fetched_to_its_place_beside_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(repo: str, file: str, revision: str, local_dir: str) -> str:
        path = Path(local_dir) / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{repo}@{revision}: {file}")
        return str(path)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    assert fetch(net()) == folder / "net" / "unet" / "net.bin"
    found = {p.relative_to(folder).as_posix(): p.read_text() for p in folder.rglob("*") if p.is_file()}
    assert found == {
        "net/unet/net.bin": "owner/net@main: unet/net.bin",
        "net/unet/config.json": "owner/net@main: unet/config.json",
        "net/plan/plan.json": "owner/net@main: plan/plan.json",
    }


def test_a_gated_repository_says_how_to_get_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **named: object) -> str:
        raise OSError("401 Client Error: you must be authenticated")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", refuse)
    with pytest.raises(CannotStart) as caught:
        fetch(net())
    assert caught.value.code == "E-FETCH"
    assert "https://huggingface.co/owner/net" in caught.value.fix
    assert caught.value.fix.endswith("hf auth login")
    assert list(folder.rglob("*.bin")) == []


def test_without_a_name_nothing_is_fetched_that_only_a_gpu_can_use(folder: Path) -> None:
    def row(name: str, *, gpu: bool, weight: Weight) -> VariantSpec:
        return replace(variant(name), config=Config(Needs(weights=(weight,), gpu=gpu)))

    large = replace(net(), name="large")
    registry = Registry(variants={"a": row("a", gpu=True, weight=large), "b": row("b", gpu=False, weight=net())})
    fetched = choose(registry, ())
    assert net() in fetched
    assert large not in fetched
    assert choose(registry, ("large",)) == [large]
