"""Rows that need a model, through the command line: the shipped mini family, and the real one on a small base."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.e2e.conftest import Cli, CliWithin
from tests.e2e.test_mini_rows import made
from tests.exvideo.stand import save_stand

PLUGIN = str(Path(__file__).parent / "plugins" / "small_svd.py")


def envelopes(folder: Path, kind: str) -> list[dict[str, Any]]:
    archives = sorted((folder / "results" / "spool").rglob("done-*.jsonl"))
    found = [json.loads(line) for path in archives for line in path.read_text().splitlines()]
    return [envelope for envelope in found if envelope["kind"] == kind]


NOTHING_HERE = {"CUDA_VISIBLE_DEVICES": "", "HARNESS_SVD": "", "HARNESS_COGVIDEOX": ""}


def test_a_machine_without_gpu_plans_all_rows_of_the_full_suite(cli_within: CliWithin, tmp_path: Path) -> None:
    here = {**NOTHING_HERE, "HOME": str(tmp_path), "HARNESS_WEIGHTS": str(tmp_path), "COLUMNS": "200"}
    done = cli_within("run", "--suite", "exvideo-128", "--variants", "all", "--dry-run", **here)
    assert done.returncode == 0, done.stderr
    rows = {line.split("  ")[0].strip(): line for line in done.stderr.splitlines()}
    lacking = {name: line.partition("skip: ")[2].strip() for name, line in rows.items() if "skip: " in line}
    assert lacking["exvideo … svd-chain, 15 rows of svd"] == "needs CUDA, no GPU found"
    assert lacking["cogvideox-exvideo"] == "needs CUDA, no GPU found"
    assert lacking["mini-exvideo … mini-svd-window, 9 rows of mini"].startswith("makes up to 40 frames")
    assert "36       0       36" in rows["control-noise"]
    assert "what is skipped can be had by" in done.stderr
    assert not (cli_within.folder / "results").exists()


def test_a_row_that_needs_a_gpu_alone_says_so_and_what_to_type(cli_within: CliWithin, tmp_path: Path) -> None:
    here = {**NOTHING_HERE, "HOME": str(tmp_path), "HARNESS_WEIGHTS": str(tmp_path)}
    done = cli_within("run", "--suite", "exvideo-128", "--variants", "exvideo", **here)
    assert done.returncode == 4
    assert done.stderr.startswith("E-NO-GPU  exvideo cannot run here.")
    assert "Fix    harness doctor exvideo" in done.stderr


@pytest.mark.slow
def test_rows_of_both_families_in_one_run(cli: Cli, short: Path) -> None:
    stand = save_stand(cli.folder / "stand", num_frames=16)
    env = {"HARNESS_WEIGHTS": str(stand / "weights"), "HARNESS_SVD": str(stand / "svd.safetensors")}
    asked = ("--plugin", PLUGIN, "--suite", str(short), "--metrics", "test_mean,warp_error", "--workers", "1")
    threads = ("--threads", str(torch.get_num_threads()))
    done = cli.run("small-exvideo,small-greedy,mini-exvideo", *asked, *threads, HARNESS_BATCHED="1", **env)
    assert done.returncode == 0, done.stderr
    generated = envelopes(cli.folder, "generation")
    assert len({envelope["frames_sha256"] for envelope in generated}) == 3
    assert made("mini-exvideo", short) in {envelope["frames_sha256"] for envelope in generated}, "here as there"
    assert sum(len(envelope["scores"]) for envelope in envelopes(cli.folder, "scores")) == 9, (
        "and what comes with warp_error"
    )
    _check_both_formats(cli, stand, short, {envelope["frames_sha256"] for envelope in generated})
    _check_memory(done.stderr, max(generated, key=lambda e: e["attempts"]), envelopes(cli.folder, "failure"))


def _check_both_formats(cli: Cli, stand: Path, short: Path, made_from_file: set[str]) -> None:
    """The base as a folder makes what it made as a single file: another row by its key, the same frames."""
    before = len(envelopes(cli.folder, "generation"))
    env = {"HARNESS_WEIGHTS": str(stand / "weights"), "HARNESS_SVD": str(stand / "base")}
    asked = ("--plugin", PLUGIN, "--suite", str(short), "--workers", "1", "--threads", str(torch.get_num_threads()))
    again = cli.within.run("small-exvideo", *asked, HARNESS_BATCHED="1", **env)
    assert again.returncode == 0, again.stderr
    assert "1 video to make, 0 reused" in again.stderr
    later = envelopes(cli.folder, "generation")[before:]
    assert [envelope["frames_sha256"] in made_from_file for envelope in later] == [True]


def _check_memory(said: str, greedy: dict[str, Any], failures: list[dict[str, Any]]) -> None:
    """One attempt ran out of memory; the next was lighter and in another process, and all of it is told."""
    assert said.count("memory ran out; once more in a fresh process") == 1
    assert "made with parts of the model wait on the CPU; the result is the same" in said
    settings = greedy["settings"]
    assert (greedy["attempts"], settings["steps"], settings["batched"], settings["offload"]) == (2, 1, True, True)
    assert (settings["latent_factor"], settings["dtype"]) == (0.18215, "float32")
    assert greedy["peak_rss_bytes"] > 100_000_000
    assert greedy["seconds"] > 0
    (failure,) = failures
    assert failure["code"] == "E-MEMORY"
    assert failure["message"] != f"MemoryError: in process {settings['process']}"
