"""Video metrics that need weights: part of the key, n/a with the command where they are missing."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from harness import wishes
from harness.cli import run_app
from harness.errors import UsageError
from harness.flow_choice import VARIABLE, parse
from harness.model import Weight
from harness.registry import load_plugins
from harness.suite import load_suite
from harness.wishes import RunOptions, make_column, resolve_wishes


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No weights folder holds anything."""
    for name in ("HOME", "HARNESS_WEIGHTS", "TORCH_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_missing_weights_make_the_column_na_with_the_command(nowhere: Path) -> None:
    registry, suite = load_plugins(), load_suite("mini")
    column = make_column(registry, registry.metric("ff_st_lpips"), suite)
    assert column.skip.reason == "n/a (weights): st-lpips-alex"
    assert "harness doctor --fetch st-lpips-alex" in column.skip.remedy
    assert not make_column(registry, registry.metric("ff_ssim"), suite).skip.reason


def test_the_listing_says_which_columns_lack_their_weights(nowhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app(["list", "metrics", "--json"]) == 0
    here = {m["metric"]: m["here"] for m in map(json.loads, capsys.readouterr().out.splitlines())}
    assert (here["fd_efflite0@1"], here["cdfvd@1"], here["ff_st_lpips@1"]) == ("n/a (weights)",) * 3
    assert (here["fd_world@1"], here["warp_error@1"]) == ("ready", "ready")


def test_a_flow_metric_waits_for_the_backends_weights(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "ptlflow:gmflow_refine")
    parse.cache_clear()
    registry, suite = load_plugins(), load_suite("mini")
    assert "gmflow" in make_column(registry, registry.metric("warp_error"), suite).skip.remedy
    assert not make_column(registry, registry.metric("dup_frac"), suite).skip.reason


def test_other_weights_are_another_metric() -> None:
    spec = load_plugins().metric("ff_st_lpips")
    other = dataclasses.replace(spec, weights=(Weight("st-lpips-alex", "x.pth", "0" * 64),))
    assert spec.key() != other.key()


def test_an_unknown_backend_is_a_mistake_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "torchvison:raft_large")
    monkeypatch.setattr(wishes, "load_all", lambda *_: pytest.fail("plugins were loaded first"))
    with pytest.raises(UsageError, match="torchvision"):
        resolve_wishes(RunOptions(results=tmp_path))
