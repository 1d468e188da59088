"""How much memory a piece of work took: the most that was in use at once, on the GPU and in this process."""

from __future__ import annotations

import gc
import resource
import sys
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
RESET_PEAK = "5"  # proc(5): sets the peak resident size to what is resident now
# A GPU's memory has a type of its own in torch only where torch's allocator asks; the machine's, and what libraries
# and kernels ask for themselves, is told in words.
WORDS = (
    *("DefaultCPUAllocator", "CUDA error: out of memory"),
    *("CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED", "DEVICE_ALLOCATION_FAILED"),
)


def leave(status: int) -> NoReturn:
    """End the process. What ends with it is not looked through first: a million objects of torch take seconds."""
    gc.freeze()
    sys.exit(status)


def reset_peaks(device: str = "cpu") -> None:
    """Begin to measure. Where the system cannot forget a process's peak, the old one stays the least that is told.

    ``device`` is the one that the work is done on; no other GPU is asked, which would claim memory there.
    """
    with suppress(OSError):
        RESET.write_text(RESET_PEAK, encoding="ascii")
    if (torch := sys.modules.get("torch")) and device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats(device)


def ran_out(error: BaseException) -> bool:
    """Whether an exception says that memory ran out, of the machine or of a GPU. Loads no torch to find out."""
    in_words = isinstance(error, RuntimeError) and any(words in str(error) for words in WORDS)
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError" or in_words


def peak_vram(device: str = "cpu") -> int | None:
    """Most bytes that were allocated on a GPU since `reset_peaks`; None for a device that is none."""
    if (torch := sys.modules.get("torch")) and device.startswith("cuda"):
        return int(torch.cuda.max_memory_allocated(device))
    return None


def peak_rss() -> int:
    """Most bytes of this process that were resident since `reset_peaks`."""
    try:
        lines = STATUS.read_text(encoding="ascii").splitlines()
        return 1024 * int(next(line.split()[1] for line in lines if line.startswith("VmHWM:")))
    except (OSError, StopIteration, ValueError):
        return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
