"""The shipped mini family: weights that are what the manifest and the rows say, and rows that make videos."""

from __future__ import annotations

import json
from functools import cache, partial
from pathlib import Path

import pytest

from harness.generating import check_frames
from harness.model import Request, frames_digest
from harness.noise import make_noise
from harness.registry import VariantSpec, load_plugins
from harness.suite import load_suite
from harness.weights import missing, resolve

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


@cache
def made(name: str, suite: Path) -> str:
    """The digest of the frames that a row makes of the first item, in this process."""
    loaded = load_suite(str(suite))
    (item,) = loaded.suite.items
    real = partial(loaded.real, item)
    request = Request(item, 0, loaded.suite.protocol, loaded.image(item), make_noise(item.key, 0), real, real)
    config = load_plugins().variant(name).config
    return frames_digest(check_frames(config.load("cpu").generate(request), loaded.suite.protocol, name))


@pytest.mark.slow
@pytest.mark.parametrize("spec", runnable(), ids=lambda spec: spec.name)
def test_every_runnable_row_makes_a_video_of_its_own(spec: VariantSpec, short: Path) -> None:
    videos = {row.name: made(row.name, short) for row in runnable()}
    assert [name for name, digest in videos.items() if digest == videos[spec.name]] == [spec.name]


@pytest.mark.slow
def test_the_number_of_threads_changes_no_byte_of_a_models_video(short: Path) -> None:
    import torch

    first, before = made("mini-svd-direct", short), torch.get_num_threads()
    try:
        torch.set_num_threads(1 if before > 1 else 2)
        assert made.__wrapped__("mini-svd-direct", short) == first
    finally:
        torch.set_num_threads(before)
