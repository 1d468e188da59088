"""What a clip shares between metrics: flow once, cuts, duplicates, flat frames, and nobody may write to it."""

from __future__ import annotations

import numpy as np
import pytest

from harness.clip import Clip
from harness.errors import ItemError
from harness.flow import FlowFields, pair_starts
from harness.model import Frames
from harness.suites.mini import world
from tests.metrics.moving import flicker, known_flow, noise, pan_frames, still


def scenes(*lengths: int) -> Frames:
    """Different scenes of the world, one after the other."""
    return np.concatenate([world.make_clip(seed, max(2, n)).frames[:n] for seed, n in enumerate(lengths)])


def test_frames_are_shared_and_read_only() -> None:
    frames = still(3)
    clip = Clip(frames, 8, frames[0])
    assert np.shares_memory(clip.frames, frames)
    assert np.shares_memory(clip.working, frames)
    for array in (clip.frames, clip.working, clip.image):
        assert array is not None
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    frames[0, 0, 0] = 1  # the owner still may


def test_flow_is_computed_once_per_gap() -> None:
    calls = []
    exact = known_flow(9, (64, 64), lambda *_: (0.0, 0.0))

    def source(gap: int) -> FlowFields:
        calls.append(gap)
        return exact(gap)

    clip = Clip(still(9), 8, flow=source)
    assert clip.flow is clip.flow
    assert clip.cuts == ()
    clip.flow_at(2)
    clip.flow_at(2)
    assert calls == [1, 2]


def test_pairs_of_a_gap_do_not_overlap() -> None:
    assert pair_starts(9, 2).tolist() == [0, 2, 4, 6]
    assert pair_starts(8, 2).tolist() == [0, 2, 4]
    assert pair_starts(3, 4).tolist() == []
    with pytest.raises(ValueError, match="at least 1"):
        pair_starts(3, 0)


def test_a_cut_is_found_where_the_scene_changes_and_shuts_its_pair_out() -> None:
    clip = Clip(scenes(5, 4, 6), 10)
    assert clip.cuts == (5, 9)
    assert np.flatnonzero(~clip.usable()).tolist() == [4, 8]
    assert np.flatnonzero(~clip.usable(4)).tolist() == [1, 2]  # pairs (4, 8) and (8, 12)


@pytest.mark.parametrize("frames", [pan_frames(3, 8), flicker(still(8), 20), noise(still(8), 0.1), still(8)])
def test_motion_flicker_and_noise_are_no_cuts(frames: Frames) -> None:
    assert Clip(frames, 8).cuts == ()


def two_tone(share: float, level: int, low: int = 100) -> Frames:
    """Frame 0 of one level; in frame 1 a share of the rows has another. Rows of 100 pixels."""
    frames = np.full((2, 100, 100, 3), low, np.uint8)
    frames[1, : round(100 * share)] = level
    return frames


@pytest.mark.parametrize(
    ("frames", "coverage", "cut"),
    [
        (two_tone(0.5, 200), 0.24, True),
        (two_tone(0.5, 200), 0.26, False),  # found again: a thing that moved
        (two_tone(0.31, 200), 0.0, True),
        (two_tone(0.29, 200), 0.0, False),  # too few colours change
        (two_tone(0.5, 142), 0.0, True),
        (two_tone(0.5, 140), 0.0, False),  # they change too little: .078 of full scale on average
    ],
)
def test_a_cut_needs_three_signs_at_once(frames: Frames, coverage: float, cut: bool) -> None:
    valid = np.zeros((1, 100, 100), np.bool_)
    valid[0, : round(100 * coverage)] = True
    fields = FlowFields(1, np.array([0]), np.zeros((1, 100, 100, 2), np.float32), valid)
    assert Clip(frames, 8, flow=lambda gap: fields).cuts == ((1,) if cut else ())


def test_frames_in_another_order_of_their_pixels_are_no_cut() -> None:
    frames = np.stack([still(1)[0], still(1)[0][::-1]])
    fields = FlowFields(1, np.array([0]), np.zeros((1, 64, 64, 2), np.float32), np.zeros((1, 64, 64), np.bool_))
    assert Clip(frames, 8, flow=lambda gap: fields).cuts == ()


@pytest.mark.parametrize(("odd", "flat"), [(7, True), (9, False)])
def test_a_frame_is_flat_below_a_ten_thousandth_of_full_scale(odd: int, flat: bool) -> None:
    # Of 12288 numbers, 8 that differ by a grey level are an SD of .0255 grey levels.
    frames = np.full((2, 64, 64, 3), 99, np.uint8)
    frames.reshape(2, -1)[:, :odd] = 100
    assert Clip(frames, 8).flat is flat


def test_duplicates_and_flat_frames_are_counted() -> None:
    frames = pan_frames(1, 5)
    assert Clip(frames, 8).duplicate_share == 0
    frames[3] = frames[2]
    assert Clip(frames, 8).duplicate_share == 0.25
    assert not Clip(frames, 8).degenerate
    frames[:3] = 99
    assert Clip(frames, 8).degenerate
    assert Clip(frames[:1], 8).duplicate_share == 0


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((2, 8, 8), np.uint8),
        np.zeros((0, 8, 8, 3), np.uint8),
        np.zeros((2, 8, 8, 4), np.uint8),
        np.zeros((2, 8, 8, 3), np.float32),
    ],
)
def test_what_is_no_video_is_refused(bad: Frames) -> None:
    with pytest.raises(ItemError) as caught:
        Clip(bad, 8)
    assert caught.value.code == "E-FRAMES"
    for fps in (0, float("inf"), float("nan")):
        with pytest.raises(ItemError, match="frame rate"):
            Clip(still(2), fps)
