"""Flow fields: masks, working size, and how near the default backend comes to the world's exact flow."""

from __future__ import annotations

import numpy as np
import pytest

from harness.clip import Clip
from harness.errors import ItemError
from harness.flow import EstimatedFlow, working_images
from harness.flow_dis import DisFlow
from harness.model import Frames
from harness.occlusion import comparable, inside, landed, warp
from harness.suites.mini import world
from tests.metrics.moving import flicker, pan_frames, still, texture


def constant(x: float, y: float, size: int = 16) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.broadcast_to(np.array([x, y], np.float32), (size, size, 2)).copy()


def test_warping_reads_where_the_flow_points() -> None:
    image = texture(16, 16)
    assert np.array_equal(warp(image, constant(2, 1))[:-1, :-2], image[1:, 2:])
    ramp = np.tile(np.arange(16, dtype=np.float32), (16, 1))
    assert warp(ramp, constant(0.5, 0))[:, :-1] == pytest.approx(ramp[:, :-1] + 0.5)


def test_inside_is_strict_and_landing_needs_valid_neighbours() -> None:
    assert inside(constant(0, 0)).all()
    assert inside(constant(3, -1)).sum() == 13 * 15
    mask = np.ones((16, 16), np.bool_)
    mask[:, 8] = False
    hit = landed(mask, constant(0.5, 0))
    assert not hit[:, 7:9].any()
    assert hit[:, :7].all()


def test_disagreeing_flows_and_motion_boundaries_are_masked() -> None:
    forward = constant(1, 0)
    assert comparable(forward, -forward)[:, :-1].all()
    assert not comparable(forward, constant(0.2, 0)).any()
    edge = constant(0, 0)
    edge[:, 8:] = 2
    seen = comparable(edge, -edge)
    assert not seen[:, 7].any()
    assert seen[:, :7].all()


def test_large_frames_shrink_to_the_working_side_and_small_ones_stay() -> None:
    assert working_images(still(2, 64)).shape == (2, 64, 64, 3)
    tall: Frames = np.zeros((1, 1024, 576, 3), np.uint8)
    assert working_images(tall).shape == (1, 455, 256, 3)
    flat: Frames = np.full((1, 300, 512, 3), 77, np.uint8)
    assert (working_images(flat) == 77).all()


def test_flow_is_zero_on_equal_frames_and_the_same_every_time() -> None:
    clip = Clip(still(4), 8)
    assert not clip.flow.forward.any()
    assert clip.flow.valid.all()
    frames = pan_frames(2, 4)
    first, second = (Clip(frames, 8).flow.forward for _ in range(2))
    assert np.array_equal(first, second)


@pytest.mark.parametrize("size", [64, 300])
def test_a_pan_is_found_at_both_settings(size: int) -> None:
    clip = Clip(pan_frames(3, 3, size), 8)
    scale = clip.short_side / size
    found = clip.flow.forward[clip.flow.valid].mean(0)
    assert found == pytest.approx([3 * scale, 0], abs=0.1)


def test_too_small_frames_are_refused_by_name() -> None:
    with pytest.raises(ItemError, match="12 pixels") as caught:
        _ = Clip(still(2, 8), 8).flow
    assert caught.value.code == "E-FLOW"


def test_a_single_frame_has_no_pairs() -> None:
    fields = EstimatedFlow(still(1), DisFlow())(1)
    assert len(fields) == 0
    assert fields.coverage.shape == (0,)


def test_error_against_exact_flow_is_what_the_backend_declares() -> None:
    visible, valid, covered = [], [], []
    for seed in range(2_000_000, 2_000_008):
        truth = world.make_clip(seed, 4)
        fields = Clip(truth.frames, world.FPS).flow
        distance = np.linalg.norm(fields.forward - truth.flow, axis=-1)
        visible.append(distance[truth.visible].mean())
        valid.append(distance[fields.valid & truth.visible].mean())
        covered.append(fields.valid.mean())
    assert np.mean(visible) < 0.24  # pixels
    assert np.mean(valid) < 0.19
    assert np.mean(covered) > 0.8


def test_a_flicker_of_the_whole_frame_leaves_the_flow_alone() -> None:
    frames = (world.make_clip(7, 5).frames * 0.7 + 38).astype(np.uint8)
    found, plain = Clip(flicker(frames, 20), 10).flow.forward, Clip(frames, 10).flow.forward
    assert np.abs(found - plain).mean() < 2e-3


def test_a_flicker_of_contrast_hardly_bends_the_flow_of_a_textured_clip() -> None:
    frames, gain = pan_frames(2, 5), np.array([1.1, 0.9, 1.1, 0.9, 1.1])[:, None, None, None]
    found = Clip(np.rint(frames * gain).clip(0, 255).astype(np.uint8), 10).flow
    assert found.forward[found.valid].mean(0) == pytest.approx([2, 0], abs=0.02)
    assert np.abs(found.forward[found.valid] - [2, 0]).mean() < 0.05


@pytest.mark.parametrize(("miss", "seen"), [(0.70, True), (0.73, False)])
def test_flow_back_may_miss_by_what_the_paper_allows(miss: float, seen: bool) -> None:
    # |F + B|^2 > .01 (|F|^2 + |B|^2) + .5, at F = (1, 0) and B = (miss - 1, 0): about .51.
    forward, backward = (np.full((32, 32, 2), (x, 0.0), np.float32) for x in (1.0, miss - 1))
    assert bool(comparable(forward, backward)[16, 16]) is seen


@pytest.mark.parametrize(
    ("base", "slope", "seen"), [(0.0, 0.044, True), (0.0, 0.046, False), (10.0, 0.99, True), (10.0, 1.03, False)]
)
def test_a_motion_boundary_is_a_gradient_beyond_what_the_paper_allows(base: float, slope: float, seen: bool) -> None:
    # |grad u|^2 + |grad v|^2 > .01 |F|^2 + .002, at a row where the flow is (0, base) and grows by ``slope`` a row.
    forward = np.zeros((64, 64, 2), np.float32)
    forward[..., 1] = base + slope * (np.arange(64)[:, None] - 16)
    landing = np.arange(64) + forward[:, 0, 1]
    backward = np.zeros_like(forward)
    backward[..., 1] = -np.interp(np.arange(64.0), landing, forward[:, 0, 1])[:, None]  # what leads back exactly
    assert bool(comparable(forward, backward)[16, 32]) is seen
