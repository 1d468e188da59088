"""Graded faults: what each does to a clip, and that more of it is more."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import numpy as np
import pytest

from harness.model import Frames, Item, Protocol, Request
from harness.noise import make_noise
from harness.registry import VariantSpec, load_plugins
from harness.suites.mini import world

PROTOCOL = Protocol(num_frames=20, height=64, width=64, fps=10)
ITEM = Item("000-test", "a test", "0" * 64, 20)
SCENE = world.sample_free_scene(5_000_049)
ROWS = {name: spec for name, spec in load_plugins().variants.items() if spec.family == "fault"}
KINDS = tuple(dict.fromkeys(spec.config.kind for spec in ROWS.values() if spec.config.step))


def real(num_frames: int = 20) -> Frames:
    frames: Frames = world.render(SCENE, num_frames)
    return frames


REAL = real()


def make(spec: VariantSpec, seed: int = 0) -> Frames:
    request = Request(ITEM, seed, PROTOCOL, REAL[0], make_noise(ITEM.key, seed), real, real)
    frames: Frames = spec.config.load("cpu").generate(request)
    return frames


def at(kind: str, step: int, seed: int = 0) -> Frames:
    return make(ROWS[f"fault-{kind}-{step}"], seed)


def distance(frames: Frames) -> float:
    return float(np.abs(frames.astype(np.int16) - REAL).mean())


def motion(frames: Frames) -> float:
    return float(np.abs(np.diff(frames.astype(np.int16), axis=0)).mean())


def sources(frames: Frames) -> list[int]:
    """Which frame of the clip each frame is."""
    return [next(i for i, original in enumerate(REAL) if np.array_equal(frame, original)) for frame in frames]


def test_eleven_kinds_of_five_steps_and_one_clip_without_fault() -> None:
    assert len(KINDS) == 11
    assert len(ROWS) == 56
    assert {spec.role for spec in ROWS.values()} == {"control"}
    for kind in KINDS:
        steps = [spec.config for spec in ROWS.values() if spec.config.kind == kind]
        assert [config.step for config in steps] == [1, 2, 3, 4, 5]
        assert all(a.strength < b.strength for a, b in pairwise(steps))
    assert len({spec.key for spec in ROWS.values()}) == 56


def test_the_row_without_fault_is_the_real_clip() -> None:
    assert np.array_equal(make(ROWS["fault-none"]), REAL)


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_keeps_shape_and_type_repeats_itself_and_grows(kind: str) -> None:
    clips = [at(kind, step) for step in range(1, 6)]
    assert all(clip.shape == REAL.shape and clip.dtype == np.uint8 for clip in clips)
    assert np.array_equal(clips[2], at(kind, 3))
    # Other content is far from the original however much there is of it: what grows is the change between frames.
    distances = [motion(REAL), *map(motion, clips)] if kind in ("speed", "cut") else [0.0, *map(distance, clips)]
    assert all(a < b for a, b in pairwise(distances)), distances


@pytest.mark.parametrize("kind", ["noise", "jitter", "shuffle", "drop"])
def test_what_is_random_depends_on_the_seed(kind: str) -> None:
    assert not np.array_equal(at(kind, 3, seed=0), at(kind, 3, seed=1))


@pytest.mark.parametrize("kind", KINDS)
def test_strength_0_is_the_clip_itself(kind: str) -> None:
    from variants._faults import FAULTS

    noise = make_noise(ITEM.key, 0)
    assert np.array_equal(FAULTS[kind].apply(REAL, 1.0 if kind == "speed" else 0.0, noise), REAL)


@pytest.mark.parametrize("kind", ["jitter", "shuffle", "freeze", "drop", "speed", "drift", "palindrome"])
def test_a_fault_of_time_begins_with_the_image(kind: str) -> None:
    if kind != "shuffle":
        assert np.array_equal(at(kind, 3)[0], REAL[0])


def test_flicker_steps_by_twice_its_amplitude_and_never_clips() -> None:
    bright = np.full((4, 8, 8, 3), 255, np.uint8)
    bright[:, :4] = 0
    from variants._faults import flicker

    frames = flicker(bright, 15, make_noise(ITEM.key, 0)).astype(int)
    assert (np.diff(frames, axis=0) == np.array([-30, 30, -30])[:, None, None, None]).all()
    assert (frames[0].min(), frames[0].max()) == (30, 255)
    assert np.ptp(at("flicker", 5)[1].astype(int) - at("flicker", 5)[3]) > 0  # the motion is still there


def test_noise_has_the_sd_it_says() -> None:
    grey = np.full((10, 32, 32, 3), 128, np.uint8)
    from variants._faults import noise

    assert noise(grey, 0.04, make_noise(ITEM.key, 0)).std() == pytest.approx(0.04 * 255, rel=0.03)


def test_blur_takes_contrast_and_keeps_the_mean() -> None:
    spoiled = at("blur", 5)
    assert spoiled.mean() == pytest.approx(REAL.mean(), abs=1)
    assert spoiled.std() < REAL.std()


def test_jitter_shifts_whole_frames() -> None:
    from variants._faults import jitter

    # One shift for the whole frame: a ramp changes by the same amount everywhere but at the border.
    ramp = np.broadcast_to((np.arange(64, dtype=np.uint8) * 3)[:, None], (6, 64, 64, 3))
    moved = jitter(ramp, 2.0, make_noise(ITEM.key, 0)).astype(int)[:, :, 8:-8] - ramp[:, :, 8:-8]
    assert (np.ptp(moved, axis=(1, 2, 3)) <= 2).all()
    assert (moved[0] == 0).all()
    assert np.abs(moved).max() > 2


@pytest.mark.parametrize(("step", "share"), [(1, 0.1), (3, 0.35), (5, 1.0)])
def test_shuffle_displaces_its_share_and_loses_no_frame(step: int, share: float) -> None:
    order = sources(at("shuffle", step))
    assert sorted(order) == list(range(20))
    assert sum(place != frame for place, frame in enumerate(order)) == round(share * 20)


def test_freeze_stands_still_for_its_share_at_the_end() -> None:
    assert sources(at("freeze", 2)) == [*range(14), *[13] * 6]


def test_drop_holds_what_came_before_and_contains_the_weaker_fault() -> None:
    dropped: set[int] = set()
    for step, share in enumerate((0.1, 0.2, 0.3, 0.4, 0.5), start=1):
        order = sources(at("drop", step))
        held = {t for t in range(1, 20) if order[t] == order[t - 1]}
        assert len(held) == round(share * 19)
        assert dropped <= held
        assert all(order[t] == t for t in range(20) if t not in held)
        dropped = held


def test_speed_takes_every_kth_frame_of_a_longer_clip() -> None:
    assert np.array_equal(at("speed", 2), real(60)[::3])


def test_speed_says_how_long_the_real_clip_must_be() -> None:
    assert [ROWS[f"fault-speed-{step}"].config.needs().real_times for step in range(1, 6)] == [2, 3, 4, 5, 6]
    assert ROWS["fault-blur-5"].config.needs().real_times == 1


def test_drift_leaves_the_first_frame_and_turns_towards_warm() -> None:
    spoiled, clean = at("drift", 5).astype(int), REAL.astype(int)
    change = (spoiled - clean).mean(axis=(1, 2))
    assert (change[0] == 0).all()
    assert (np.diff(change[:, 0]) >= -0.5).all()
    assert change[-1] == pytest.approx([25, 0, -25], abs=0.5)


@pytest.mark.parametrize("step", [1, 2, 3, 4, 5])
def test_cut_has_that_many_and_keeps_the_first_frame(step: int) -> None:
    frames = at("cut", step)
    changes = np.abs(np.diff(frames.astype(np.int16), axis=0)).mean((1, 2, 3))
    assert int((changes > 20).sum()) == step
    assert np.array_equal(frames[0], REAL[0])


@pytest.mark.parametrize(("step", "turn"), [(1, 18), (3, 14), (5, 10)])
def test_palindrome_runs_back_over_the_same_frames(step: int, turn: int) -> None:
    order = sources(at("palindrome", step))
    assert order == [*range(turn), *(2 * turn - 1 - t for t in range(turn, 20))]


def test_a_suite_without_clips_of_that_length_is_an_item_error() -> None:
    from harness.errors import ItemError

    spec = ROWS["fault-speed-1"]
    nothing = partial(real, 20)
    request = Request(ITEM, 0, PROTOCOL, REAL[0], make_noise(ITEM.key, 0), nothing)
    with pytest.raises(ItemError, match="real clip of this length"):
        spec.config.load("cpu").generate(request)
