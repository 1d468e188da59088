"""The sanity rows make what their names say."""

from __future__ import annotations

import numpy as np
import pytest

from harness.errors import ItemError
from harness.model import Frames, Item, Protocol, Request
from harness.noise import make_noise
from harness.registry import load_plugins
from harness.suites.mini import world

PROTOCOL = Protocol(num_frames=12, height=64, width=64, fps=10)
ITEM = Item("000-test", "a test", "0" * 64, 20)
REAL = world.render(world.sample_scene(5), 12)


def make(name: str, real: Frames | None = REAL, seed: int = 0) -> Frames:
    request = Request(ITEM, seed, PROTOCOL, REAL[0], make_noise(ITEM.key, seed), lambda: real)
    frames = load_plugins().variant(name).config.load("cpu").generate(request)
    assert frames.shape == (12, 64, 64, 3)
    assert frames.dtype == np.uint8
    return frames  # type: ignore[no-any-return]


def test_real_is_the_real_clip() -> None:
    assert np.array_equal(make("control-real"), REAL)


def test_still_holds_the_first_frame() -> None:
    assert (make("control-still") == REAL[0]).all()


def test_loop_repeats_its_period() -> None:
    frames = make("control-loop")
    assert np.array_equal(frames[:8], REAL[:8])
    assert np.array_equal(frames[8:], REAL[:4])


def test_flicker_steps_by_twice_its_amplitude_in_every_pixel() -> None:
    frames = make("control-flicker").astype(int)
    steps = np.diff(frames, axis=0)
    assert (np.abs(np.abs(steps) - 0.16 * 255) <= 1).all()
    assert (np.sign(steps[0]) == -np.sign(steps[1])).all()


def test_noise_is_uniform_independent_and_repeatable() -> None:
    frames = make("control-noise")
    assert np.array_equal(frames, make("control-noise"))
    assert not np.array_equal(frames, make("control-noise", seed=1))
    unit = frames / 255
    assert unit.mean() == pytest.approx(0.5, abs=0.01)
    assert unit.std() == pytest.approx(12**-0.5, abs=0.01)
    assert abs(np.corrcoef(unit[0].ravel(), unit[1].ravel())[0, 1]) < 0.05


@pytest.mark.parametrize("name", ["control-real", "control-loop"])
def test_a_suite_without_real_clips_is_an_item_error(name: str) -> None:
    with pytest.raises(ItemError, match="no real continuation"):
        make(name, real=None)
