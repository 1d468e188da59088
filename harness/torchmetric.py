"""Any `torchmetrics.Metric` as a video metric: a decorator on a function that makes one.

    @torchmetric("detail", version=1, better="none", unit="total variation", summary="total variation of a frame")
    def detail():
        from torchmetrics.image import TotalVariation
        return TotalVariation(reduction="mean")

The frames of the working size (short side at most 256 pixels) pass in the order of time, at most 8 at once, as float
[n, 3, h, w]. The score is the metric's own ``compute()`` over all of them.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from harness.clip import Clip
from harness.errors import ItemError
from harness.flow import WORKING_SIDE
from harness.model import Direction, Frames, Score, Weight
from harness.registry import metric
from harness.windows_time import WINDOWS, window_of, window_ratios

if TYPE_CHECKING:
    from torch import Tensor

Compare = Literal["alone", "previous_frame", "first_frame", "conditioning_image"]
Numbers = NDArray[np.int64]
F = TypeVar("F", bound=Callable[[], Any])

BATCH = 8  # frames


def torchmetric(
    name: str,
    *,
    version: int,
    better: Direction,
    unit: str,
    summary: str,
    compare: Compare = "alone",
    value_range: tuple[float, float] = (0.0, 1.0),
    min_side: int = 1,
    beside: str = "",
    aspect: str = "",
    params: Mapping[str, object] | None = None,
    weights: tuple[Weight, ...] = (),
    responds: Mapping[str, str] | None = None,
) -> Callable[[F], F]:
    """Register a function that makes a `torchmetrics.Metric`; it is called once a process, at the first video.

    The metric is updated with a batch of frames, or with a batch and what ``compare`` sets it against: the frame
    before, frame 0 (itself left out), or the conditioning image. Colours are scaled to ``value_range``. The profile is
    the mean of its batch values in each eighth, batches never reaching from one eighth into the next.

    A video is excluded when its short side has fewer than ``min_side`` pixels, when it is too short to compare, or when
    the metric itself refuses it with a ValueError; without an image to compare with, or where the metric computes NaN,
    it is undefined.

    Args:
        params: settings of the metric that its values depend on. They enter the key; the code does not, so raise
            ``version`` when it changes.

    Raises:
        UsageError: E-PLUGIN, as for `harness.registry.metric`.
    """
    settings = {
        "compare": compare,
        "value_range": list(value_range),
        "min_side": min_side,
        "working_side": WORKING_SIDE,
        "batch": BATCH,
        **(params or {}),
    }

    def register(make: F) -> F:
        loaded = cache(make)

        def score(clip: Clip) -> Score:
            return _refused(clip, compare, min_side) or _score(loaded(), clip, compare, value_range)

        # The plugin's file and definition are those of the function that it wrote.
        score.__module__, score.__name__, score.__doc__ = make.__module__, make.__name__, make.__doc__
        score.__wrapped__ = make  # type: ignore[attr-defined]
        score.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [inspect.Parameter("clip", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
        )
        metric(
            name,
            version=version,
            better=better,
            unit=unit,
            summary=summary,
            beside=beside,
            aspect=aspect,
            params=settings,
            weights=weights,
            responds=responds,
        )(score)
        return make

    return register


def _refused(clip: Clip, compare: Compare, min_side: int) -> Score | None:
    if compare == "conditioning_image":
        if clip.working_image is None:
            return Score.undefined("no conditioning image")
        if clip.working_image.shape != clip.working.shape[1:]:
            return Score.excluded("the conditioning image has another size than the video")
    if clip.short_side < min_side:
        return Score.excluded(f"frames smaller than {min_side} pixels")
    if compare in {"previous_frame", "first_frame"} and len(clip) < 2:
        return Score.excluded("fewer than 2 frames")
    return None


def _score(network: Any, clip: Clip, compare: Compare, value_range: tuple[float, float]) -> Score:
    import torch

    first = 0 if compare in {"alone", "conditioning_image"} else 1
    numbers = np.arange(first, len(clip), dtype=np.int64)
    starts = numbers - 1 if compare == "previous_frame" else numbers
    sums, counts = np.zeros(len(numbers)), np.zeros(len(numbers))
    try:
        with torch.inference_mode():
            network.reset()
            for batch in _batches(window_of(starts, len(clip))):
                inputs = [_tensor(part, value_range) for part in _inputs(clip, compare, numbers[batch])]
                value = _number(network(*inputs))
                if math.isfinite(value):
                    sums[batch], counts[batch] = value, 1
            total = _number(network.compute())
    except ValueError as error:  # what torchmetrics raises for an input that it does not take
        return Score.excluded(f"{type(network).__name__} refuses it: {str(error).splitlines()[0]}")
    if not math.isfinite(total):
        return Score.undefined(f"{type(network).__name__} computes {total}")
    return Score(total, "ok", "", 1.0, {}, window_ratios(sums, counts, starts, len(clip)))


def _batches(windows: Numbers) -> Iterator[slice]:
    """Runs of at most `BATCH` frames that lie in one window."""
    for window in range(WINDOWS):
        inside = np.flatnonzero(windows == window)
        for begin in range(0, len(inside), BATCH):
            part = inside[begin : begin + BATCH]
            yield slice(int(part[0]), int(part[-1]) + 1)


def _inputs(clip: Clip, compare: Compare, numbers: Numbers) -> list[Frames]:
    frames = clip.working[numbers]
    if compare == "alone":
        return [frames]
    if compare == "previous_frame":
        return [frames, clip.working[numbers - 1]]
    other = clip.working[0] if compare == "first_frame" else clip.working_image
    return [frames, np.broadcast_to(np.asarray(other), frames.shape)]


def _tensor(frames: Frames, value_range: tuple[float, float]) -> Tensor:
    import torch

    low, high = value_range
    scaled = frames.astype(np.float32) * np.float32((high - low) / 255) + np.float32(low)
    return torch.from_numpy(scaled).permute(0, 3, 1, 2)


def _number(found: Any) -> float:
    """One number out of what a metric computed.

    Raises:
        ItemError: E-SCORE, it computed several.
    """
    if not isinstance(found, int | float) and getattr(found, "numel", lambda: 0)() != 1:
        raise ItemError(
            "E-SCORE",
            "A torchmetrics metric computed more than one number.",
            why=f"it gave a {type(found).__name__}",
            fix="configure it to reduce to one, for example reduction='elementwise_mean'",
        )
    return float(found)
