"""The procedural world: determinism, prefixes, and flow and visibility that are what they claim to be."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.suites.mini import world
from harness.suites.mini.seeds import REFERENCE_SEEDS, SUITE_SEEDS, TRAIN_SEEDS, VALIDATION_SEEDS
from harness.suites.mini.world import SIZE, Scene, Shape

SEEDS = st.integers(0, 10**7)
SCENES = st.builds(world.sample_scene, SEEDS) | st.builds(world.sample_free_scene, SEEDS)
CENTRE = (32.0, 32.0)


def scene_with(*shapes: Shape, pan: tuple[float, float] = (0.0, 0.0)) -> Scene:
    waves = (world.Wave(1, 2, (0.0, 1.0, 2.0), (0.1, 0.1, 0.1)),)
    return Scene((0.5, 0.4, 0.3), "red", waves, pan, shapes)


def disc(position: tuple[float, float], velocity: tuple[float, float] = (0.0, 0.0), spin: float = 0.0) -> Shape:
    return Shape("disc", "blue", None, 10.0, position, velocity, 0.0, spin)


@settings(max_examples=20)
@given(SCENES, st.integers(2, 12))
def test_a_clip_is_a_prefix_of_every_longer_one_and_a_window_of_it(scene: Scene, length: int) -> None:
    long = world.render(scene, 16)
    assert np.array_equal(world.render(scene, length), long[:length])
    assert np.array_equal(world.render(scene, 4, first=3), long[3:7])


@settings(max_examples=20)
@given(SEEDS)
def test_the_seed_decides_everything(seed: int) -> None:
    assert world.sample_scene(seed) == world.sample_scene(seed)
    assert world.sample_scene(seed) != world.sample_scene(seed + 1)


def test_a_known_frame_keeps_its_bytes() -> None:
    from harness.model import frames_digest

    clip = world.make_clip(1, 3)
    assert clip.frames.shape == (3, SIZE, SIZE, 3)
    assert clip.frames.dtype == np.uint8
    assert frames_digest(clip.frames) == "4beb3ab3782c172692bd2e5e133b89ec979e874f9ff402fcf58d2b0428fa4157"
    free = world.render(world.sample_free_scene(1), 3)
    assert frames_digest(free) == "68c5f11b91153156cbdd929e81d2322ff7df52ee6ce354604d7754a31524a21f"


def test_the_first_frame_tells_how_a_scene_goes_on() -> None:
    laws: dict[str, set[object]] = {}
    for scene in map(world.sample_scene, range(200)):
        laws.setdefault(scene.base_name, set()).add(scene.pan)
        for shape in scene.shapes:
            heading = round(math.degrees(math.atan2(shape.velocity[1], shape.velocity[0])), 6)
            laws.setdefault("eddy", set()).add((heading, shape.spin, shape.turn))
            share = (shape.radius - world.RADIUS[0]) / (world.RADIUS[1] - world.RADIUS[0])
            assert math.hypot(*shape.velocity) == pytest.approx(1.4 - 0.8 * share)
    assert laws.keys() == {"eddy", *world.PALETTE}
    assert all(len(futures) == 1 for futures in laws.values())


@settings(max_examples=50)
@given(SEEDS)
def test_shapes_in_the_eddy_go_in_full_circles_and_never_bounce(seed: int) -> None:
    frame = np.arange(world.EDDY_PERIOD + 1.0)
    for shape in world.sample_scene(seed).shapes:
        centre = shape.centre(frame)
        reach = math.hypot(*shape.velocity) * world.EDDY_PERIOD / (2 * math.pi)
        assert np.allclose(np.hypot(*(centre - centre[:-1].mean(0)).T), reach)
        assert np.allclose(centre[-1], centre[0])


def test_a_turning_shape_begins_along_its_velocity_and_goes_clockwise() -> None:
    shape = replace(disc(CENTRE, velocity=(1.0, 0.0)), turn=math.pi / 2)
    quarter = 2 / math.pi
    assert np.allclose(shape.centre(np.array([0.0, 1.0])), [CENTRE, (CENTRE[0] + quarter, CENTRE[1] + quarter)])
    assert np.allclose(shape.centre(np.array([1e-6])), (CENTRE[0] + 1e-6, CENTRE[1]))


@settings(max_examples=50)
@given(SCENES, st.integers(0, 1000))
def test_shapes_never_leave_the_image(scene: Scene, frame: int) -> None:
    for shape in scene.shapes:
        centre = shape.centre(np.array([float(frame)]))[0]
        assert (centre >= shape.radius - 1e-9).all()
        assert (centre <= SIZE - shape.radius + 1e-9).all()


def test_a_wall_reflects_and_keeps_the_speed() -> None:
    shape = disc((50.0, 32.0), velocity=(2.0, 0.0))
    x = shape.centre(np.arange(6.0))[:, 0]
    assert x.tolist() == [50.0, 52.0, 54.0, 52.0, 50.0, 48.0]


def test_flow_of_a_pan_is_the_pan() -> None:
    flow, visible = world.flow(scene_with(pan=(0.5, -0.25)), 3)
    assert flow.shape == (2, SIZE, SIZE, 2)
    assert np.allclose(flow, (0.5, -0.25), atol=1e-6)
    assert visible[0, 1:, :-1].all()


def test_points_that_a_pan_carries_out_are_not_visible() -> None:
    _, visible = world.flow(scene_with(pan=(1.0, 0.0)), 2)
    assert not visible[0, :, -1].any()
    assert visible[0, :, :-1].all()


def test_flow_of_a_moving_disc_is_its_velocity_inside_and_zero_outside() -> None:
    flow, _ = world.flow(scene_with(disc(CENTRE, velocity=(1.0, 0.5))), 2)
    assert np.allclose(flow[0, 32, 32], (1.0, 0.5), atol=1e-6)
    assert np.allclose(flow[0, 5, 5], 0, atol=1e-6)


def test_flow_of_a_spinning_disc_is_a_rotation_about_its_centre() -> None:
    angle = 0.1
    flow, _ = world.flow(scene_with(disc(CENTRE, spin=angle)), 2)
    offset = np.array([36.5, 32.5]) - CENTRE
    turned = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ offset
    assert np.allclose(flow[0, 32, 36], turned - offset, atol=1e-6)


def test_background_that_a_shape_will_cover_is_not_visible() -> None:
    _, visible = world.flow(scene_with(disc(CENTRE, velocity=(3.0, 0.0))), 2)
    assert not visible[0, 32, 43]  # one pixel right of the edge at x = 42
    assert visible[0, 32, 20]  # uncovered ground was never hidden
    assert visible[0, 32, 32]  # the disc itself


def test_the_upper_shape_hides_the_lower_one() -> None:
    lower, upper = disc((26.0, 32.0), velocity=(1.5, 0.0)), disc((40.0, 32.0))
    flow, visible = world.flow(scene_with(lower, upper), 2)
    assert np.allclose(flow[0, 32, 45], 0, atol=1e-6)
    assert not visible[0, 32, 29]  # of the lower disc, slides under the upper one
    assert visible[0, 32, 20]


@pytest.mark.parametrize("draw", [world.sample_scene, world.sample_free_scene])
@pytest.mark.parametrize("seed", range(8))
def test_warping_the_next_frame_back_along_the_flow_gives_this_frame(seed: int, draw: Callable[[int], Scene]) -> None:
    scene = draw(seed)
    flow, visible = world.flow(scene, 6)
    frames = world.render(scene, 6)
    x, y = np.meshgrid(np.arange(SIZE, dtype=np.float32), np.arange(SIZE, dtype=np.float32))
    for frame in range(5):
        u, v = flow[frame, ..., 0], flow[frame, ..., 1]
        back = cv2.remap(frames[frame + 1], x + u, y + v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        error = np.abs(back.astype(int) - frames[frame]).max(axis=-1)
        assert np.median(error[visible[frame]]) <= 1
        # What is left are the antialiased edges, a few pixels wide.
        assert (error[visible[frame]] > 12).mean() < 0.12


def test_one_frame_has_no_flow() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        world.flow(scene_with(), 1)
    with pytest.raises(ValueError, match="at least 1"):
        world.render(scene_with(), 0)


def test_seed_ranges_are_disjoint() -> None:
    ranges = [TRAIN_SEEDS, VALIDATION_SEEDS, REFERENCE_SEEDS, SUITE_SEEDS]
    ordered = sorted(ranges, key=lambda r: r.start)
    assert all(a.stop <= b.start for a, b in itertools.pairwise(ordered))


def test_the_prompt_names_what_the_scene_shows() -> None:
    scene = scene_with(disc(CENTRE, velocity=(1.5, 0.0)), pan=(0.3, 0.0))
    assert world.describe(scene) == "a blue disc flying over a panning red background"
