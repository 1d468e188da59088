"""Set distances on features of real clips: the farther the worse a clip is blurred or its frames are mixed up."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from harness.frechet import frechet_distance, kernel_distance
from harness.model import Frames
from harness.suites.mini import world

COUNT, FRAMES, CELLS = 32, 8, 4
Rows = NDArray[np.float64]
Fault = Callable[[Frames, int, float], Frames]


def toy_features(frames: Frames) -> Rows:
    """Root mean square of differences in space and in time in 4 x 4 cells, [32]: what blur and shuffling change."""
    grey = frames.mean(-1) / 255
    space = np.square(np.diff(grey, axis=2)[:, :-1]) + np.square(np.diff(grey, axis=1)[:, :, :-1])
    time = np.square(np.diff(grey, axis=0))
    cells = [cv2.resize(part.mean(0), (CELLS, CELLS), interpolation=cv2.INTER_AREA) for part in (space, time)]
    return np.asarray(np.sqrt(np.concatenate([cell.ravel() for cell in cells])) * 10, np.float64)


@pytest.fixture(scope="module")
def clips() -> list[Frames]:
    return [world.make_clip(seed, FRAMES).frames for seed in range(COUNT)]


def blurred(clip: Frames, _: int, sigma: float) -> Frames:
    return np.stack([cv2.GaussianBlur(frame, (0, 0), sigma) for frame in clip]) if sigma else clip


def shuffled(clip: Frames, number: int, share: float) -> Frames:
    """Its frames in another order, for the first ``share`` of the clips."""
    return np.random.default_rng(number).permutation(clip) if number < share * COUNT else clip


@pytest.mark.parametrize("distance", [frechet_distance, kernel_distance])
@pytest.mark.parametrize(
    ("fault", "steps"), [(blurred, (0, 0.7, 1.5, 3)), (shuffled, (0, 0.33, 0.67, 1))], ids=["blur", "shuffled share"]
)
def test_a_stronger_fault_is_farther(
    clips: list[Frames], fault: Fault, steps: tuple[float, ...], distance: Callable[[Rows, Rows], float]
) -> None:
    # Against the same clips unspoilt: with so few, another sample of clips is farther than a light blur.
    reference = np.stack([toy_features(clip) for clip in clips])
    spoilt = [np.stack([toy_features(fault(clip, k, s)) for k, clip in enumerate(clips)]) for s in steps]
    values = [distance(rows, reference) for rows in spoilt]
    assert values == sorted(values)
    assert values[-1] > values[0] + 1e-3
