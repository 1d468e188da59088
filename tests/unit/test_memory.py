"""Peak memory is that of the work between, not of the process's whole life."""

from __future__ import annotations

import mmap
import sys
from pathlib import Path

import numpy as np
import pytest

from harness import memory
from harness.memory import peak_rss, peak_vram, reset_peaks


def test_the_peak_covers_what_was_freed_again_and_is_forgotten_on_request() -> None:
    reset_peaks()
    before = peak_rss()
    with mmap.mmap(-1, 60_000_000) as block:  # the allocator may keep what it is given back
        np.frombuffer(block, np.uint8)[:] = 1
    assert peak_rss() - before > 40_000_000
    high = peak_rss()
    reset_peaks()
    assert peak_rss() < high - 30_000_000


def test_without_the_systems_files_the_process_tells_its_own_peak(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(memory, "STATUS", tmp_path / "none")
    monkeypatch.setattr(memory, "RESET", tmp_path / "none" / "either")
    reset_peaks()
    assert peak_rss() > 10_000_000


def test_without_a_gpu_there_is_no_number_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert peak_vram() is None
