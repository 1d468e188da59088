"""The family of set metrics: two columns a network and windowing, whose names, keys and limits are contracts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness import registry
from harness.frechet import frechet_distance, grouped_kernel_distance
from harness.metrics._distances import frechet_and_kernel
from harness.model import Features
from harness.registry import MetricSpec, load_plugins, source_digest

PAIRS = [
    (spec, load_plugins().metric(spec.beside))
    for spec in load_plugins().metrics.values()
    if spec.scope == "set" and spec.beside.startswith("kvd_")
]


def sets() -> tuple[Features, Features]:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(35), 2).astype(np.str_)
    first, second = (Features(rng.normal(size=(70, 5)), groups) for _ in range(2))
    return first, second


def test_every_network_has_both_distances() -> None:
    names = {spec.name for pair in PAIRS for spec in pair}
    assert {"fvd", "fvd_w16", "fvd_128f_s8", "fd_world", "fd_efflite0"} <= names
    assert {"kvd_i3d", "kvd_i3d_w16", "kvd_i3d_128f_s8", "kvd_world", "kvd_efflite0"} <= names


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair[0].label)
def test_the_columns_are_the_two_distances(pair: tuple[MetricSpec, MetricSpec]) -> None:
    frechet, kernel = pair
    a, b = sets()
    assert frechet.function(a, b) == frechet_distance(a.rows, b.rows)
    assert kernel.function(a, b) == grouped_kernel_distance(a, b)
    assert (frechet.biased, kernel.biased) == (True, False)
    assert (frechet.extractor, kernel.min_items) == (kernel.extractor, 0)
    assert frechet.aspect == kernel.aspect == "quality"
    shared = {key: value for key, value in frechet.params.items() if key != "items"}
    assert {key: value for key, value in kernel.params.items() if key != "kernel"} == shared


def test_columns_belong_to_the_file_that_asks_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    held = registry.Registry()
    monkeypatch.setattr(registry, "REGISTRY", held)
    frechet_and_kernel(
        __name__, "fd_x@1", "kvd_x@3", extractor="x", params={"a": 1}, judges="quality", of="x", literature_items=99
    )
    frechet, kernel = held.metric("fd_x"), held.metric("kvd_x")
    assert Path(frechet.source) == Path(kernel.source) == Path(__file__)
    assert source_digest(frechet)
    assert (frechet.label, kernel.label, frechet.beside) == ("fd_x@1", "kvd_x@3", "kvd_x")
    assert (frechet.min_items, frechet.params) == (99, {"a": 1, "items": 99})


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("adjacent_mae", "40ee67ebf413c37b8f84772288a0090e"),
        ("colour_drift", "77762c3633003f76ce2ee3d245cfba83"),
        ("dup_frac", "d5614beb4b5d6d76e2059e8aea0dfff3"),
        ("dynamic_rate", "e897c27b3f4df3c707d781647330ffc4"),
        ("fd_efflite0", "a5300c79a387357d116255141e9c4558"),
        ("fd_motion_hist", "773f20e9875bb48f8e093055a6c0b31e"),
        ("fd_world", "fa6d9e3c8a007a65f1af09c1d00c2c9d"),
        ("ff_psnr", "f49203d6c2a66312313c1c628565d46c"),
        ("ff_ssim", "8c9510c0ea42d8fdd4984f0eb0fab6e1"),
        ("flow_smoothness", "48796d219f86cf8388e49e5d4e847018"),
        ("kvd_efflite0", "f2572abc3bb0a0f0fe57d0179e592ec3"),
        ("kvd_world", "3a9dbd371f878f1b5322c523ace9120a"),
        ("n_cuts", "e8eeac48cab49aaac7898117ff07dcb1"),
        ("palindrome", "f922f4587bd999af61f16da9ece728f6"),
        ("warp_error", "ea3d196ac206c3f7181b005080159a83"),
    ],
)
def test_published_keys_stay(name: str, key: str) -> None:
    """A change of one of these orphans every number that was published under it: raise the version instead."""
    found = load_plugins()
    assert found.metric_key(found.metric(name)) == key
