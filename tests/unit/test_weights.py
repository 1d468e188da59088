"""Weights: found where they should be, and refused when they are not what they claim."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import weights
from harness.errors import CannotStart
from harness.keys import sha256_bytes
from harness.model import Weight
from harness.weights import missing, resolve, shipped


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An importable package ``shipping`` with one listed weight file."""
    folder = tmp_path / "shipping"
    (folder / "weights" / "mini").mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "weights" / "mini" / "a.safetensors").write_bytes(b"aaa")
    manifest = {"weights/mini/a.safetensors": sha256_bytes(b"aaa"), "weights/mini/gone.safetensors": "0" * 64}
    (folder / "weights" / "manifest.json").write_text(json.dumps(manifest))
    monkeypatch.syspath_prepend(tmp_path)
    weights._manifest.cache_clear()
    yield folder
    sys.modules.pop("shipping", None)
    weights._manifest.cache_clear()


def test_a_listed_file_resolves(package: Path) -> None:
    weight = shipped("shipping", "weights/mini/a.safetensors", how="make it")
    assert (weight.name, weight.sha256) == ("a", sha256_bytes(b"aaa"))
    assert resolve(weight) == package / "weights" / "mini" / "a.safetensors"
    assert missing([weight]) == []


def test_a_changed_file_is_refused(package: Path) -> None:
    weight = shipped("shipping", "weights/mini/a.safetensors")
    resolve(weight)
    (package / "weights" / "mini" / "a.safetensors").write_bytes(b"other")
    with pytest.raises(CannotStart) as caught:
        resolve(weight)
    assert caught.value.code == "E-WEIGHTS-DIGEST"
    assert sha256_bytes(b"other")[:12] in caught.value.why
    assert sha256_bytes(b"aaa")[:12] in caught.value.why


def test_a_missing_file_says_where_it_was_looked_for_and_how_to_make_it(package: Path) -> None:
    weight = shipped("shipping", "weights/mini/gone.safetensors", how="harness posttune gone")
    assert weight.sha256 == "0" * 64
    assert missing([weight]) == [weight]
    with pytest.raises(CannotStart) as caught:
        resolve(weight)
    assert caught.value.code == "E-WEIGHTS"
    assert caught.value.fix == "harness posttune gone"
    assert str(package) in caught.value.where


def test_a_file_that_nobody_listed_is_identified_by_its_bytes(package: Path) -> None:
    never = shipped("shipping", "weights/mini/new.safetensors", name="new", how="harness posttune new")
    assert (never.sha256, missing([never])) == ("", [never])
    (package / "weights" / "mini" / "new.safetensors").write_bytes(b"first")
    first = shipped("shipping", "weights/mini/new.safetensors")
    assert first.sha256 == sha256_bytes(b"first")
    assert resolve(first).read_bytes() == b"first"
    (package / "weights" / "mini" / "new.safetensors").write_bytes(b"another")
    assert shipped("shipping", "weights/mini/new.safetensors").sha256 == sha256_bytes(b"another")


def test_a_package_without_a_manifest_ships_nothing(package: Path) -> None:
    (package / "weights" / "manifest.json").unlink()
    assert shipped("shipping", "weights/mini/gone.safetensors").sha256 == ""


@pytest.mark.parametrize("text", ["{", "[]", '{"a": 1}'])
def test_a_damaged_manifest_is_reported(package: Path, text: str) -> None:
    (package / "weights" / "manifest.json").write_text(text)
    with pytest.raises(CannotStart) as caught:
        shipped("shipping", "weights/mini/a.safetensors")
    assert caught.value.code == "E-WEIGHTS"
    assert "manifest.json" in caught.value.where


def test_the_order_of_the_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, here, named = tmp_path / "home", tmp_path / "here", tmp_path / "named"
    places = [named, here / "weights", home / ".cache" / "exvideo-bench" / "weights"]
    for folder in (here, *places):
        folder.mkdir(parents=True)
    monkeypatch.chdir(here)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("HARNESS_WEIGHTS", str(named))
    weight = Weight("x", "x.bin", sha256_bytes(b"x"))
    assert missing([weight]) == [weight]
    for folder in reversed(places):
        (folder / "x.bin").write_bytes(b"x")
        assert resolve(weight).resolve() == folder / "x.bin"


def test_an_absolute_path_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(b"x")
    assert resolve(Weight("x", str(tmp_path / "x.bin"), "")) == tmp_path / "x.bin"


def test_an_unchanged_file_is_hashed_once(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[Path] = []

    def count(path: Path) -> str:
        hashed.append(path)
        return sha256_bytes(path.read_bytes())

    monkeypatch.setattr(weights, "sha256_file", count)
    weight = shipped("shipping", "weights/mini/a.safetensors")
    file = package / "weights" / "mini" / "a.safetensors"
    os.utime(file, ns=(1, 1))
    for _ in range(3):
        resolve(weight)
    assert len(hashed) == 1
    os.utime(file, ns=(2, 2))
    resolve(weight)
    assert len(hashed) == 2
