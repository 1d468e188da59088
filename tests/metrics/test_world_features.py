"""The world feature network: windows, refusals, and what the shipped weights tell apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from harness.clip import Clip
from harness.errors import CannotStart, ItemError
from harness.frechet import frechet_distance
from harness.metrics import world_features
from harness.metrics._world_net import DIM, WorldNet
from harness.metrics.world_features import WorldFeatures, cut_windows, load_world
from harness.model import Weight
from harness.suites.mini import world
from harness.suites.mini.damage import DAMAGES, damage

Frames = NDArray[np.uint8]


@pytest.fixture(scope="module")
def untrained() -> WorldFeatures:
    torch.manual_seed(0)
    return WorldFeatures(WorldNet().eval(), "cpu")


def test_whole_windows_only(untrained: WorldFeatures) -> None:
    frames = world.make_clip(0, 40).frames
    windows = cut_windows(frames)
    assert windows.shape == (2, 16, 64, 64, 3)
    assert np.array_equal(windows[1], frames[16:32])
    features = untrained(Clip(frames, 10))
    assert features.shape == (2, DIM)
    assert features.dtype == np.float32
    assert untrained(Clip(frames[:32], 10)) == pytest.approx(features, abs=1e-5)
    assert untrained(Clip(frames[16:32], 10)) == pytest.approx(features[1:], abs=1e-5)


def test_reading_frames_does_not_change_them(untrained: WorldFeatures) -> None:
    frames = world.make_clip(0, 16).frames
    frames.setflags(write=False)
    untrained(Clip(frames, 10))


@pytest.mark.parametrize(("shape", "word"), [((15, 64, 64, 3), "16 frames"), ((16, 32, 64, 3), "64x32")])
def test_other_clips_are_refused(untrained: WorldFeatures, shape: tuple[int, ...], word: str) -> None:
    with pytest.raises(ItemError, match=word) as caught:
        untrained(Clip(np.zeros(shape, np.uint8), 10))
    assert caught.value.code == "E-FEATURES"


def test_missing_weights_say_how_to_make_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(world_features, "WEIGHTS", Weight("world", "weights/absent.safetensors", "", how="make it"))
    with pytest.raises(CannotStart) as caught:
        load_world("cpu")
    assert caught.value.code == "E-WEIGHTS"
    assert caught.value.fix == "make it"


def shipped_features(clips: list[Frames]) -> NDArray[np.float32]:
    network = load_world("cpu")
    return np.concatenate([network(Clip(clip, 10)) for clip in clips])


@pytest.fixture(scope="module")
def clips() -> list[Frames]:
    return [world.make_clip(seed, 16).frames for seed in range(2_050_000, 2_050_072)]


@pytest.fixture(scope="module")
def reference(clips: list[Frames]) -> NDArray[np.float32]:
    return shipped_features(clips[48:])


@pytest.fixture(scope="module")
def floor(clips: list[Frames], reference: NDArray[np.float32]) -> float:
    """The distance of as many real clips."""
    return frechet_distance(shipped_features(clips[:24]), reference)


@pytest.mark.slow
@pytest.mark.parametrize("kind", DAMAGES[1:])
def test_damage_moves_the_shipped_features_away_from_real_clips(
    kind: str, clips: list[Frames], reference: NDArray[np.float32], floor: float
) -> None:
    rng = np.random.default_rng(0)
    spoilt = [damage(kind, clip, other, rng) for clip, other in zip(clips[:24], clips[24:48], strict=True)]
    assert frechet_distance(shipped_features(spoilt), reference) > 1.2 * floor
