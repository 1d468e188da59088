"""The choice of a flow backend: what the text may say, and that it changes the key of every flow metric."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.flow import BACKEND, make_backend
from harness.flow_choice import VARIABLE, chosen, parse
from harness.flow_dis import DisFlow
from harness.weights import missing

KEYS = (
    "from harness.registry import load_plugins; r = load_plugins();"
    "print(*(r.metric_key(r.metrics[n]) for n in ('warp_error', 'flow_smoothness', 'dynamic_rate', 'ff_ssim')))"
)


@pytest.fixture(autouse=True)
def fresh() -> None:
    parse.cache_clear()


def test_dis_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert chosen() == parse("dis")
    assert isinstance(make_backend(chosen()), DisFlow)
    assert isinstance(BACKEND, DisFlow)


def test_a_known_model_brings_its_own_weights() -> None:
    choice = parse("ptlflow:gmflow_refine")
    assert choice.weight is not None
    assert choice.weight.sha256.startswith("534bb523")
    assert choice.params["weights"] == choice.weight.sha256


def test_a_checkpoint_is_a_file_or_a_name_that_was_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    absent = parse("ptlflow:raft@things").weight
    assert absent is not None
    assert missing([absent]) == [absent]
    assert "ckpt_path='things'" in absent.how
    hub = tmp_path / "hub" / "checkpoints"
    hub.mkdir(parents=True)
    (hub / "raft-things-802bbcfd.ckpt").write_bytes(b"weights")
    parse.cache_clear()
    found = parse("ptlflow:raft@things").weight
    assert found is not None
    assert len(found.sha256) == 64
    assert missing([found]) == []
    for name in ("mine.ckpt", "mine"):
        file = parse(f"ptlflow:raft@{tmp_path}/{name}").weight
        assert file is not None
        assert file.path == str(tmp_path / name)


def test_a_published_file_is_what_its_name_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    hub = tmp_path / "hub" / "checkpoints"
    hub.mkdir(parents=True)
    (hub / "raft_large_C_T_V2-1bb1363a.pth").write_bytes(b"something else")
    with pytest.raises(UsageError, match="raft_large_C_T_V2") as caught:
        parse("torchvision:raft_large")
    assert caught.value.code == "E-WEIGHTS-DIGEST"


@pytest.mark.parametrize(
    ("text", "code", "fragment"),
    [
        ("diss", "E-UNKNOWN", "dis"),
        ("dis:medium", "E-FLOW", "no models"),
        ("ptlflow", "E-FLOW", "name of a model"),
        ("ptlflow:raft", "E-FLOW", "arbitrary"),
        ("torchvision:raft_smal", "E-UNKNOWN", "raft_small"),
    ],
)
def test_what_is_no_backend_is_refused(text: str, code: str, fragment: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert caught.value.code == code
    assert fragment in str(caught.value)


@pytest.mark.slow
def test_another_backend_is_another_metric() -> None:
    def keys(backend: str) -> list[str]:
        env = {**os.environ, VARIABLE: backend}
        command = [sys.executable, "-c", KEYS]
        return subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout.split()

    plain, learned = keys("dis"), keys("ptlflow:gmflow_refine")
    assert len(plain) == 4
    assert [a == b for a, b in zip(plain, learned, strict=True)] == [False, False, False, True]
