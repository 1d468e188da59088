"""What a post-tuning may be too large for: kernels, before anything is encoded, and memory, when it runs out."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Literal

from harness.errors import CannotStart
from harness.exvideo.base import Components
from harness.exvideo.execution import MAX_ELEMENTS, check_tensors, feed_forward_in_pieces
from harness.exvideo.posttune_config import PosttuneConfig
from harness.exvideo.sharding import is_asked
from harness.memory import ran_out
from harness.suites.mini import world

Stage = Literal["load", "encode", "train"]
DURING = {"load": "loading the base", "encode": "encoding clips", "train": "post-tuning"}


def fit_to_kernels(config: PosttuneConfig, components: Components) -> None:
    """Have feed-forward layers take few enough frames at a time for the kernels, which changes no result.

    Args:
        config: with the size of its clips, where they are of videos; clips of the world have the world's.
        components: the base, extended or not.

    Raises:
        UsageError: E-SETTINGS, another tensor of a batch would be too large.
    """
    width, height = config.size or (world.SIZE, world.SIZE)
    frames, _, high, wide = components.latent_shape(config.num_frames, height, width)
    fewer = f"--batch 1 --accumulate {config.batch * config.accumulate}"
    check_tensors(components.unet, frames, high, wide, config.batch, fewer="the same command with " + fewer)
    feed_forward_in_pieces(components.unet, frames, high, wide, config.batch, MAX_ELEMENTS)


@contextlib.contextmanager
def memory_told(config: PosttuneConfig, stage: Stage) -> Iterator[None]:
    """Where memory runs out in a stage, the ways to need less of it there that have not been taken yet.

    Raises:
        CannotStart: E-MEMORY.
    """
    try:
        yield
    except Exception as error:
        if not ran_out(error):
            raise
        raise CannotStart(
            "E-MEMORY",
            f"Memory ran out in {DURING[stage]}.",
            where=config.device,
            why=(str(error).strip() or type(error).__name__).splitlines()[0],
            fix=_lighter(config, stage),
        ) from error


def _lighter(config: PosttuneConfig, stage: Stage) -> str:
    on_gpu = config.device.startswith("cuda")
    if stage == "load":
        return "end other programs" + (", or the same command with --device cpu" if on_gpu else ": harness doctor")
    ways = {
        "--checkpointing": not config.gradient_checkpointing,
        f"--batch 1 --accumulate {config.batch * config.accumulate}": config.batch > 1,
        "--precision bf16": on_gpu and config.precision == "full",
        "--optimiser adamw-8bit": on_gpu and config.optimiser != "adamw-8bit" and not is_asked(os.environ),
    }
    left = [way for way, is_left in ways.items() if is_left] if stage == "train" else []
    return "the same command with " + (", then ".join(left) or "a smaller --size, or fewer --frames")
