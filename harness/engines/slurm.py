"""Arrays of jobs of a Slurm cluster, by way of submitit, which needs a file system that its nodes share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.engines.job import run_job
from harness.engines.jobs import Job, JobEngine, JobSettings, Order, Submit, parse_settings
from harness.engines.local import WorkerSettings
from harness.errors import CannotStart
from harness.paths import run_folder

EXAMPLE = "partition=gpu,gpus_per_node=1,timeout_min=240,jobs=32"
GENERAL = ("timeout_min", "mem_gb", "gpus_per_node", "cpus_per_task", "nodes", "name")


def slurm_settings(text: str) -> JobSettings:
    """Settings from the text of ``--slurm``; ``cluster=local`` runs jobs as processes on this machine.

    Raises:
        UsageError: E-OPTION.
    """
    return parse_settings("--slurm", text, "cluster", EXAMPLE)


def slurm_engine(settings: WorkerSettings, how: JobSettings) -> JobEngine:
    """The engine of jobs that submitit starts.

    Raises:
        CannotStart: E-ENGINE, submitit is not installed, there is no such cluster here, or no such parameter.
    """
    return JobEngine(settings, how, submitit_jobs(settings, how))


def submitit_jobs(settings: WorkerSettings, how: JobSettings) -> Submit:
    """What starts a job; raises as `slurm_engine`."""
    try:
        import submitit
    except ImportError as error:
        raise CannotStart(
            "E-ENGINE", "The slurm engine needs submitit.", why=str(error), fix="pip install 'exvideo-bench[slurm]'"
        ) from error
    cluster = how.place or "slurm"
    try:
        folder = run_folder(settings.results, settings.run_id) / "submitit"
        executor = submitit.AutoExecutor(folder=folder, cluster=cluster)
    except Exception as error:  # submitit has no type of its own for a cluster that does not exist
        raise CannotStart(
            "E-ENGINE",
            f"Jobs cannot be started on the cluster '{cluster}'.",
            why=f"{type(error).__name__}: {error}",
            fix="run where sbatch is, or --slurm cluster=local for processes on this machine",
        ) from error
    try:
        executor.update_parameters(**parameters(how.parameters))
    except Exception as error:  # nor for a parameter
        given = ",".join(f"{name}={value}" for name, value in how.parameters.items())
        raise CannotStart(
            *("E-ENGINE", "submitit does not take these parameters."),
            where=f"--slurm {given}",
            why=f"{type(error).__name__}: {error}",
            fix=f"--slurm with Slurm's names and whole numbers, such as {EXAMPLE}",
        ) from error

    def submit(orders: Sequence[Order]) -> Sequence[Job]:
        jobs: list[Job] = executor.map_array(run_job, orders)  # one array job for Slurm
        return jobs

    return submit


def parameters(given: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters under submitit's names: what is not for any cluster gets the prefix of Slurm's."""
    return {name if name in GENERAL or name.startswith("slurm_") else f"slurm_{name}": v for name, v in given.items()}
