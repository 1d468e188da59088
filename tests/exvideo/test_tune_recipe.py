"""`recipes/mini/tune.sh` trains what the registry's rows say they are, for each of the two training seeds."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import asdict
from pathlib import Path

from harness import registry
from harness.registry import VariantSpec
from tests.unit.fresh import registry_apart

ROOT = Path(__file__).parents[2]
RECIPES = ROOT / "recipes" / "mini"
FACTORIAL = {"exvideo", "no-conv", "pos-static", "temporal-only"}
# Stands in for the command: writes down how it was called, and leaves the files that the script waits for.
RECORDER = """#!/bin/sh
echo "$@" >> "$CALLS"
while [ $# -gt 1 ]; do
    case $1 in --out|--cache) : > "$2";; esac
    shift
done
"""


def trainings(folder: Path, *arguments: str) -> dict[str, tuple[str, bool, str]]:
    """Seed, convolution and positions of every training that the script starts, by the name of its file."""
    tool = folder / "harness"
    tool.write_text(RECORDER)
    tool.chmod(0o755)
    calls = folder / "calls"
    env = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "CALLS": str(calls)}
    subprocess.run([RECIPES / "tune.sh", folder / "out", *arguments], env=env, cwd=ROOT, check=True, timeout=60)
    found = {}
    for line in calls.read_text().splitlines():
        flags = dict(re.findall(r"--(\S+) (\S+)", line))
        found[Path(flags["out"]).stem] = (flags["seed"], flags["conv"] == "identity", flags["positions"])
    return found


def rows(family: str) -> dict[str, VariantSpec]:
    """The tuned rows of a family, by checkpoint."""
    specs = registry.load_plugins().variants.values()
    return {s.config.checkpoint: s for s in specs if s.family == family and getattr(s.config, "checkpoint", None)}


def test_every_tuned_row_is_trained_as_it_says(tmp_path: Path) -> None:
    expected = {name: ("0", spec.config.conv, spec.config.positions) for name, spec in rows("mini").items()}
    assert trainings(tmp_path) == expected


def test_the_second_seed_trains_the_factorial_rows(tmp_path: Path) -> None:
    with registry_apart():
        registry.load_plugins([RECIPES / "second_seed.py"])
        second, first = rows("mini-seed1"), rows("mini")
    expected = {name: ("1", spec.config.conv, spec.config.positions) for name, spec in second.items()}
    assert trainings(tmp_path, "600", "1") == expected
    assert {name.removeprefix("mini-seed1-") for name in second} == FACTORIAL
    for name, spec in second.items():
        twin = first[name.replace("-seed1", "")]
        assert spec.factors == twin.factors
        assert spec.role == twin.role
        assert {**asdict(spec.config), "checkpoint": ""} == {**asdict(twin.config), "checkpoint": ""}
