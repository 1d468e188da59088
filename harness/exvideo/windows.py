"""Overlapping temporal windows whose predictions are blended: the training-free way to a longer clip."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from harness.errors import UsageError


@dataclass(frozen=True)
class Window:
    """Frames ``start .. stop - 1`` and the weight of each in the blend."""

    start: int
    stop: int
    weights: tuple[float, ...]


def plan_windows(num_frames: int, length: int, stride: int) -> list[Window]:
    """Windows of ``length`` frames every ``stride`` frames that cover a clip; the last one may be shorter.

    A weight rises linearly from ``1 / length`` at the window's ends, except at the clip's own ends, where there is
    nothing to blend with.

    Raises:
        UsageError: E-WINDOW, the stride is longer than the window (frames would be left out) or not positive.
    """
    if not 1 <= stride <= length or num_frames < 1:
        raise UsageError(
            "E-WINDOW",
            f"Windows of {length} frames every {stride} cannot cover {num_frames} frames.",
            why="the stride has to be in 1 .. window length",
            fix="for example window 25 with stride 5",
        )
    windows, start = [], 0
    while True:
        stop = min(start + length, num_frames)
        windows.append(Window(start, stop, _weights(start, stop, num_frames, length)))
        if start + length >= num_frames:
            return windows
        start += stride


def _weights(start: int, stop: int, num_frames: int, length: int) -> tuple[float, ...]:
    rise = [1.0 if start == 0 else (i + 1) / length for i in range(stop - start)]
    fall = [1.0 if stop == num_frames else (length - i) / length for i in range(stop - start)]
    return tuple(map(min, rise, fall))


def blend(predict: Callable[[Window], Tensor], windows: list[Window], num_frames: int) -> Tensor:
    """The weighted mean of per-window predictions.

    Args:
        predict: the prediction [t, ...] for a window of t frames.
        windows: they have to cover every frame.
        num_frames: length of the clip.

    Returns:
        [num_frames, ...], in the dtype of the predictions. A single window is passed through untouched.
    """
    if len(windows) == 1:
        return predict(windows[0])
    total: Tensor | None = None
    weight = torch.zeros(num_frames, dtype=torch.float64)
    for window in windows:
        values = predict(window)
        weights = torch.tensor(window.weights, dtype=torch.float64)
        weight[window.start : window.stop] += weights
        if total is None:
            total = values.new_zeros((num_frames, *values.shape[1:]))
        total[window.start : window.stop] += values * _per_frame(weights, values)
    if total is None or not bool((weight > 0).all()):
        raise ValueError(f"the windows do not cover {num_frames} frames")
    return total / _per_frame(weight, total)


def _per_frame(weights: Tensor, like: Tensor) -> Tensor:
    return weights.to(device=like.device, dtype=like.dtype).reshape(-1, *[1] * (like.ndim - 1))
