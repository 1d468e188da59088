"""Peak memory is that of the work between, not of the process's whole life."""

from __future__ import annotations

import mmap
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from harness import memory
from harness.memory import peak_rss, peak_vram, ran_out, reset_peaks
from harness.workbench import Workbench


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


class FakeCuda:
    """What torch would be asked about GPUs, and of which."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def __getattr__(self, name: str) -> Callable[[str], int]:
        def answer(device: str = "of no device") -> int:
            self.asked.append((name, device))
            return 7

        return answer


def test_only_the_gpu_that_works_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = FakeCuda()
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    reset_peaks("cuda:1")
    assert peak_vram("cuda:1") == 7
    assert cuda.asked == [("reset_peak_memory_stats", "cuda:1"), ("max_memory_allocated", "cuda:1")]
    reset_peaks("cpu")
    assert peak_vram("cpu") is None
    assert len(cuda.asked) == 2


def test_a_worker_makes_its_gpu_the_one_that_libraries_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = FakeCuda()
    torch: Any = SimpleNamespace(cuda=cuda, backends=SimpleNamespace(cudnn=SimpleNamespace()))
    torch.set_num_threads = torch.use_deterministic_algorithms = lambda *given, **rest: None
    monkeypatch.setitem(sys.modules, "torch", torch)
    nothing: Any = None
    for device in ("cuda:1", "cpu"):
        Workbench(tmp_path, nothing, nothing, "r", "w", device).settle_libraries()
    assert cuda.asked == [("set_device", "cuda:1")]


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be reported later"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
        type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory."),
    ],
)
def test_every_way_in_which_memory_runs_out_is_known(error: BaseException) -> None:
    assert ran_out(error)


@pytest.mark.parametrize(
    "error", [RuntimeError("shapes do not fit"), ValueError("CUDA error: out of memory"), OSError()]
)
def test_other_errors_are_no_lack_of_memory(error: BaseException) -> None:
    assert not ran_out(error)
