"""Where comparisons get feature rows from: the index, and only what a metric can take."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from harness.aggregating import cache_key, write_blocks
from harness.compare_load import Library, Source, common_features
from harness.errors import ItemError
from harness.export import unread, wanted_videos
from harness.keys import MetricKey, sha256_bytes
from harness.model import Needs, generation_key
from harness.paths import feature_relpath, reference_relpath
from harness.queries import StoredFeatures
from harness.registry import ExtractorSpec, MetricSpec, VariantSpec
from harness.store import Store
from tests.unit.results import Made, suite

SUITE = suite(4, (0, 1))
EXTRACTOR = ExtractorSpec("net", 1, "", (), lambda device: lambda frames: np.zeros((1, 2), np.float32), "x.py")
METRIC = MetricSpec("fd", 1, "lower", "", "", lambda a, b: 0.0, "x.py", scope="set", extractor="net")


@dataclass(frozen=True)
class Config:
    def needs(self) -> Needs:
        return Needs()


def library(results: Path) -> Library:
    """What `common_features` reads of a library: folder, suite and extractors."""
    registry = SimpleNamespace(extractor=lambda name: EXTRACTOR)
    loaded = SimpleNamespace(suite=SUITE, reference_key="ref")
    return cast(Library, SimpleNamespace(results=results, registry=registry, suite=loaded))


def source(results: Path, name: str, without: tuple[str, int] | None = None) -> Source:
    from safetensors.numpy import save

    table = {}
    for number, item in enumerate(SUITE.items):
        for seed in SUITE.seeds:
            body = save({"rows": np.full((2, 2), 10 * number + seed, np.float32)})
            sha256 = sha256_bytes(body)
            path = results / feature_relpath(sha256)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)
            if (item.slug, seed) != without:
                table[item.slug, seed] = StoredFeatures("g", "e", sha256, "", 2, 2)
    return Source(Made(SUITE).result(name, {}), {"net": table})


def reference(results: Path, clips: int) -> None:
    path = results / reference_relpath(cache_key("ref", EXTRACTOR))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_blocks(path, [(f"clip-{i}", np.full((3, 2), i, np.float32)) for i in range(clips)])


def test_rows_are_those_of_items_complete_on_both_sides_and_of_as_many_clips(tmp_path: Path) -> None:
    reference(tmp_path, 9)
    sources = source(tmp_path, "a"), source(tmp_path, "b", without=("001", 1))
    found = common_features(library(tmp_path), METRIC, sources)
    assert found is not None
    (first, second), real = found
    assert np.unique(first.groups).tolist() == ["000", "002", "003"]
    assert np.array_equal(first.groups, second.groups)
    assert first.rows[:, 0].tolist() == [0, 0, 1, 1, 20, 20, 21, 21, 30, 30, 31, 31]
    assert np.unique(real.groups).tolist() == ["clip-0", "clip-1", "clip-2"]


def test_a_column_that_no_installed_metric_reads_is_named_with_the_reason(tmp_path: Path) -> None:
    installed = {MetricKey("new"): replace(METRIC, name="warp"), MetricKey("k"): replace(METRIC, name="cuts")}
    on_record = {("old", "warp@1"), ("k", "cuts@1"), ("older", "cuts@1"), ("gone", "rate@1")}
    store = cast(Store, SimpleNamespace(columns=lambda videos, sets: on_record))
    spec = VariantSpec("x", 1, "mini", "method", "", Config(), "x.py")
    assert unread(store, SUITE, spec, installed) == {
        "warp@1": "on record under another key than the installed metric's: harness run measures it again",
        "rate@1": "on record, of a metric or version that is not installed",
    }


def test_a_row_is_asked_once_for_what_its_key_is_made_of(tmp_path: Path) -> None:
    asked: list[int] = []

    class Counting(Config):
        def needs(self) -> Needs:
            asked.append(1)
            return Needs()

    spec = VariantSpec("x", 1, "mini", "method", "", Counting(), "x.py")
    found = wanted_videos(SUITE, spec)
    assert len(asked) == 1, "hashing weights for every video made loading take minutes"
    assert list(found.values()) == [(item, seed) for item in SUITE.items for seed in SUITE.seeds]
    item, seed = SUITE.items[1], SUITE.seeds[1]
    assert list(found)[3] == generation_key(spec.key, item.key, seed, SUITE.protocol.key)


@pytest.mark.parametrize(("clips", "least"), [(2, 0), (9, 5)])
def test_without_enough_clips_or_items_there_is_nothing_to_test(tmp_path: Path, clips: int, least: int) -> None:
    reference(tmp_path, clips)
    metric: Any = replace(METRIC, min_items=least)
    assert common_features(library(tmp_path), metric, (source(tmp_path, "a"), source(tmp_path, "b"))) is None


def test_a_feature_file_that_is_gone_is_an_error_with_a_code(tmp_path: Path) -> None:
    reference(tmp_path, 9)
    a, b = source(tmp_path, "a"), source(tmp_path, "b")
    for path in (tmp_path / "features").rglob("*.safetensors"):
        path.unlink()
    with pytest.raises(ItemError) as caught:
        common_features(library(tmp_path), METRIC, (a, b))
    assert caught.value.code == "E-FEATURES"
