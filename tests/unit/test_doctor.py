"""What is checked, and what is advised."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness import doctor
from harness.machine import Gpu, Machine
from harness.model import Needs, Weight
from harness.registry import Broken, Registry
from tests.unit.run_helpers import Config, variant

WEIGHT = Weight("net", "/nonexistent/net.safetensors", "0" * 64, how="make net")
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


def test_missing_weights_and_torch_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    found = states(monkeypatch, Machine((), "", False), Needs(weights=(WEIGHT,)))
    assert found["weights net"] == "missing"
    assert found["torch"] == "missing"
