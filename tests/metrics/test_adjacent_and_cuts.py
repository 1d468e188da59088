"""Adjacent difference by VBench's formula, cut counts and duplicate shares."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from harness.clip import Clip
from harness.metrics.adjacent_mae import adjacent_mae
from harness.metrics.cuts import dup_frac, n_cuts
from harness.suites.mini import world
from tests.metrics.moving import flicker, pan_frames, still


def test_the_formula_of_vbench() -> None:
    frames = world.make_clip(3, 6).frames
    by_hand = [np.abs(a.astype(np.float32) - b).mean() for a, b in pairwise(frames)]
    assert adjacent_mae(Clip(frames, 8)).value == pytest.approx((255 - np.mean(by_hand)) / 255, abs=1e-6)


def test_it_ranks_visible_flicker_above_a_perfect_pan() -> None:
    still_with_flicker = adjacent_mae(Clip(flicker(still(8), 8), 8)).value
    assert still_with_flicker == pytest.approx(1 - 16 / 255)
    pan = adjacent_mae(Clip(pan_frames(3, 8), 8)).value
    assert pan is not None
    assert pan < still_with_flicker
    assert adjacent_mae(Clip(still(8), 8)).value == 1
    assert adjacent_mae(Clip(still(1), 8)).status == "excluded"


def test_cuts_are_counted_in_their_eighth() -> None:
    parts = [world.make_clip(seed, 20).frames for seed in (0, 1, 2)]
    frames = np.concatenate([parts[0][:8], parts[1][:20], parts[2][:12]])
    score = n_cuts(Clip(frames, 10))
    assert score.value == 2
    assert score.profile == (0, 1, 0, 0, 0, 1, 0, 0)
    assert n_cuts(Clip(parts[0], 10)).value == 0
    assert n_cuts(Clip(still(1), 10)).status == "excluded"


def test_duplicates_are_a_share_of_the_pairs() -> None:
    frames = pan_frames(1, 41)
    frames[11:16] = frames[10]
    score = dup_frac(Clip(frames, 10))
    assert score.value == pytest.approx(5 / 40)
    assert score.profile[2] == pytest.approx(0.8)  # pairs that start at frames 11 to 15
    assert dup_frac(Clip(still(5), 10)).value == 1
    assert dup_frac(Clip(still(1), 10)).status == "excluded"
