"""Logs for TensorBoard hold the rows of the JSON-lines log."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from harness.errors import CannotStart, UsageError
from harness.exvideo.objective import HELD_OUT_SIGMAS
from harness.exvideo.scalars import Scalars

ROWS: list[dict[str, Any]] = [
    {"step": 0, "held_out": 0.5, "by_sigma": [0.1 * n for n in range(len(HELD_OUT_SIGMAS))]},
    {"step": 1, "loss": 0.25, "lr": 1e-4, "seconds": 3.0},
    {"step": 2, "loss": 0.125, "lr": 2e-4, "seconds": 6.0},
]


def read(folder: Path) -> dict[str, list[tuple[int, float]]]:
    events = EventAccumulator(str(folder)).Reload()
    return {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def test_rows_become_scalars_and_those_of_a_crash_are_purged(tmp_path: Path) -> None:
    first = Scalars(tmp_path, 0)
    for row in ROWS:
        first.write(row)
    first.close()
    found = read(tmp_path)
    assert found["loss/running"] == [(1, 0.25), (2, 0.125)]
    assert found["held out/mean"] == [(0, 0.5)]
    assert [step for step, _ in found["learning rate"]] == [1, 2]
    assert f"held out/sigma {HELD_OUT_SIGMAS[-1]:g}" in found
    again = Scalars(tmp_path, 1)  # the second step is done anew
    again.write({**ROWS[2], "loss": 0.0625})
    again.close()
    assert read(tmp_path)["loss/running"] == [(1, 0.25), (2, 0.0625)]


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(CannotStart) as caught:
        Scalars(tmp_path, 0)
    assert caught.value.code == "E-EXTRA"
    assert "exvideo-bench[train]" in caught.value.fix


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("a file")
    with pytest.raises(UsageError) as caught:
        Scalars(tmp_path / "log", 0)
    assert caught.value.code == "E-OUTPUT"
