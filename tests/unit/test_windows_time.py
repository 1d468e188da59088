"""The time profile: eight equal parts of the clip, None where nothing was measured."""

from __future__ import annotations

import numpy as np

from harness.windows_time import window_means, window_of, window_ratios


def test_forty_frames_make_eighths_of_five() -> None:
    windows = window_of(np.arange(40), 40)
    assert np.bincount(windows).tolist() == [5] * 8


def test_short_clips_leave_gaps_and_never_leave_the_range() -> None:
    for length in range(1, 20):
        windows = window_of(np.arange(length), length)
        assert windows.min() >= 0
        assert windows.max() <= 7
    assert window_means(np.array([1.0, 3.0]), np.array([0, 1]), 4) == (1, None, 3, None, None, None, None, None)


def test_means_and_ratios() -> None:
    starts = np.array([0, 1, 4, 39])
    assert window_means(np.array([1.0, 2.0, 6.0, 5.0]), starts, 40) == (3, *[None] * 6, 5)
    ratios = window_ratios(np.array([1.0, 2.0, 3.0, 5.0]), np.array([2.0, 2.0, 2.0, 0.0]), starts, 40)
    assert ratios == (1, *[None] * 7)
