"""What is checked, and what is advised."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness import doctor, doctor_weights
from harness.findings import Finding
from harness.machine import Gpu, Machine
from harness.model import HubSource, Needs, Weight
from harness.plugin_errors import Broken
from harness.registry import Registry
from harness.suite import load_suite
from harness.wishes import why_skip
from tests.unit.run_helpers import Config, variant

WEIGHT = Weight("net", "/nonexistent/net.safetensors", "0" * 64, how="make net")
BIG = Needs(gpu=True, vram_bytes=10**11, min_size=128, max_frames=128)
CARD = Gpu(0, "card", 24 * 10**9, 20 * 10**9)


def states(monkeypatch: pytest.MonkeyPatch, machine: Machine, needs: Needs | None) -> dict[str, str]:
    monkeypatch.setattr(doctor, "look", lambda: machine)
    spec = None if needs is None else replace(variant("a"), config=Config(needs))
    registry = Registry(variants={"a": spec or variant("a")}, broken=[Broken("mine.py", "line 3: NameError")])
    return {f.name: f.state for f in doctor.examine(registry, spec, Path("results"))}


def test_a_machine_without_gpu_is_fine_for_rows_that_need_none(monkeypatch: pytest.MonkeyPatch) -> None:
    found = states(monkeypatch, Machine((), "2.9.0", False), None)
    assert found["CUDA"] == "ok"
    assert found["ffv1"] == "ok"
    assert found["plugin mine.py"] == "warning"


@pytest.mark.parametrize(
    ("machine", "needs", "state"),
    [
        (Machine((), "2.9.0", False), Needs(gpu=True), "missing"),
        (Machine((CARD,), "2.9.0+cpu", False), Needs(gpu=True), "missing"),
        (Machine((CARD,), "2.9.0+cpu", False), Needs(), "warning"),
        (Machine((CARD,), "2.9.0", True), Needs(gpu=True, vram_bytes=10**9), "ok"),
        (Machine((CARD,), "2.9.0", True), Needs(gpu=True, vram_bytes=10**11), "missing"),
    ],
)
def test_the_gpu_is_held_against_what_a_row_needs(
    monkeypatch: pytest.MonkeyPatch, machine: Machine, needs: Needs, state: str
) -> None:
    assert states(monkeypatch, machine, needs)["CUDA"] == state


def test_what_is_advised_for_too_small_a_gpu_is_a_run_that_gets_past_planning(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    small, spec = Machine((CARD,), "2.9.0", True), replace(variant("a"), config=Config(BIG))
    monkeypatch.setattr(doctor, "look", lambda: small)
    cuda = next(f for f in doctor.examine(Registry(variants={"a": spec}), spec, tmp_path) if f.name == "CUDA")
    command = cuda.remedy.partition("or: ")[2].split()
    assert command == ["harness", "run", "--suite", "exvideo-128", "--variants", "a", "--offload"]
    skips = [
        why_skip(spec, small, load_suite(name), lambda times: False, offload=True) for name in (command[3], "mini")
    ]
    assert [bool(skip.reason) for skip in skips] == [False, True]


def found(monkeypatch: pytest.MonkeyPatch, *weights: Weight) -> dict[str, Finding]:
    monkeypatch.setattr(doctor, "look", lambda: Machine((), "2.9.0", False))
    spec = replace(variant("a"), config=Config(Needs(weights=weights)))
    findings = doctor.examine(Registry(variants={"a": spec}), spec, Path("results"))
    return {finding.name: finding for finding in findings}


GATED = Weight(
    "svd",
    "nowhere/svd.safetensors",
    "",
    how="harness doctor --fetch svd",
    source=HubSource("some/model", "svd.safetensors", gated=True),
    size=3_000_000_000,
    licence="theirs",
)


def test_a_missing_file_is_told_with_its_size_source_licence_and_command(monkeypatch: pytest.MonkeyPatch) -> None:
    file = found(monkeypatch, GATED)["weights svd"]
    assert (file.state, file.remedy) == ("missing", "harness doctor --fetch svd")
    assert file.detail == "3.0 GB · Hub some/model@main: svd.safetensors · licence: theirs"


def test_a_gated_repository_is_told_with_how_to_get_in(monkeypatch: pytest.MonkeyPatch) -> None:
    licence = found(monkeypatch, GATED)["licence some"]
    assert licence.state == "warning"
    assert "https://huggingface.co/some/model" in licence.detail
    assert "hf auth login" in licence.remedy


@pytest.mark.parametrize(("free", "state"), [(4_000_000_000, "ok"), (2_000_000_000, "missing")])
def test_disk_and_memory_are_held_against_the_weights(monkeypatch: pytest.MonkeyPatch, free: int, state: str) -> None:
    monkeypatch.setattr(doctor_weights, "free_bytes", lambda folder: free)
    monkeypatch.setattr(doctor_weights, "available_memory", lambda: free)
    findings = found(monkeypatch, GATED)
    assert findings["disk for weights"].state == findings["memory"].state == state
    assert "3.0 GB" in findings["memory"].detail


def test_where_memory_cannot_be_told_it_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor_weights, "MEMINFO", tmp_path / "none")
    assert found(monkeypatch, GATED)["memory"].state == "warning"


def test_files_without_a_source_ask_for_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not {"disk for weights", "memory"} & found(monkeypatch, WEIGHT).keys()


def test_missing_weights_and_torch_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    found = states(monkeypatch, Machine((), "", False), Needs(weights=(WEIGHT,)))
    assert found["weights net"] == "missing"
    assert found["torch"] == "missing"
