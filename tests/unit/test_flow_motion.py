"""Motion evidence and the split into camera and objects, on flow that is known and flow that is estimated."""

from __future__ import annotations

import numpy as np
import pytest

from harness.clip import Clip
from harness.flow_camera import camera_flow
from harness.flow_motion import EXPLAINED_GATE, fastest
from harness.model import Frames
from harness.suites.mini import world
from tests.metrics.moving import flicker, known_flow, noise, pan_frames, still, uniform_clip

T, SIZE = 6, 64


def moving(seed: int) -> Frames:
    """A clip with room for a flicker."""
    frames: Frames = (world.make_clip(seed, T).frames.astype(np.float64) * 0.7 + 38).round().astype(np.uint8)
    return frames


def test_a_true_flow_explains_everything_and_a_wrong_one_nothing() -> None:
    frames = pan_frames(3, T)
    assert uniform_clip(frames, (3, 0)).motion.explained > 0.97  # what enters at the border is not there to follow
    assert uniform_clip(frames, (0, 0)).motion.explained == pytest.approx(0)
    assert uniform_clip(frames, (-3, 0)).motion.explained < 0
    assert uniform_clip(still(T), (0, 0)).motion.explained == 1


@pytest.mark.parametrize("seed", [5, 7])
def test_real_motion_passes_with_noise_or_flicker_on_it(seed: int) -> None:
    for frames in (moving(seed), noise(moving(seed), 0.03), flicker(moving(seed), 25)):
        assert Clip(frames, 10).motion.moves


@pytest.mark.parametrize("seed", [7, 9])
def test_a_still_does_not_move_whatever_is_laid_over_it(seed: int) -> None:
    frames = np.repeat(moving(seed)[:1], T, axis=0)
    for damaged in (frames, *(noise(frames, s) for s in (0.02, 0.05, 0.1)), *(flicker(frames, a) for a in (3, 8, 25))):
        clip = Clip(damaged, 10)
        assert not clip.motion.moves
        assert clip.degenerate
    assert Clip(noise(frames, 0.1), 10).motion.fast_enough  # so that evidence is what decides


def test_a_gain_of_brightness_is_no_motion_either() -> None:
    gain = np.where(np.arange(T) % 2, 1.06, 0.94)[:, None, None, None]
    frames = (np.repeat(moving(5)[:1], T, axis=0) * gain).round().astype(np.uint8)
    assert not Clip(frames, 10).motion.moves


def test_larger_frames_keep_the_margin() -> None:
    assert Clip(noise(still(4, 256), 0.1), 8).motion.explained < EXPLAINED_GATE / 2
    assert Clip(noise(pan_frames(3, 4, 256), 0.1), 8).motion.explained > 2 * EXPLAINED_GATE


def test_nothing_measured_is_no_motion() -> None:
    assert not Clip(still(1), 8).motion.moves
    assert fastest(np.zeros((0,), np.float32)) == 0
    assert fastest(np.arange(100, dtype=np.float32)) == 97  # the mean of 95 to 99


def test_a_camera_is_found_behind_an_object() -> None:
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    zoom, turn = 0.02, 0.01
    camera = np.stack([zoom * x - turn * y + 1.5, turn * x + zoom * y - 0.5], -1).astype(np.float32)
    flow = camera.copy()
    flow[10:45, 5:35] += np.array([-4, 3], np.float32)  # a quarter of the frame
    found = camera_flow(flow, np.ones((SIZE, SIZE), np.bool_))
    assert found is not None
    assert np.abs(found - camera).max() < 0.05
    assert camera_flow(flow, np.zeros((SIZE, SIZE), np.bool_)) is None


def test_duplicates_of_a_flow_source_do_not_matter() -> None:
    clip = Clip(pan_frames(2, 9), 8, flow=known_flow(9, (SIZE, SIZE), lambda _, gap: (2.0 * gap, 0.0)))
    assert clip.motion_at(2).speed == pytest.approx([2.0] * 4)
    assert clip.motion_at(2) is clip.motion_at(2)
