"""Motion histograms: where a known speed falls, distances in octaves, and what has none."""

from __future__ import annotations

import numpy as np
import pytest

from harness.clip import Clip
from harness.errors import ItemError
from harness.metrics.motion_hist import BINS, fd_motion_hist, motion_histograms
from harness.model import Features
from harness.registry import load_plugins
from harness.suites.mini import world
from tests.metrics.moving import pan_frames, still


def features(*rows: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> Features:
    table = np.concatenate(rows).astype(np.float64)
    return Features(table, np.array([str(k) for k in range(len(table))]))


def one_bin(speed: int, accel: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    row = np.zeros((1, 2 * BINS), np.float32)
    row[0, speed] = row[0, BINS + accel] = 1
    return row


def test_rows_are_two_distributions() -> None:
    row = motion_histograms(Clip(pan_frames(2, 6), 8))
    assert row.shape == (1, 2 * BINS)
    assert row[0, :BINS].sum() == pytest.approx(1)
    assert row[0, BINS:].sum() == pytest.approx(1)


def test_a_pan_falls_into_the_bin_of_its_speed_and_a_still_into_the_lowest() -> None:
    # 2 of 64 pixels are 3.125 %: 1.64 octaves above 1 %, 6.64 above the lowest edge.
    assert int(motion_histograms(Clip(pan_frames(2, 6), 8))[0, :BINS].argmax()) == 1 + 13
    row = motion_histograms(Clip(still(5), 8))
    assert row[0, 0] == 1
    assert row[0, BINS] == 1


def test_distance_is_in_octaves() -> None:
    slow, fast = features(one_bin(5, 3), one_bin(5, 3)), features(one_bin(9, 3), one_bin(9, 3))
    assert fd_motion_hist(slow, slow) == 0
    assert fd_motion_hist(slow, fast) == pytest.approx(1)  # two octaves in speed, none in acceleration
    assert fd_motion_hist(fast, slow) == fd_motion_hist(slow, fast)


def test_real_clips_are_nearer_to_real_clips_than_stills_and_shuffles_are() -> None:
    clips = [world.make_clip(seed, 5).frames for seed in range(6)]
    reference = features(*(motion_histograms(Clip(c, 8)) for c in clips[:3]))
    order = np.array([3, 0, 4, 1, 2])
    real, frozen, shuffled = (
        features(*(motion_histograms(Clip(change(c), 8)) for c in clips[3:]))
        for change in (lambda c: c, lambda c: np.repeat(c[:1], 5, axis=0), lambda c: c[order])
    )
    near = fd_motion_hist(real, reference)
    assert near < fd_motion_hist(shuffled, reference)
    assert near < fd_motion_hist(frozen, reference)


def test_what_cannot_be_measured_is_refused() -> None:
    with pytest.raises(ItemError, match="3 frames"):
        motion_histograms(Clip(still(2), 8))
    with pytest.raises(ItemError, match="two videos"):
        fd_motion_hist(features(one_bin(1, 1)), features(one_bin(1, 1), one_bin(2, 1)))


def test_the_flow_backend_is_part_of_the_features_key() -> None:
    spec = load_plugins().extractor("motion_hist")
    assert "dis-medium" in str(spec.identity())
    assert spec.needs == ("flow",)
    assert spec.weights == ()
