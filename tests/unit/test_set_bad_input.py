"""Set metrics and bad input: each mistake ends as a coded fault or a reason, never as a number."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.aggregating import SetStage, cache_key, measured, read_blocks, write_blocks
from harness.clip import Clip
from harness.errors import CannotStart, ItemError
from harness.frechet import frechet_distance, grouped_kernel_distance
from harness.keys import sha256_file
from harness.metrics.motion_hist import motion_histograms
from harness.metrics.world_features import load_world
from harness.model import Features, Frames, Image, Item, Protocol, Suite, Weight, frames_digest
from harness.paths import reference_relpath, spool, video_relpath
from harness.registry import ExtractorSpec, MetricSpec, Registry, VariantSpec
from harness.scoring import ScoreStage, store_rows
from harness.spool import read_envelopes
from harness.suite import LoadedSuite, image_digest, reference_digest
from harness.tasks import AggregateTask, Member, ScoreTask
from harness.video import write_master
from harness.workbench import Workbench
from tests.unit.run_helpers import Config

Rows = NDArray[np.float32]
PICTURE: Image = np.full((16, 16, 3), 9, np.uint8)


def clip(level: int) -> Frames:
    return np.full((4, 16, 16, 3), level, np.uint8)


class Levels:
    """Four real clips of one grey level each."""

    def image(self, table: Mapping[str, Any], protocol: Protocol) -> Image:
        return PICTURE

    def real(self, table: Mapping[str, Any], protocol: Protocol) -> Frames | None:
        return None

    def reference(self, protocol: Protocol) -> Iterator[tuple[str, Frames]]:
        for index in range(4):
            yield f"ref-{index}", clip(10 * index)


def frechet(generated: Features, reference: Features) -> float:
    return frechet_distance(generated.rows, reference.rows)


def kernel(generated: Features, reference: Features) -> float:
    return grouped_kernel_distance(generated, reference)


def spec(name: str, function: Callable[..., float]) -> MetricSpec:
    return MetricSpec(name, 1, "lower", "", "", function, "m.py", scope="set", extractor="net", biased=True)


def colours(video: Clip) -> Any:
    return video.frames.reshape(len(video), -1, 3).mean(axis=1).astype(np.float32)


def bench(folder: Path, network: Callable[[Clip], Any] | None, load: Callable[[str], Any] | None = None) -> Workbench:
    """A worker's tools with one extractor, which may do anything."""
    loader: Any = load or (lambda device: network)
    items = tuple(Item(f"{k:03d}", f"scene {k}", image_digest(PICTURE), 127) for k in range(2))
    suite = Suite("tiny", 1, "", Protocol(4, 16, 16, 10), items, (0,), reference_size=4)
    clips = tuple(frames_digest(clip(10 * index)) for index in range(4))
    found = Registry(metrics={"fd": spec("fd", frechet), "kvd": spec("kvd", kernel)})
    found.variants["v"] = VariantSpec("v", 1, "mini", "method", "", Config(), "v.py")
    found.extractors["net"] = ExtractorSpec("net", 1, "", (), loader, "m.py")
    loaded = LoadedSuite(suite, reference_digest(clips), clips, Levels(), {i.slug: {} for i in items})
    return Workbench(folder, loaded, found, "r", "w")


