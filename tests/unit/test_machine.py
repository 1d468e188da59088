"""What nvidia-smi and the torch wheel's name say."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.machine import Machine, free_bytes, parse_gpus

TWO = "0, NVIDIA H100 80GB HBM3, 81559, 80000, 580.65.06\n1, NVIDIA A100, 40960, 1024, 580.65.06\n"
MIB = 1024 * 1024


def test_gpus_with_their_memory() -> None:
    first, second = parse_gpus(TWO, None)
    assert (first.index, first.name, first.total_bytes) == (0, "NVIDIA H100 80GB HBM3", 81559 * MIB)
    assert second.free_bytes == 1024 * MIB
    seen = "nvidia-smi sees NVIDIA H100 80GB HBM3, NVIDIA A100 (driver 580.65.06)"
    assert Machine((first, second), "2.9.0", True).seen == seen


@pytest.mark.parametrize(
    ("visible", "names"),
    [("1", ["NVIDIA A100"]), ("1,0", ["NVIDIA A100", "NVIDIA H100 80GB HBM3"]), ("", []), ("7", [])],
)
def test_only_visible_gpus_count_as_cuda_counts_them(visible: str, names: list[str]) -> None:
    found = parse_gpus(TWO, visible)
    assert [gpu.name for gpu in found] == names
    assert [gpu.index for gpu in found] == list(range(len(names)))


def test_noise_is_no_gpu() -> None:
    assert parse_gpus("No devices were found\n", None) == ()


def test_a_gpu_without_a_cuda_torch_is_not_used() -> None:
    gpus = parse_gpus(TWO, None)
    assert Machine(gpus, "2.9.0+cpu", False).devices == ("cpu",)
    assert Machine(gpus, "2.9.0+cu128", True).devices == ("cuda:0", "cuda:1")
    assert Machine((), "2.9.0", True).devices == ("cpu",)


def test_free_space_of_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "not" / "yet") > 0
