"""Jobs over a shared folder: which tasks go together, and what becomes of them when a job ends in any way."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.engines import jobs as module
from harness.engines.job import run_job
from harness.engines.jobs import JobEngine, JobSettings, Order
from harness.engines.local import WorkerSettings
from harness.engines.ray import ray_settings
from harness.engines.slurm import parameters, slurm_engine, slurm_settings
from harness.errors import CannotStart, UsageError
from harness.tasks import Event, Fault, GenerateTask, ReferenceTask, Task, dump_event, dump_task, parse_task
from tests.unit.run_helpers import work


@dataclass
class Job:
    """A job that does what the test tells it to, in the file where a real one reports."""

    name: str
    folder: Path
    tasks: list[Task]
    gpu: bool = False
    job_id: str = "17"
    over: bool = False
    cancelled: bool = False

    def done(self) -> bool:
        return self.over

    def cancel(self) -> None:
        self.cancelled = self.over = True

    def write(self, *events: Event) -> None:
        with (self.folder / f"{self.name}.jsonl").open("a") as file:
            file.writelines(dump_event(event) + "\n" for event in events)

    def begin(self, index: int = 0) -> None:
        self.write(Event("started", self.tasks[index]))

    def finish(self, index: int = 0) -> None:
        self.write(work(self.tasks[index]))


@dataclass
class Cluster:
    """Stands in for the scheduler."""

    folder: Path
    jobs: list[Job] = field(default_factory=list)
    arrays: list[int] = field(default_factory=list)

    def __call__(self, orders: Sequence[Order]) -> Sequence[Job]:
        self.arrays.append(len(orders))
        started = [Job(o.name, self.folder, [parse_task(line) for line in o.lines], o.gpu) for o in orders]
        self.jobs += started
        return started


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[JobEngine, Cluster]]:
    def make(jobs: int, tasks: int = 8) -> tuple[JobEngine, Cluster]:
        monkeypatch.setattr(module, "POLL_SECONDS", 0.0)
        cluster = Cluster(tmp_path / "runs" / "r" / "jobs")
        return JobEngine(WorkerSettings(tmp_path, "mini", "r"), JobSettings(jobs, tasks), cluster), cluster

    return make


def video(item: int, variant: str = "a", attempt: int = 1) -> GenerateTask:
    return GenerateTask(f"{variant}{item}", variant, f"{item:03d}", 0, attempt)


Made = Callable[..., tuple[JobEngine, Cluster]]


def test_videos_of_one_variant_go_together_and_the_queue_is_spread_over_the_jobs(made: Made) -> None:
    engine, cluster = made(jobs=3, tasks=8)
    for variant in "ab":
        for item in range(4):
            engine.submit(video(item, variant))
    engine.poll(0)
    assert [[task.label[0] for task in job.tasks] for job in cluster.jobs] == [["a"] * 3, ["a"], ["b"] * 4]


def test_every_other_job_measures_first(made: Made) -> None:
    engine, cluster = made(jobs=2, tasks=2)
    for item in range(4):
        engine.submit(video(item))
    engine.submit(ReferenceTask("net", 8))
    engine.poll(0)
    assert [[task.kind for task in job.tasks] for job in cluster.jobs] == [["generate"] * 2, ["reference"]]


def test_events_come_as_the_job_writes_them_and_half_a_line_is_left_for_later(made: Made) -> None:
    engine, cluster = made(jobs=1)
    engine.submit(video(0))
    engine.submit(video(1))
    assert engine.poll(0) == []
    (job,) = cluster.jobs
    job.begin(0)
    line = dump_event(work(job.tasks[0]))
    with (job.folder / f"{job.name}.jsonl").open("a") as file:
        file.write(line[:20])
    assert [event.kind for event in engine.poll(0)] == ["started"]
    assert engine.in_hand() == {"job-0": "a 000 s0"}
    with (job.folder / f"{job.name}.jsonl").open("a") as file:
        file.write(line[20:] + "\n")
    assert [(event.kind, event.task.id) for event in engine.poll(0)] == [("finished", "a0")]


def test_a_job_that_dies_loses_the_task_in_hand_and_hands_on_the_rest(made: Made) -> None:
    engine, cluster = made(jobs=1, tasks=3)
    for item in range(3):
        engine.submit(video(item))
    engine.poll(0)
    first = cluster.jobs[0]
    first.begin(0)
    first.finish(0)
    first.begin(1)
    first.over = True
    events = engine.poll(0)
    assert [(event.kind, event.task.id) for event in events][-1] == ("lost", "a1")
    assert "job 17" in events[-1].faults[0].message
    assert events[-1].faults[0].retryable
    engine.poll(0)
    assert [task.id for task in cluster.jobs[1].tasks] == ["a2"]
    assert cluster.jobs[1].tasks[0].attempt == 1, "what was not begun has not been tried"


def test_what_a_job_wrote_before_it_ended_counts(made: Made) -> None:
    engine, cluster = made(jobs=1)
    engine.submit(video(0))
    engine.poll(0)
    cluster.jobs[0].begin()
    cluster.jobs[0].finish()
    cluster.jobs[0].over = True
    assert [event.kind for event in engine.poll(0)] == ["started", "finished"]


def test_a_job_that_never_begins_counts_against_one_of_its_tasks(made: Made) -> None:
    engine, cluster = made(jobs=1, tasks=2)
    engine.submit(video(0))
    engine.submit(video(1))
    engine.poll(0)
    cluster.jobs[0].over = True
    assert [(event.kind, event.task.id) for event in engine.poll(0)] == [("lost", "a0")]
    engine.poll(0)
    assert [task.id for task in cluster.jobs[1].tasks] == ["a1"]


def test_cancelling_drops_what_was_not_begun_and_ignores_what_a_job_begins_all_the_same(made: Made) -> None:
    engine, cluster = made(jobs=1, tasks=3)
    for item in range(4):
        engine.submit(video(item))
    engine.poll(0)
    (job,) = cluster.jobs
    job.begin(0)
    engine.poll(0)
    assert sorted(task.id for task in engine.cancel()) == ["a1", "a2", "a3"]
    assert (job.folder / "job-0.stop").is_file()
    job.finish(0)
    job.begin(1)
    job.finish(1)
    job.over = True
    assert [(event.kind, event.task.id) for event in engine.poll(0)] == [("finished", "a0")]
    assert engine.in_hand() == {}


def test_a_task_that_hangs_takes_its_job_with_it(made: Made) -> None:
    engine, cluster = made(jobs=1, tasks=2)
    engine.submit(video(0))
    engine.submit(video(1))
    engine.poll(0)
    cluster.jobs[0].begin(0)
    engine.poll(0)
    engine.stop("a1")
    assert not cluster.jobs[0].cancelled, "a1 is not in hand"
    engine.stop("a0")
    assert [(event.kind, event.task.id) for event in engine.poll(0)] == [("lost", "a0")]
    engine.poll(0)
    assert [task.id for task in cluster.jobs[1].tasks] == ["a1"]


@pytest.mark.parametrize("kill", [True, False])
def test_closing_tells_the_jobs_and_waits_for_them(made: Made, kill: bool) -> None:
    engine, cluster = made(jobs=1)
    engine.submit(video(0))
    engine.poll(0)
    (job,) = cluster.jobs
    job.over = not kill
    engine.close(kill=kill)
    assert (job.cancelled, (job.folder / "job-0.stop").is_file(), engine.in_hand()) == (kill, True, {})


def test_a_job_does_its_tasks_until_it_is_told_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop = tmp_path / "runs" / "r" / "jobs" / "job-3.stop"
    stop.parent.mkdir(parents=True)

    class Worker:
        def __init__(self, bench: object) -> None:
            pass

        def handle(self, task: Task) -> Event:
            if task.id == "a1":
                stop.touch()
            return Event("failed", task, faults=(Fault("generate", "E-SCRIPTED", "no"),))

    monkeypatch.setattr("harness.worker.Worker", Worker)
    monkeypatch.setattr("harness.worker.open_bench", lambda options: options)
    lines = [dump_task(video(item)) for item in range(3)]
    assert run_job(Order(WorkerSettings(tmp_path, "mini", "r"), "job-3", tuple(lines))) == 2
    written = (stop.parent / "job-3.jsonl").read_text().splitlines()
    assert [module.parse_key(line) for line in written] == ["a0", "a0", "a1", "a1"]


def test_a_job_whose_coordinator_is_not_heard_of_begins_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "runs" / "r"
    (folder / "jobs").mkdir(parents=True)
    (folder / "status.json").write_text("{}")
    monkeypatch.setattr("harness.worker.Worker", lambda bench: None)
    monkeypatch.setattr("harness.worker.open_bench", lambda options: options)
    monkeypatch.setattr("harness.engines.job.SILENT_SECONDS", -1.0)
    assert run_job(Order(WorkerSettings(tmp_path, "mini", "r"), "job-0", (dump_task(video(0)),))) == 0


def test_a_node_that_sees_neither_the_results_folder_nor_a_shelf_says_so(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="does not see the results folder") as caught:
        run_job(Order(WorkerSettings(tmp_path / "elsewhere", "mini", "r"), "job-0", ()))
    assert (caught.value.code, "--artefacts" in caught.value.fix) == ("E-ENGINE", True)


def test_jobs_that_may_start_at_once_are_one_array(made: Made) -> None:
    engine, cluster = made(jobs=3, tasks=2)
    for item in range(9):
        engine.submit(video(item))
    engine.poll(0)
    assert cluster.arrays == [3]
    cluster.jobs[1].over = True
    engine.poll(0)
    engine.poll(0)
    assert cluster.arrays == [3, 1]


def test_a_job_that_makes_videos_on_a_gpu_is_told_apart(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path / "runs" / "r" / "jobs")
    settings = WorkerSettings(tmp_path, "mini", "r", gpu_variants=frozenset({"b"}))
    engine = JobEngine(settings, JobSettings(3), cluster)
    for task in (video(0, "a"), video(0, "b"), ReferenceTask("net", 8)):
        engine.submit(task)
    engine.poll(0)
    told = {task.id: job.gpu for job in cluster.jobs for task in job.tasks}
    assert told == {"a0": False, "b0": True, "reference:net": False}


def test_settings_are_read_from_pairs() -> None:
    found = slurm_settings("partition=gpu, timeout_min=240,jobs=32,tasks=4,cluster=local,slurm_array_parallelism=8")
    assert (found.jobs, found.tasks, found.place) == (32, 4, "local")
    expected = {"slurm_partition": "gpu", "timeout_min": 240, "slurm_array_parallelism": 8}
    assert parameters(found.parameters) == expected
    assert ray_settings("address=auto,num_gpus=1") == JobSettings(place="auto", parameters={"num_gpus": 1})
    assert slurm_settings("") == ray_settings("") == JobSettings()


@pytest.mark.parametrize("text", ["gpu", "jobs=0", "tasks=many", "=x", "partition="])
def test_other_settings_are_a_mistake_with_an_example(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        slurm_settings(text)
    assert "partition=gpu" in caught.value.fix
    with pytest.raises(UsageError, match="--ray"):
        ray_settings(text)


def test_a_cluster_that_is_not_there_or_a_package_that_is_not_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = WorkerSettings(tmp_path, "mini", "r")

    class Nowhere:
        def __init__(self, folder: Path, cluster: str) -> None:
            raise RuntimeError(f"no {cluster} here")

    monkeypatch.setitem(sys.modules, "submitit", SimpleNamespace(AutoExecutor=Nowhere))
    with pytest.raises(CannotStart, match="on the cluster 'slurm'") as caught:
        slurm_engine(settings, slurm_settings("partition=gpu"))
    assert (caught.value.code, caught.value.why) == ("E-ENGINE", "RuntimeError: no slurm here")

    class Strict(SimpleNamespace):
        def update_parameters(self, **given: object) -> None:
            raise NameError(f"unknown argument {next(iter(given))}")

    monkeypatch.setitem(sys.modules, "submitit", SimpleNamespace(AutoExecutor=Strict))
    with pytest.raises(CannotStart, match="does not take these parameters") as caught:
        slurm_engine(settings, slurm_settings("cluster=local,partitoin=gpu"))
    assert (caught.value.where, "slurm_partitoin" in caught.value.why) == ("--slurm partitoin=gpu", True)
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(CannotStart, match="needs submitit"):
        slurm_engine(settings, slurm_settings(""))
