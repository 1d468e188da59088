"""One video and everything that can be measured on it: each pair of frames goes through the flow backend once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from harness import clip as clip_module
from harness.flow import BACKEND
from harness.keys import sha256_file
from harness.model import Frames, Image, Item, Protocol, Suite, frames_digest
from harness.paths import spool, video_relpath
from harness.registry import load_plugins
from harness.scoring import ScoreStage
from harness.spool import read_envelopes
from harness.suite import LoadedSuite, image_digest
from harness.suites.mini import world
from harness.tasks import ScoreTask
from harness.video import write_master
from harness.weights import missing
from harness.workbench import Workbench

CLIP: Frames = world.make_clip(3, 18).frames


class Counting:
    """The backend of the process, counting the ordered pairs of frames that it is given."""

    params, weights = BACKEND.params, BACKEND.weights

    def __init__(self) -> None:
        self.seen: Counter[tuple[int, int]] = Counter()

    def pairs(
        self, images: Frames, starts: NDArray[np.int64], gap: int
    ) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        self.seen.update((int(t), int(t) + gap) for t in starts)
        yield from BACKEND.pairs(images, starts, gap)


class First:
    """The suite of one clip, whose image is its first frame."""

    def image(self, table: Mapping[str, Any], protocol: Protocol) -> Image:
        first: Image = CLIP[0]
        return first

    def real(self, table: Mapping[str, Any], protocol: Protocol) -> Frames | None:
        return None

    def reference(self, protocol: Protocol) -> Iterator[tuple[str, Frames]]:
        yield from ()


def stored(results: Path) -> ScoreTask:
    """The clip as a master, and the task of measuring all of it that needs no file of weights."""
    results.mkdir(exist_ok=True)
    write_master(results / "new.mkv", CLIP, 10)
    video = sha256_file(results / "new.mkv")
    path = results / video_relpath(video)
    path.parent.mkdir(parents=True)
    (results / "new.mkv").rename(path)
    metrics = [m for m in load_plugins().metrics.values() if m.scope == "video" and not missing(m.weights)]
    assert sum("flow" in m.needs for m in metrics) >= 3
    names = tuple(m.name for m in metrics)
    return ScoreTask("gen", "v", "000", 0, video, frames_digest(CLIP), names, ("motion_hist", "world"))


def test_all_flow_metrics_and_motion_statistics_share_one_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counting = Counting()
    monkeypatch.setattr(clip_module, "BACKEND", counting)
    item = Item("000", "a scene", image_digest(CLIP[0]), 127)
    suite = Suite("tiny", 1, "", Protocol(len(CLIP), 64, 64, 10), (item,), (0,))
    stage = ScoreStage(
        Workbench(tmp_path, LoadedSuite(suite, "", (), First(), {"000": {}}), load_plugins(), "run", "w")
    )
    task = stored(tmp_path)
    done, faults = stage.run(task)
    assert faults == []
    assert (done["scores"], set(done["features"])) == (len(task.metrics), {"motion_hist", "world"})
    adjacent = {(t, t + 1) for t in range(len(CLIP) - 1)}
    assert adjacent <= counting.seen.keys()
    assert set(counting.seen.values()) == {1}, "no pair of any gap is estimated twice"
    found, _ = read_envelopes(spool(tmp_path))
    features = {e.payload["extractor"]: e.payload["seconds"] for e in found if e.kind == "features"}
    (scores,) = [e.payload["scores"] for e in found if e.kind == "scores"]
    flow = [s["seconds"] for s in scores if "flow" in load_plugins().metric(s["metric"].partition("@")[0]).needs]
    assert min([*flow, features["motion_hist@1"]]) > 0
