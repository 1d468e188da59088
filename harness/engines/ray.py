"""Jobs on a Ray cluster, whose nodes share the results folder or a shelf.

A job gets the GPU that the row needs whose videos it makes, and none where it measures. A node that dies takes its jobs
with it: the task that each had in hand is made again, what it had not begun goes on elsewhere, and nothing is counted
twice, because the envelope is what counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.engines.job import run_job
from harness.engines.jobs import Job, JobEngine, JobSettings, Order, Submit, parse_settings
from harness.engines.local import WorkerSettings
from harness.errors import CannotStart

EXAMPLE = "address=auto,num_gpus=1,jobs=8"


def ray_settings(text: str) -> JobSettings:
    """Settings from the text of ``--ray``; without an address, a cluster is started on this machine.

    Raises:
        UsageError: E-OPTION.
    """
    return parse_settings("--ray", text, "address", EXAMPLE)


def ray_engine(settings: WorkerSettings, how: JobSettings) -> JobEngine:
    """The engine of jobs that Ray places where their CPUs and GPUs are.

    Raises:
        CannotStart: E-ENGINE, ray is not installed, there is no cluster at the address, or no such parameter.
    """
    return JobEngine(settings, how, ray_jobs(how))


def ray_jobs(how: JobSettings) -> Submit:
    """What starts a job; raises as `ray_engine`."""
    try:
        import ray
    except ImportError as error:
        raise CannotStart(
            "E-ENGINE", "The ray engine needs ray.", why=str(error), fix="pip install 'exvideo-bench[ray]'"
        ) from error
    try:
        if not ray.is_initialized():
            ray.init(address=how.place or None, log_to_driver=False, include_dashboard=False if not how.place else None)
        # A process that has loaded one job's plugins and weights is no place for the next one's.
        parameters = {"max_retries": 0, "max_calls": 1, "num_cpus": 1, **how.parameters}
        gpus = parameters.pop("num_gpus", 1)
        remote = ray.remote(**parameters)(run_job)
    except Exception as error:  # ray raises ConnectionError, ValueError and its own for what is wrong here
        raise CannotStart(
            "E-ENGINE",
            f"Jobs cannot be started on the Ray cluster at '{how.place or 'this machine'}'.",
            why=f"{type(error).__name__}: {error}",
            fix=f"--ray {EXAMPLE}, or no address for a cluster on this machine",
        ) from error

    def submit(orders: Sequence[Order]) -> Sequence[Job]:
        return [RayJob(ray, start(order)) for order in orders]

    def start(order: Order) -> Any:
        if order.gpu:
            return remote.options(num_gpus=gpus).remote(order)
        return remote.remote(replace(order, settings=replace(order.settings, devices=("cpu",))))

    return submit


@dataclass
class RayJob:
    """One call that Ray runs somewhere."""

    ray: Any
    reference: Any

    @property
    def job_id(self) -> str:
        """The id of the call."""
        return str(self.reference.hex())

    def done(self) -> bool:
        """Whether it has ended, failed, or was lost with its node."""
        ready, _ = self.ray.wait([self.reference], timeout=0, fetch_local=False)
        return bool(ready)

    def cancel(self) -> None:
        """End it, and its process."""
        self.ray.cancel(self.reference, force=True)
