"""Which set metrics a run can compute, decided before anything is made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import CannotStart
from harness.model import Features, Weight
from harness.registry import ExtractorSpec, MetricSpec, Registry
from harness.suite import LoadedSuite, load_suite
from harness.wishes import make_column


def distance(generated: Features, reference: Features) -> float:
    return 0.0


@pytest.fixture(scope="module")
def mini() -> LoadedSuite:
    return load_suite("mini")


def reason(
    suite: LoadedSuite,
    *,
    items: int = 0,
    protocol: int = 0,
    frames: int = 1,
    limit: int | None = None,
    weights: tuple[Weight, ...] = (),
) -> str:
    params = {"items": protocol} if protocol else {}
    plain = MetricSpec("fd", 1, "lower", "", "", distance, "m.py", scope="set", extractor="net")
    metric = replace(plain, min_items=items, params=params)
    extractor = ExtractorSpec("net", 1, "", weights, lambda device: None, "m.py", min_frames=frames)  # type: ignore[arg-type, return-value]
    registry = Registry(metrics={"fd": metric}, extractors={"net": extractor})
    return make_column(registry, metric, suite, limit).skip.reason


def test_too_few_items_for_a_number_that_means_something(mini: LoadedSuite) -> None:
    assert reason(mini, items=64) == ""
    assert "needs 64 items or more, this run has 63" in reason(mini, items=64, limit=63)
    assert "needs 2048 items" in reason(mini, items=2048)


def test_a_protocol_of_a_size_is_computed_at_that_size_only(mini: LoadedSuite) -> None:
    assert reason(mini, items=32, protocol=32, limit=32) == ""
    assert "needs 32 items" in reason(mini, items=32, protocol=32, limit=31)
    assert reason(mini, items=32, protocol=32) == "is the protocol of 32 items, this run has 64"


def test_too_few_frames_for_the_network(mini: LoadedSuite) -> None:
    assert reason(mini, frames=40) == ""
    assert reason(mini, frames=121) == "needs 121 frames or more, this suite's videos have 40"


def test_one_video_is_no_set_and_sets_are_of_equal_size(mini: LoadedSuite) -> None:
    assert reason(mini, limit=1) == "a set has 2 items or more, this run has 1"
    few = replace(mini, suite=replace(mini.suite, reference_size=63))
    assert reason(few) == "64 items need as many reference clips, the suite has 63"
    assert reason(few, limit=63) == ""


def test_no_reference_and_no_weights(mini: LoadedSuite) -> None:
    assert reason(replace(mini, reference_key="")) == "the suite has no reference set"
    absent = Weight("net", "/nonexistent/net.pth", "0" * 64, how="get it")
    assert reason(mini, weights=(absent,)) == "n/a (weights): net"


def test_a_wrong_file_under_a_reserved_name_stops_the_run_before_anything_is_made(
    mini: LoadedSuite, tmp_path: Path
) -> None:
    (tmp_path / "net.pth").write_bytes(b"another checkpoint")
    with pytest.raises(CannotStart, match=r"net\.pth is not the file that 'net' stands for") as caught:
        reason(mini, weights=(Weight("net", str(tmp_path / "net.pth"), "0" * 64),))
    assert caught.value.code == "E-WEIGHTS-DIGEST"
    assert "--metrics 'all,-fd'" in caught.value.fix
