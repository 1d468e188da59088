"""The real family through the public command line, on a small base in its own formats that a CPU can run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Cli
from tests.exvideo.stand import save_stand

PLUGIN = str(Path(__file__).parent / "plugins" / "small_svd.py")
ONE = ("--plugin", PLUGIN, "--metrics", "test_mean", "--threads", "1", "--workers", "1")


def envelopes(folder: Path, kind: str) -> list[dict[str, Any]]:
    archives = sorted((folder / "results" / "spool").rglob("done-*.jsonl"))
    found = [json.loads(line) for path in archives for line in path.read_text().splitlines()]
    return [envelope for envelope in found if envelope["kind"] == kind]


@pytest.mark.slow
def test_memory_that_runs_out_is_met_with_less(cli: Cli, short: Path) -> None:
    stand = save_stand(cli.folder / "stand", num_frames=16)
    env = {"HARNESS_WEIGHTS": str(stand / "weights"), "HARNESS_BATCHED": "1"}
    done = cli.run(
        "small-exvideo,small-greedy", *ONE, "--suite", str(short), HARNESS_SVD=str(stand / "svd.safetensors"), **env
    )
    assert done.returncode == 0, done.stderr
    exvideo, greedy = sorted(envelopes(cli.folder, "generation"), key=lambda e: e["attempts"])
    assert exvideo["frames_sha256"] != greedy["frames_sha256"]
    _check_memory(done.stderr, greedy, envelopes(cli.folder, "failure"))


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
