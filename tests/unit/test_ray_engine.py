"""What the ray engine asks of Ray, on a stand-in for the package: the cluster itself is in the end-to-end tests."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.engines.job import run_job
from harness.engines.jobs import Order
from harness.engines.local import WorkerSettings
from harness.engines.ray import ray_engine, ray_settings
from harness.errors import CannotStart
from harness.tasks import ReferenceTask
from tests.unit.test_job_engine import video


class Ray:
    """Remembers what it was asked for."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.asked: dict[str, Any] = {}
        self.options: dict[str, Any] = {}
        self.lent: list[dict[str, Any]] = []
        self.calls: list[tuple[Any, ...]] = []
        self.ready: list[object] = []
        self.cancelled: list[tuple[object, bool]] = []

    def is_initialized(self) -> bool:
        return False

    def init(self, **options: Any) -> None:
        if self.error:
            raise self.error
        self.asked = options

    def remote(self, **options: Any) -> Any:
        self.options = options

        def declare(function: object) -> Any:
            assert function is run_job
            return SimpleNamespace(remote=self.call, options=self.lend)

        return declare

    def lend(self, **resources: Any) -> Any:
        self.lent.append(resources)
        return SimpleNamespace(remote=self.call)

    def call(self, *arguments: object) -> Any:
        self.calls.append(arguments)
        return SimpleNamespace(hex=lambda: "ab12")

    def wait(self, references: list[object], timeout: float, fetch_local: bool) -> tuple[list[object], list[object]]:
        assert timeout == 0
        return [r for r in references if r in self.ready], []

    def cancel(self, reference: object, force: bool) -> None:
        self.cancelled.append((reference, force))
        self.ready.append(reference)


def test_a_job_is_one_call_that_ray_may_not_repeat_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ray = Ray()
    monkeypatch.setitem(sys.modules, "ray", ray)
    settings = WorkerSettings(tmp_path, "mini", "r")
    engine = ray_engine(settings, ray_settings("address=auto,jobs=1"))
    assert ray.asked["address"] == "auto"
    assert ray.options == {"max_retries": 0, "max_calls": 1, "num_cpus": 1}
    engine.submit(video(0))
    assert engine.poll(0) == []
    ((order,),) = ray.calls
    assert isinstance(order, Order)
    assert (order.settings, order.name, len(order.lines)) == (settings, "job-0", 1)
    assert ray.lent == []
    engine.close(kill=True)
    assert [force for _, force in ray.cancelled] == [True]


def test_a_job_has_the_gpu_that_its_row_needs_and_measures_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = Ray()
    monkeypatch.setitem(sys.modules, "ray", ray)
    settings = WorkerSettings(tmp_path, "mini", "r", devices=("cuda:0",), gpu_variants=frozenset({"a"}))
    engine = ray_engine(settings, ray_settings("num_gpus=2,jobs=2"))
    engine.submit(video(0))
    engine.submit(ReferenceTask("net", 8))
    engine.poll(0)
    assert ray.options == {"max_retries": 0, "max_calls": 1, "num_cpus": 1}
    assert ray.lent == [{"num_gpus": 2}]
    assert {(order.gpu, order.settings.devices[0]) for (order,) in ray.calls} == {(True, "cuda:0"), (False, "cpu")}


def test_a_node_that_is_lost_is_a_job_that_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ray = Ray()
    monkeypatch.setitem(sys.modules, "ray", ray)
    engine = ray_engine(WorkerSettings(tmp_path, "mini", "r"), ray_settings("jobs=1"))
    assert ray.asked["address"] is None
    engine.submit(video(0))
    engine.poll(0)
    job = next(iter(engine._running.values())).job
    job.cancel()
    (event,) = engine.poll(0)
    assert (event.kind, event.faults[0].code, event.faults[0].retryable) == ("lost", "E-WORKER", True)
    assert "job ab12" in event.faults[0].message


def test_without_a_cluster_or_the_package_the_run_cannot_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = WorkerSettings(tmp_path, "mini", "r")
    monkeypatch.setitem(sys.modules, "ray", Ray(ConnectionError("nobody answers")))
    with pytest.raises(CannotStart, match="cannot be started on the Ray cluster at 'auto'") as caught:
        ray_engine(settings, ray_settings("address=auto"))
    assert "nobody answers" in caught.value.why
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(CannotStart, match="needs ray") as caught:
        ray_engine(settings, ray_settings(""))
    assert "exvideo-bench[ray]" in caught.value.fix
