"""The shipped mini family: weights that are what the manifest and the rows say, and rows that make videos."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.registry import VariantSpec, load_plugins
from harness.weights import missing, resolve
from tests.e2e.conftest import Cli

PACKAGES = {"harness.variants": "variants", "harness.metrics": "metrics"}
ROOT = Path(__file__).resolve().parents[2]


def mini_rows() -> list[VariantSpec]:
    return [spec for spec in load_plugins().variants.values() if spec.family == "mini"]


def runnable() -> list[VariantSpec]:
    return [spec for spec in mini_rows() if not missing(spec.config.needs().weights)]


def tuned() -> list[VariantSpec]:
    return [spec for spec in runnable() if spec.role in ("method", "ablation")]


def test_the_base_is_shipped() -> None:
    assert {"mini-svd-direct", "mini-svd-reflect", "mini-svd-window"} <= {spec.name for spec in runnable()}


@pytest.mark.parametrize("folder", sorted(PACKAGES.values()))
def test_the_manifest_names_exactly_the_files_that_are_there(folder: str) -> None:
    package = ROOT / folder
    listed = set(json.loads((package / "weights" / "manifest.json").read_text()))
    found = {p.relative_to(package).as_posix() for p in (package / "weights").rglob("*.safetensors")}
    assert listed == found


@pytest.mark.parametrize("spec", runnable(), ids=lambda spec: spec.name)
def test_every_shipped_weight_has_the_listed_digest(spec: VariantSpec) -> None:
    for weight in spec.config.needs().weights:
        assert resolve(weight).is_file()


@pytest.mark.parametrize("spec", tuned(), ids=lambda spec: spec.name)
def test_a_checkpoint_holds_what_its_row_says(spec: VariantSpec) -> None:
    from harness.exvideo.base import backbone_digest
    from harness.exvideo.checkpoint import read_header

    row = spec.config
    header = read_header(resolve(row.tuned_weight()))
    assert header.config.conv == ("identity" if row.conv else "none")
    assert header.config.positions == row.positions
    assert header.config.num_frames == row.num_frames
    assert header.base == backbone_digest(ROOT / "variants" / "weights" / "mini" / "base")
    assert row.provenance()["trainable_parameters"] > 1_000_000


@pytest.mark.slow
def test_every_runnable_row_makes_and_scores_a_video_and_makes_the_same_one_again(cli: Cli) -> None:
    names = ",".join(spec.name for spec in runnable())
    frames = []
    for folder in ("first", "second"):
        chosen = names if folder == "first" else "mini-svd-direct"
        done = cli("run", "--variants", chosen, "--limit", "1", "--metrics", "warp_error", "--results", folder)
        assert done.returncode == 0, done.stderr
        envelopes = [
            json.loads(line)
            for path in (cli.folder / folder / "spool").rglob("done-*.jsonl")
            for line in path.read_text().splitlines()
        ]
        frames.append({e["gen_key"]: e["frames_sha256"] for e in envelopes if e["kind"] == "generation"})
    assert len(frames[0]) == len(runnable())
    assert len(set(frames[0].values())) == len(runnable())
    assert frames[1].items() <= frames[0].items()
