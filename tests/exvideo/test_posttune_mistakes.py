"""What a person may get wrong about a post-tuning, through the command line: four parts, and the right exit code."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from harness.cli import run_app
from harness.errors import CannotStart
from harness.exvideo.posttune import _memory_told
from harness.exvideo.posttune_config import PosttuneConfig


@pytest.mark.parametrize(
    ("change", "code", "status", "says"),
    [
        ({"--base": "no/such/base.safetensors"}, "E-WEIGHTS", 4, "there is no such file"),
        ({"--device": "cuda:99"}, "E-NO-GPU", 4, "CUDA devices"),
        ({"--device": "gpu"}, "E-SETTINGS", 2, "cpu, cuda or cuda:N"),
        ({"--data": "no-such-folder"}, "E-DATA", 2, "world:COUNT"),
        ({"--data": "no-such-list.csv"}, "E-DATA", 2, "No such file"),
        ({"--frames": "1"}, "E-SETTINGS", 2, "one frame has no motion"),
        ({"--size": "512"}, "E-SETTINGS", 2, "WIDTHxHEIGHT"),
        ({"--accumulate": "0"}, "E-SETTINGS", 2, "accumulate is 0"),
        ({"--clip-fps": "24"}, "E-SETTINGS", 2, "--clip-fps is a rule for videos"),
        ({"--policy": "new_only", "--conv": "none", "--positions": "sin"}, "E-POLICY", 2, "--policy temporal"),
    ],
)
def test_a_mistake_is_told_in_four_parts(
    tiny_base: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: dict[str, str],
    code: str,
    status: int,
    says: str,
) -> None:
    asked = {"--base": str(tiny_base), "--out": str(tmp_path / "x.safetensors"), "--frames": "6", "--data": "world:2"}
    line = ["posttune", *(word for pair in (asked | change).items() for word in pair)]
    assert run_app(line) == status
    said = capsys.readouterr().err
    assert said.startswith(f"{code}  ")
    assert "Fix" in said
    assert says in said
    assert not list(tmp_path.iterdir())


def told(error: BaseException, **settings: object) -> CannotStart:
    with pytest.raises(CannotStart) as caught, _memory_told(PosttuneConfig("b", Path("o"), 5, **settings)):  # type: ignore[arg-type]
        raise error
    return caught.value


def test_where_memory_runs_out_what_is_left_to_try_is_told() -> None:
    gpu = told(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.\nmore"), device="cuda", batch=4)
    assert gpu.code == "E-MEMORY"
    assert gpu.why == "CUDA out of memory. Tried to allocate 20.00 GiB."
    assert gpu.fix == (
        "the same command with --checkpointing, then --batch 1 --accumulate 4, then --precision bf16, "
        "then --optimiser adamw-8bit"
    )
    cpu = told(RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), gradient_checkpointing=True)
    assert cpu.fix == "the same command with --batch 1 --accumulate 2"
    assert told(MemoryError(), gradient_checkpointing=True, batch=1).fix == "a smaller --size, or fewer --frames"


def test_other_errors_pass_as_they_are() -> None:
    with pytest.raises(RuntimeError, match="shapes"), _memory_told(PosttuneConfig("b", Path("o"), 5)):
        raise RuntimeError("shapes do not fit")
