"""What the extension costs: a forward pass beside the stock UNet, and a post-tuning step by what is checkpointed.

    python benchmarks/extension.py [--quick]

A small UNet on the CPU, 32 frames. Prints two Markdown tables. Seconds are of the processor, so that other work on the
machine does not count, and the smallest of the repetitions, which take turns. Memory is the peak above what the process
held before, each in a child of its own; the first row of a table is what the ratios refer to.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import os
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
from diffusers import UNetSpatioTemporalConditionModel

from harness.exvideo.extension import ExtendedTransformer, ExtensionConfig, extend, spatio_temporal_blocks
from harness.exvideo.freezing import freeze
from harness.memory import peak_rss, reset_peaks

REPEATS = 2
CONTEXT, LATENTS = 64, 4
Row = tuple[str, float, int]


class Shape(NamedTuple):
    """Of the latents, and the widths of the UNet's levels."""

    frames: int
    size: int
    widths: tuple[int, ...]


MEASURED, QUICK = Shape(32, 16, (64, 128)), Shape(9, 4, (32, 64))


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="small and once: checks the script, measures nothing")
    quick = parser.parse_args().quick
    shape, repeats = (QUICK, 1) if quick else (MEASURED, REPEATS)
    torch.set_num_threads(1)
    print(f"{shape.frames} frames, latents of {shape.size}x{shape.size}, widths {shape.widths}, one thread\n")
    forward = {
        "stock diffusers UNet": lambda: forward_of(unet(shape, extended=False), shape),
        "extended: table and convolution": lambda: forward_of(unet(shape), shape),
        "extended: table alone": lambda: forward_of(unet(shape, conv="none"), shape),
    }
    table("forward pass", measured(forward, repeats))
    steps = {
        "nothing checkpointed": lambda: step_of(unet(shape), shape),
        "what diffusers checkpoints": lambda: step_of(checkpointed(unet(shape), temporal=False), shape),
        "temporal blocks too": lambda: step_of(checkpointed(unet(shape), temporal=True), shape),
    }
    print()
    table("post-tuning step", measured(steps, repeats))


def unet(shape: Shape, *, extended: bool = True, conv: Any = "identity") -> UNetSpatioTemporalConditionModel:
    torch.manual_seed(0)
    heads = tuple(width // 32 for width in shape.widths)
    made = UNetSpatioTemporalConditionModel(
        sample_size=shape.size,
        in_channels=2 * LATENTS,
        out_channels=LATENTS,
        down_block_types=("CrossAttnDownBlockSpatioTemporal",) * 2,
        up_block_types=("CrossAttnUpBlockSpatioTemporal",) * 2,
        block_out_channels=shape.widths,
        addition_time_embed_dim=32,
        projection_class_embeddings_input_dim=96,
        layers_per_block=1,
        cross_attention_dim=CONTEXT,
        num_attention_heads=heads,
        num_frames=8,
    )
    made.requires_grad_(False)
    return extend(made, ExtensionConfig.of_native(8, num_frames=shape.frames, conv=conv)) if extended else made


def checkpointed(model: UNetSpatioTemporalConditionModel, *, temporal: bool) -> UNetSpatioTemporalConditionModel:
    model.enable_gradient_checkpointing()
    if not temporal:
        for _, block in spatio_temporal_blocks(model):
            extended = cast(ExtendedTransformer, block)
            chosen = spatial_only(extended, extended._maybe_checkpointed)
            extended._maybe_checkpointed = chosen  # type: ignore[method-assign]
    return model


def spatial_only(block: ExtendedTransformer, usual: Callable[..., Any]) -> Callable[..., Any]:
    def chosen(function: Callable[..., Any], *arguments: Any) -> Any:
        return usual(function, *arguments) if function != block.temporal_branch else function(*arguments)

    return chosen


def call(model: UNetSpatioTemporalConditionModel, shape: Shape) -> torch.Tensor:
    draw = torch.Generator().manual_seed(1)
    sample = torch.randn(1, shape.frames, 2 * LATENTS, shape.size, shape.size, generator=draw)
    context = torch.randn(1, 1, CONTEXT, generator=draw)
    output: torch.Tensor = model(sample, torch.tensor(0.3), context, torch.tensor([[9.0, 100.0, 0.02]])).sample
    return output


def forward_of(model: UNetSpatioTemporalConditionModel, shape: Shape) -> Callable[[], None]:
    @torch.no_grad()
    def work() -> None:
        call(model, shape)

    return work


def step_of(model: UNetSpatioTemporalConditionModel, shape: Shape) -> Callable[[], None]:
    optimiser = torch.optim.AdamW(freeze(model, "temporal").values(), lr=1e-5)

    def work() -> None:
        call(model, shape).square().mean().backward()
        optimiser.step()
        optimiser.zero_grad()

    return work


def measured(cases: dict[str, Callable[[], Callable[[], None]]], repeats: int) -> list[Row]:
    """Name, processor seconds and peak bytes of each case; cases take turns, each time in a child process."""
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    peaks: dict[str, list[int]] = {name: [] for name in cases}
    for _ in range(repeats):
        for name, prepare in cases.items():
            taken, peak = in_child(prepare)
            seconds[name].append(taken)
            peaks[name].append(peak)
    return [(name, min(seconds[name]), min(peaks[name])) for name in cases]


def in_child(prepare: Callable[[], Callable[[], None]]) -> tuple[float, int]:
    """Processor seconds and peak bytes above the start of one call, after a first that is not measured."""
    receive, send = os.pipe()
    child = os.fork()
    if not child:
        try:
            work = prepare()
            work()
            give_back()
            reset_peaks()
            before, begin = resident(), time.process_time()
            work()
            os.write(send, f"{time.process_time() - begin} {peak_rss() - before}".encode())
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)  # the child must not go on with the parent's work
    os.close(send)
    with os.fdopen(receive) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    if not said:
        raise SystemExit("a measurement failed, see above")
    taken, peak = said.split()
    return float(taken), int(peak)


def give_back() -> None:
    """Return freed memory to the system: what the first call left in the heap would hide the peak of the second."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)


def resident() -> int:
    """Bytes of this process that are in memory now."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def table(title: str, rows: Sequence[Row]) -> None:
    print(f"| {title} | seconds | ratio | peak memory, MB | ratio |\n|---|---|---|---|---|")
    _, first_seconds, first_peak = rows[0]
    for name, seconds, peak in rows:
        ratios = f"{seconds / first_seconds:.2f} | {peak / 1e6:.0f} | {peak / first_peak:.2f}"
        print(f"| {name} | {seconds:.2f} | {ratios} |", flush=True)


if __name__ == "__main__":
    main()
