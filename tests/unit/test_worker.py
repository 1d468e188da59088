"""One worker, in this process: what it leaves on disk for each task, and what it says of each fault."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from harness.clip import Clip
from harness.contracts import Generator
from harness.errors import ItemError
from harness.model import Features, Frames, Image, Item, Needs, Request, Score, frames_digest, generation_key
from harness.paths import feature_relpath, scratch, spool, video_relpath
from harness.registry import ExtractorSpec, MetricSpec, Registry, VariantSpec
from harness.scoring import load_rows, share_flow
from harness.spool import read_envelopes
from harness.suite import LoadedSuite, image_digest
from harness.tasks import STOP, AggregateTask, Event, GenerateTask, Member, ReferenceTask, ScoreTask, dump_task
from harness.video import read_master
from harness.workbench import Workbench, fault_of
from harness.worker import Worker, serve
from tests.unit.run_helpers import PROTOCOL, suite


class Made:
    def __init__(self, make: Callable[[Request], object]) -> None:
        self.make = make

    def generate(self, request: Request) -> Frames:
        return self.make(request)  # type: ignore[return-value]  # some variants here return what they must not


def noise(request: Request) -> Frames:
    drawn = request.noise("pixels", (4, 8, 8, 3))
    return (128 + 20 * np.clip(drawn, -3, 3)).astype(np.uint8)


def broken(request: Request) -> Frames:
    raise ArithmeticError("too hard")


MAKERS: dict[str, Callable[[Request], object]] = {
    "noise": noise,
    "broken": broken,
    "short": lambda request: noise(request)[:2],
    "float": lambda request: noise(request) / 255.0,
    "list": lambda request: [noise(request)],
}


@dataclass(frozen=True)
class Config:
    maker: str

    def needs(self) -> Needs:
        return Needs()

    def load(self, device: str) -> Generator:
        LOADS.append(self.maker)
        if self.maker == "unloadable":
            raise RuntimeError("no such layer")
        return Made(MAKERS[self.maker])


LOADS: list[str] = []


class Pixels:
    """Eight real clips, brighter from one to the next."""

    def image(self, table: Mapping[str, Any], protocol: Any) -> Image:
        return np.full((8, 8, 3), 9, dtype=np.uint8)

    def real(self, table: Mapping[str, Any], protocol: Any) -> Frames | None:
        return None

    def reference(self, protocol: Any) -> Iterator[tuple[str, Frames]]:
        for index in range(8):
            yield f"ref-{index}", clip(index)


def clip(index: int) -> Frames:
    return np.full((4, 8, 8, 3), 10 * index, dtype=np.uint8)


def mean(frames: Clip) -> Score:
    return Score(float(np.float32(frames.frames.mean())), detail={"first": float(np.float32(1.5))}, profile=(None, 2.0))


def fails(frames: Clip) -> Score:
    raise KeyError("no such thing")


def distance(generated: Features, reference: Features) -> float:
    return float(abs(generated.rows.mean() - reference.rows.mean()))


def colours(device: str) -> Callable[[Clip], Any]:
    return lambda clip: clip.frames.reshape(len(clip), -1, 3).mean(axis=1).astype(np.float32)


def registry() -> Registry:
    found = Registry()
    for maker in (*MAKERS, "unloadable"):
        found.variants[maker] = VariantSpec(maker, 1, "mini", "method", maker, Config(maker), "rows.py")
    for name, function in (("mean", mean), ("fails", fails)):
        found.metrics[name] = MetricSpec(name, 1, "lower", "", name, function, "m.py")
    found.metrics["distance"] = MetricSpec(
        "distance", 1, "lower", "", "", distance, "m.py", scope="set", extractor="colours"
    )
    found.extractors["colours"] = ExtractorSpec("colours", 1, "", (), colours, "m.py")  # type: ignore[arg-type]
    return found


@pytest.fixture
def worker(tmp_path: Path) -> Worker:
    LOADS.clear()
    tiny = suite()
    clips = tuple(frames_digest(clip(index)) for index in range(8))
    image = Pixels().image({}, PROTOCOL)
    items = tuple(replace(item, image_sha256=image_digest(image)) for item in tiny.items)
    loaded = LoadedSuite(replace(tiny, items=items), "reference", clips, Pixels(), {i.slug: {} for i in items})
    return Worker(Workbench(tmp_path, loaded, registry(), "run", "w"))


def generate_task(worker: Worker, variant: str, item: int = 0) -> GenerateTask:
    held: Item = worker.bench.suite.suite.items[item]
    key = generation_key(worker.bench.registry.variant(variant).key, held.key, 0, PROTOCOL.key)
    return GenerateTask(key, variant, held.slug, 0)


def score_task(event: Event, *metrics: str, extractors: tuple[str, ...] = ()) -> ScoreTask:
    task = event.task
    assert isinstance(task, GenerateTask)
    made = event.result
    return ScoreTask(
        task.gen_key, task.variant, task.item, 0, made["video_sha256"], made["frames_sha256"], metrics, extractors
    )


def envelopes(worker: Worker) -> dict[str, dict[str, Any]]:
    found, refused = read_envelopes(spool(worker.bench.results))
    assert not refused
    return {e.kind: dict(e.payload) for e in found}


def test_a_video_is_stored_under_its_digest_with_an_envelope(worker: Worker) -> None:
    event = worker.handle(generate_task(worker, "noise"))
    assert (event.kind, event.envelopes, event.faults) == ("finished", 1, ())
    record = envelopes(worker)["generation"]
    path = worker.bench.results / record["relpath"]
    assert record["relpath"] == video_relpath(record["video_sha256"])
    assert frames_digest(read_master(path)) == record["frames_sha256"] == event.result["frames_sha256"]
    assert (record["frames"], record["height"], record["width"], record["fps"]) == (4, 8, 8, 10)
    assert len(record["noise_sha256"]) == 32
    assert record["video_bytes"] == path.stat().st_size
    assert list(scratch(worker.bench.results).iterdir()) == []


def test_the_same_task_gives_the_same_bytes(worker: Worker) -> None:
    first, second = (worker.handle(generate_task(worker, "noise")).result for _ in range(2))
    assert first["video_sha256"] == second["video_sha256"]
    other = worker.handle(generate_task(worker, "noise", item=1)).result
    assert first["video_sha256"] != other["video_sha256"]


def test_a_variant_is_loaded_once_for_videos_in_a_row(worker: Worker) -> None:
    for variant, item in (("noise", 0), ("noise", 1), ("short", 0), ("noise", 2)):
        worker.handle(generate_task(worker, variant, item))
    assert LOADS == ["noise", "short", "noise"]


@pytest.mark.parametrize(
    ("variant", "code", "stage", "said"),
    [
        ("broken", "E-GENERATE", "generate", "ArithmeticError: too hard"),
        ("short", "E-SHAPE", "generate", "uint8 [2, 8, 8, 3]"),
        ("float", "E-SHAPE", "generate", "float64 [4, 8, 8, 3]"),
        ("list", "E-SHAPE", "generate", "returned list"),
        ("unloadable", "E-LOAD", "load", "RuntimeError: no such layer"),
    ],
)
def test_a_fault_is_recorded_and_the_worker_goes_on(
    worker: Worker, variant: str, code: str, stage: str, said: str
) -> None:
    event = worker.handle(generate_task(worker, variant))
    assert event.kind == "failed"
    record = envelopes(worker)["failure"]
    assert (record["code"], record["stage"], record["attempt"], record["retryable"]) == (code, stage, 1, False)
    assert said in record["message"]
    assert "Traceback" in record["traceback"]
    assert record["task_key"] == event.task.id
    assert worker.handle(generate_task(worker, "noise")).kind == "finished"


def test_a_variant_that_cannot_be_loaded_is_not_loaded_for_each_video(worker: Worker) -> None:
    events = [worker.handle(generate_task(worker, "unloadable", item)) for item in range(3)]
    assert [event.faults[0].code for event in events] == ["E-LOAD"] * 3
    assert LOADS == ["unloadable"]


def test_a_variant_that_is_not_the_planned_one_is_refused(worker: Worker) -> None:
    event = worker.handle(GenerateTask("another-key", "noise", "000", 0))
    assert event.faults[0].code == "E-CHANGED"


def test_metrics_of_one_video_fail_apart(worker: Worker) -> None:
    made = worker.handle(generate_task(worker, "noise"))
    event = worker.handle(score_task(made, "fails", "mean"))
    assert (event.kind, event.result["scores"]) == ("finished", 1)
    assert [(f.code, f.subject) for f in event.faults] == [("E-SCORE", "fails")]
    (score,) = envelopes(worker)["scores"]["scores"]
    assert (score["metric"], score["status"]) == ("mean@1", "ok")
    assert (score["detail"], score["profile"]) == ({"first": 1.5}, [None, 2.0])
    assert envelopes(worker)["failure"]["task_key"] == f"{event.task.id}:fails"


def test_features_are_stored_under_their_digest(worker: Worker) -> None:
    made = worker.handle(generate_task(worker, "noise"))
    event = worker.handle(score_task(made, "mean", extractors=("colours",)))
    sha256 = event.result["features"]["colours"]
    rows = load_rows(worker.bench.results / feature_relpath(sha256), sha256)
    record = envelopes(worker)["features"]
    assert rows.shape == (record["rows"], record["dim"]) == (4, 3)
    (worker.bench.results / feature_relpath(sha256)).write_bytes(b"other")
    with pytest.raises(ItemError, match="not the file that was stored"):
        load_rows(worker.bench.results / feature_relpath(sha256), sha256)


def test_a_flow_pass_is_paid_for_by_all_that_use_it_in_equal_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([0.0, 9.0])
    monkeypatch.setattr("harness.scoring.time", SimpleNamespace(perf_counter=lambda: next(now)))
    mean, fails, rows = registry().metrics["mean"], registry().metrics["fails"], registry().extractors["colours"]
    users = [replace(spec, needs=("flow",)) for spec in (mean, fails)]
    assert share_flow(Clip(clip(1), 10), [*users, replace(rows, needs=("flow",)), mean]) == 3.0
    assert share_flow(Clip(clip(1), 10), [mean, rows]) == 0.0


def test_a_master_that_is_gone_or_damaged_is_an_e_video(worker: Worker) -> None:
    made = worker.handle(generate_task(worker, "noise"))
    path = worker.bench.results / video_relpath(made.result["video_sha256"])
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    damaged = worker.handle(score_task(made, "mean"))
    path.unlink()
    gone = worker.handle(score_task(made, "mean"))
    for event in (damaged, gone):
        assert (event.kind, event.faults[0].code) == ("failed", "E-VIDEO")
    assert "changed after it was written" in damaged.faults[0].message


def test_a_set_is_compared_with_as_many_reference_clips(worker: Worker) -> None:
    members = []
    loaded = worker.bench.suite
    worker.bench.suite = replace(loaded, suite=replace(loaded.suite, reference_size=4))
    for item in range(3):
        made = worker.handle(generate_task(worker, "noise", item))
        features = worker.handle(score_task(made, extractors=("colours",))).result["features"]["colours"]
        assert isinstance(made.task, GenerateTask)
        members.append(Member(made.task.gen_key, made.task.item, features))
    event = worker.handle(AggregateTask("set", "noise", "colours", ("distance",), tuple(members), items=3))
    assert event.kind == "finished"
    record = envelopes(worker)["set_score"]
    pixels = np.mean(
        [r for m in members for r in load_rows(worker.bench.results / feature_relpath(m.features), m.features)]
    )
    assert record["value"] == pytest.approx(abs(float(pixels) - np.mean([0, 10, 20])), abs=1e-4)
    assert (record["n"], record["metric"]) == (3, "distance@1")
    assert record["ci_low"] < record["value"] < record["ci_high"]
    # Four reference clips, so two against two: means 0, 10 and 20, 30.
    assert (record["detail"]["floor"], record["detail"]["floor_n"]) == (pytest.approx(20.0), 2)
    assert (record["detail"]["dim"], record["detail"]["weights"]) == (3, {})
    # Four rows a video, one of each frame: the curve is the distance frame by frame.
    assert len(record["detail"]["windows"]) == 4
    assert record["detail"]["windows_n"] == 3


def test_reference_features_are_kept_and_only_added_to(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    spec = worker.bench.registry.extractors["colours"]

    def counting(device: str) -> Callable[[Clip], Any]:
        inner = colours(device)

        def extract(clip: Clip) -> Any:
            seen.append(int(clip.frames[0, 0, 0, 0]))
            return inner(clip)

        return extract

    worker.bench.registry.extractors["colours"] = replace(spec, load=counting)  # type: ignore[arg-type]
    for count in (2, 2, 4, 3):
        assert worker.handle(ReferenceTask("colours", count)).result == {"clips": count, "rows": 4 * count}
    assert seen == [0, 10, 20, 30]
    event = worker.handle(ReferenceTask("colours", 9))
    assert event.faults[0].code == "E-REFERENCE"


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        (MemoryError(), "E-MEMORY", True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), "E-MEMORY", True),
        (OSError(28, "No space left on device"), "E-DISK", False),
        (OSError(5, "Input/output error"), "E-IO", True),
        (FileNotFoundError(2, "no such file"), "E-GENERATE", False),
        (ItemError("E-MINE", "mine", retryable=True), "E-MINE", True),
    ],
)
def test_only_faults_that_cannot_depend_on_content_are_retryable(error: Exception, code: str, retryable: bool) -> None:
    fault = fault_of(error, "generate")
    assert (fault.code, fault.retryable) == (code, retryable)


@pytest.mark.parametrize("where", ["videos/ab", "tmp"])
def test_what_cannot_be_stored_is_not_the_metrics_fault(tmp_path: Path, where: str) -> None:
    shut = OSError(13, "Permission denied", str(tmp_path / where))
    assert fault_of(shut, "encode", results=tmp_path).code == "E-RESULTS"
    assert fault_of(OSError(30, "Read-only file system"), "encode", results=tmp_path).code == "E-RESULTS"
    assert fault_of(shut, "generate", results=tmp_path / "other").code == "E-GENERATE"
    assert fault_of(ValueError("odd"), "encode").code == "E-ENCODE"


def test_the_log_has_the_traceback_and_the_fault_what_to_do(worker: Worker, capsys: pytest.CaptureFixture[str]) -> None:
    worker.handle(generate_task(worker, "broken"))
    assert "ArithmeticError: too hard" in (told := capsys.readouterr().err)
    assert "in broken" in told
    assert "from generate()" in worker.handle(generate_task(worker, "short")).faults[0].fix


def test_a_worker_serves_until_it_is_told_to_stop(worker: Worker) -> None:
    lines = [dump_task(generate_task(worker, "noise")), dump_task(generate_task(worker, "broken")), STOP]
    events = io.StringIO()
    orphaned: list[bool] = []
    serve(worker, io.StringIO("\n".join(lines) + "\n"), events, lambda: orphaned.append(True))
    said = events.getvalue().splitlines()
    assert ['"kind": "started"' in line for line in said] == [True, False, True, False]
    assert '"kind": "failed"' in said[3]
    assert orphaned == []
