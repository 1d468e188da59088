"""Jobs on nodes that do not see the results folder: everything travels over a bucket, and the table is the same."""

from __future__ import annotations

import dataclasses
import pickle
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, cast

import pytest

from harness.engines.jobs import Job, JobEngine, JobSettings, Order
from harness.engines.local import WorkerSettings
from harness.shelf import Shelf
from tests.e2e.conftest import CliWithin, summary, table_of

pytestmark = pytest.mark.slow

ASKED = ("--limit", "2", "--metrics", "test_mean,test_distance")
NODE = "import pickle, sys; from harness.engines.job import run_job; run_job(pickle.load(sys.stdin.buffer))"


@dataclasses.dataclass
class Process:
    """A job on a node of its own."""

    popen: subprocess.Popen[bytes]

    @property
    def job_id(self) -> str:
        return str(self.popen.pid)

    def done(self) -> bool:
        return self.popen.poll() is not None

    def cancel(self) -> None:
        self.popen.kill()


class Cluster:
    """Starts jobs where the results folder is not."""

    def __init__(self) -> None:
        self.jobs: list[Process] = []

    def __call__(self, orders: Sequence[Order]) -> Sequence[Job]:
        started = [self.start(order) for order in orders]
        self.jobs += started
        return started

    def start(self, order: Order) -> Process:
        nowhere = dataclasses.replace(order.settings, results=Path("/nowhere"), plugins=(Path("/nowhere/rows.py"),))
        popen = subprocess.Popen([sys.executable, "-c", NODE], stdin=subprocess.PIPE, cwd="/")
        with cast(IO[bytes], popen.stdin) as given:
            given.write(pickle.dumps(dataclasses.replace(order, settings=nowhere)))
        return Process(popen)


def test_nodes_that_share_nothing_but_a_bucket_give_the_same_table(
    cli_within: CliWithin, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, local = cli_within.events("test-slow", *ASKED, "--results", "local")
    assert code == 0
    cluster = Cluster()

    def engine(settings: WorkerSettings, how: JobSettings) -> JobEngine:
        return JobEngine(settings, how, cluster)

    monkeypatch.setattr("harness.engines.parcels.LOOK_SECONDS", 0.2)
    monkeypatch.setattr("harness.engines.slurm.slurm_engine", engine)
    jobs = ("--engine", "slurm", "--slurm", "jobs=1", "--artefacts", bucket)
    code, away = cli_within.events("test-slow", *ASKED, *jobs)
    assert code == 0
    assert len(cluster.jobs) >= 2
    assert table_of(away) == table_of(local)
    on_shelf = Shelf(bucket).names()
    assert not [name for name in on_shelf if name.startswith("runs/")], "nothing of the run is left on the way"
    assert sum(name.startswith("videos/") for name in on_shelf) == 2
    assert not list((cli_within.folder / "results" / "videos").rglob("*.mkv")), "masters are on the shelf alone"
    code, again = cli_within.events("test-slow", *ASKED)
    assert (code, summary(again)["made"], summary(again)["scored"]) == (0, 0, 0)