def score(tools: Workbench, stage: ScoreStage | None = None) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Extract the features of one stored video; returns the result, and code and subject of each fault."""
    tools.results.mkdir(exist_ok=True)
    made = tools.results / "made.mkv"
    write_master(made, clip(50), 10)
    path = tools.results / video_relpath(sha256_file(made))
    path.parent.mkdir(parents=True, exist_ok=True)
    made.rename(path)
    task = ScoreTask("gen", "v", "000", 0, sha256_file(path), frames_digest(clip(50)), (), ("net",))
    done, faults = (stage or ScoreStage(tools)).run(task)
    return done, [(fault.code, fault.subject) for fault in faults]


def aggregate(tools: Workbench, rows: list[Rows]) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    members = tuple(Member(f"gen-{k}", f"{k:03d}", store_rows(tools.results, block)) for k, block in enumerate(rows))
    task = AggregateTask("set", "v", "net", ("fd", "kvd"), members, len(rows))
    done, faults = SetStage(tools, ScoreStage(tools)).aggregate(task)
    return done, [(fault.code, fault.subject) for fault in faults]


@pytest.mark.parametrize(
    "rows",
    [
        np.full((2, 3), np.nan, np.float32),
        np.array([[1, np.inf]], np.float32),
        np.zeros((0, 3), np.float32),
        np.zeros((2, 0), np.float32),
        np.zeros(3, np.float32),
        np.zeros((2, 3), np.int64),
        None,
    ],
    ids=["nan", "infinity", "no window", "no feature", "a vector", "whole numbers", "nothing"],
)
def test_features_that_are_none_are_a_fault_of_their_network(tmp_path: Path, rows: object) -> None:
    done, faults = score(bench(tmp_path, lambda video: rows))
    assert (done["features"], faults) == ({}, [("E-FEATURES", "net")])
    found, _ = read_envelopes(spool(tmp_path))
    assert [e.kind for e in found] == ["failure"]


def test_a_file_of_another_network_is_refused_once_and_not_read_for_every_video(tmp_path: Path) -> None:
    loads = []

    def load(device: str) -> Any:
        loads.append(device)
        raise CannotStart("E-WEIGHTS", "net.pth is not the network.", fix="get the right one")

    tools = bench(tmp_path, None, load)
    stage = ScoreStage(tools)
    for _ in range(3):
        assert score(tools, stage) == ({"scores": 0, "features": {}}, [("E-WEIGHTS", "net")])
    assert loads == ["cpu"]


def test_reference_features_that_are_not_finite_fail_the_task(tmp_path: Path) -> None:
    tools = bench(tmp_path, lambda video: np.full((1, 3), np.nan, np.float32))
    with pytest.raises(ItemError, match="not finite") as caught:
        aggregate(tools, [np.zeros((1, 3), np.float32)] * 2)
    assert caught.value.code == "E-FEATURES"
    name = cache_key(tools.suite.reference_key, tools.registry.extractor("net"))
    assert not (tmp_path / reference_relpath(name)).is_file()


def test_features_of_other_width_than_the_references_are_a_fault_of_each_metric(tmp_path: Path) -> None:
    done, faults = aggregate(bench(tmp_path, colours), [np.zeros((4, 5), np.float32)] * 2)
    assert done["values"] == {}
    assert faults == [("E-FEATURES", "fd"), ("E-FEATURES", "kvd")]


def test_more_items_than_reference_clips_is_no_comparison(tmp_path: Path) -> None:
    with pytest.raises(ItemError, match="has 4 clips, 5 are needed") as caught:
        aggregate(bench(tmp_path, colours), [np.zeros((4, 3), np.float32)] * 5)
    assert caught.value.code == "E-REFERENCE"


def test_a_damaged_feature_file_is_named_and_gives_no_number(tmp_path: Path) -> None:
    tools = bench(tmp_path, colours)
    members = tuple(Member(f"gen-{k}", f"{k:03d}", "0" * 64) for k in range(2))
    with pytest.raises(ItemError, match="not the file that was stored"):
        SetStage(tools, ScoreStage(tools)).aggregate(AggregateTask("set", "v", "net", ("fd",), members, 2))


@pytest.mark.parametrize("function", [frechet, kernel])
def test_a_set_of_one_video_is_refused(function: Callable[..., float]) -> None:
    one, other = Features(np.ones((1, 3)), np.array(["a"])), Features(np.eye(3), np.array(["a", "b", "c"]))
    with pytest.raises(ItemError) as caught:
        measured(spec("fd", function), one, other)
    assert caught.value.code == "E-FEATURES"
    assert caught.value.fix


def test_windows_of_one_video_are_no_set_for_the_kernel_distance() -> None:
    one = Features(np.eye(3), np.array(["a"] * 3))
    with pytest.raises(ItemError, match="at least 2 items"):
        measured(spec("kvd", kernel), one, Features(np.eye(3), np.array(["a", "b", "c"])))


def test_constant_videos_have_a_finite_distance_without_spread() -> None:
    same, names = np.full((6, 3), 2.0), np.arange(6).astype(np.str_)
    other = Features(np.full((6, 3), 4.0), names)
    value, spread, reason = measured(spec("fd", frechet), Features(same, names), other)
    assert value == pytest.approx(12.0)
    assert spread.stderr == pytest.approx(0.0, abs=1e-6)
    assert reason == ""
    assert measured(spec("kvd", kernel), Features(same, names), Features(same, names))[0] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_constant_frames_have_features(level: int) -> None:
    frames: Frames = np.full((16, 64, 64, 3), level, np.uint8)
    world = load_world("cpu")(Clip(frames, 10))
    assert np.isfinite(world).all()
    moving = motion_histograms(Clip(frames, 10))
    assert moving[0, 0] == moving[0, moving.shape[1] // 2] == 1, "standing still, in the lowest bins"


def test_reference_features_belong_to_clips_network_and_preprocessing() -> None:
    load: Any = colours
    base = ExtractorSpec("net", 1, "", (Weight("net", "net.pth", "a" * 64),), load, "m.py")
    others = [
        replace(base, params={"preprocess": "crop224"}),
        replace(base, params={"preprocess": "squash224"}),
        replace(base, weights=(Weight("net", "net.pth", "b" * 64),)),
        replace(base, version=2),
        replace(base, name="net_w16"),
    ]
    keys = [cache_key("reference", e) for e in (base, *others)] + [cache_key("other reference", base)]
    assert len(set(keys)) == 7
    assert len({e.key for e in (base, *others)}) == 6


def test_a_reference_file_that_is_not_whole_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "reference.bin"
    write_blocks(path, [("a", np.ones((2, 3), np.float32))])
    assert [name for name, _ in read_blocks(path)] == ["a"]
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    assert read_blocks(path) == []
