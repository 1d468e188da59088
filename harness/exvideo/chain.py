"""Chained clips: the last frame of one clip is the image of the next. Needs no training."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.errors import UsageError
from harness.exvideo.base import Components
from harness.exvideo.execution import Execution
from harness.exvideo.pipeline import SamplingSettings, generate

Draw = Callable[[str, tuple[int, ...]], NDArray[np.float32]]


@dataclass(frozen=True)
class Link:
    """One clip of a chain: of its frames ``first .. last - 1`` are kept, as frames ``start ...`` of the video."""

    start: int
    first: int
    last: int


def plan_chain(num_frames: int, length: int) -> list[Link]:
    """The clips of ``length`` frames that make a video of ``num_frames``.

    The first frame of every later clip shows again what the one before ended with, and is left out. The last clip is
    as long as the others, so that the model works at its own length throughout, and is cut.

    Raises:
        UsageError: E-WINDOW, clips of a single frame would never get further.
    """
    if num_frames < 1 or length < 2:
        raise UsageError(
            "E-WINDOW",
            f"Clips of {length} frames cannot be chained to {num_frames}.",
            why="a later clip begins with the last frame of the one before it",
            fix="clips of at least 2 frames, such as the base's native length",
        )
    links = [Link(0, 0, min(length, num_frames))]
    while (start := links[-1].start + links[-1].last - links[-1].first) < num_frames:
        links.append(Link(start, 1, min(length, num_frames - start + 1)))
    return links


def generate_chain(
    components: Components,
    image: NDArray[np.uint8],
    settings: SamplingSettings,
    length: int,
    draw: Draw,
    execution: Execution = Execution(),  # noqa: B008  # frozen
) -> NDArray[np.uint8]:
    """Make a video as a chain of clips of ``length`` frames.

    Args:
        image: uint8 [H, W, 3], the first frame.
        settings: of the whole video; each clip is sampled like one of its own.
        draw: standard normal noise by stream name and shape: ``latents/K`` and ``image/K`` for clip K.

    Returns:
        uint8 [T, H, W, 3].

    Raises:
        UsageError: E-WINDOW, see `plan_chain`; and as `harness.exvideo.pipeline.generate`.
    """
    height, width = image.shape[:2]
    clip_settings = dataclasses.replace(settings, num_frames=length)
    pieces: list[NDArray[np.uint8]] = []
    for number, link in enumerate(plan_chain(settings.num_frames, length)):
        noise = draw(f"latents/{number}", components.latent_shape(length, height, width))
        image_noise = draw(f"image/{number}", (3, height, width))
        clip = generate(components, image, clip_settings, noise, image_noise, execution)
        pieces.append(clip[link.first : link.last])
        image = clip[-1]
    return np.concatenate(pieces)
