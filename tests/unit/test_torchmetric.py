"""The adapter of torchmetrics: agreement with the metric it wraps, comparisons, windows, refusals, and its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torchmetrics import Metric

from harness import registry
from harness.api import torchmetric
from harness.clip import Clip
from harness.errors import ItemError, UsageError
from harness.laws import examine
from harness.metrics.ff_ssim import ff_ssim, ssim_to
from harness.model import Score
from harness.registry import MetricSpec
from harness.specimens import specimens
from harness.suites.mini import world
from harness.torchmetric import BATCH, Compare
from tests.metrics.moving import noise, pan_frames, still, texture

Frames = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]


@pytest.fixture(autouse=True)
def held(monkeypatch: pytest.MonkeyPatch) -> registry.Registry:
    fresh = registry.Registry()
    monkeypatch.setattr(registry, "REGISTRY", fresh)
    return fresh


def ssim() -> Metric:
    from torchmetrics.image import StructuralSimilarityIndexMeasure

    return StructuralSimilarityIndexMeasure(data_range=1.0)


def variation() -> Metric:
    from torchmetrics.image import TotalVariation

    return TotalVariation(reduction="mean")


class Spy(Metric):  # type: ignore[misc]
    """Counts frames and keeps the inputs of every update."""

    full_state_update = False

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[Tensor, ...]] = []
        self.add_state("frames", torch.tensor(0.0), dist_reduce_fx="sum")

    def update(self, *inputs: Tensor) -> None:
        self.seen.append(tuple(part.clone() for part in inputs))
        self.frames += len(inputs[0])

    def compute(self) -> Tensor:
        return torch.as_tensor(self.frames)


def registered(make: Callable[[], Any], compare: Compare = "alone", **settings: Any) -> MetricSpec:
    torchmetric("probe", version=1, better="none", unit="", summary="a probe", compare=compare, **settings)(make)
    return registry.REGISTRY.metric("probe")


def scored(spec: MetricSpec, frames: Frames, image: Frames | None = None) -> Score:
    score: Score = spec.function(Clip(frames, 8, image))
    return score


def inputs_of(
    compare: Compare, frames: Frames, image: Frames | None = None, **settings: Any
) -> list[tuple[Tensor, ...]]:
    spy = Spy()
    scored(registered(lambda: spy, compare, **settings), frames, image)
    return spy.seen


def test_against_the_image_it_is_the_curve_of_ff_ssim() -> None:
    frames = noise(pan_frames(1, 24), 0.02)
    image = frames[0]
    score = scored(registered(ssim, "conditioning_image"), frames, image)
    # ff_ssim has the value of frame 0 alone, in double precision; this is the mean of all frames, in single.
    assert score.value == pytest.approx(ssim_to(image, frames).mean(), abs=1e-4)
    assert score.profile == pytest.approx(ff_ssim(Clip(frames, 8, image)).profile, abs=1e-4)
    alone = frames[:1]
    assert scored(registered(ssim, "conditioning_image"), alone, texture(64, 64, 5)).value == pytest.approx(
        ff_ssim(Clip(alone, 8, texture(64, 64, 5))).value, abs=1e-4
    )


def test_a_metric_without_reference_sees_all_frames_of_a_window() -> None:
    frames = np.concatenate([still(8), np.full((8, 64, 64, 3), 99, np.uint8)])
    score = scored(registered(variation), frames)
    expected = variation()
    expected.update(torch.from_numpy(frames.astype(np.float32) / 255).permute(0, 3, 1, 2))
    assert score.value == pytest.approx(float(expected.compute()), rel=1e-5)
    assert score.profile[:4] == pytest.approx([2 * (score.value or 0)] * 4, rel=1e-5)
    assert score.profile[4:] == (0.0,) * 4


def test_frames_come_in_the_order_of_time_in_small_batches_that_end_with_their_eighth() -> None:
    frames = np.arange(100, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 6, 3), np.uint8)
    seen = inputs_of("alone", frames, value_range=(0.0, 255.0))
    assert [int(x) for (part,) in seen for x in part[:, 0, 0, 0]] == list(range(100))
    assert max(len(part) for (part,) in seen) == BATCH
    assert seen[0][0].shape == (8, 3, 4, 6)
    assert seen[0][0].dtype == torch.float32
    eighths = [{int(x) * 8 // 100 for x in part[:, 0, 0, 0]} for (part,) in seen]
    assert all(len(eighth) == 1 for eighth in eighths)


@pytest.mark.parametrize(
    ("compare", "first", "second"),
    [
        ("previous_frame", [1, 2, 3], [0, 1, 2]),
        ("first_frame", [1, 2, 3], [0, 0, 0]),
        ("conditioning_image", [0, 1, 2, 3], [9, 9, 9, 9]),
    ],
)
def test_what_frames_are_compared_with(compare: Compare, first: list[int], second: list[int]) -> None:
    frames = np.arange(4, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 6, 3), np.uint8)
    seen = inputs_of(compare, frames, np.full((4, 6, 3), 9, np.uint8), value_range=(0.0, 255.0))
    numbers = [[int(x) for part in seen for x in part[side][:, 0, 0, 0]] for side in (0, 1)]
    assert numbers == [first, second]


def test_colours_are_scaled_to_the_range_that_is_asked_for() -> None:
    frames = np.array([0, 255], np.uint8)[:, None, None, None] * np.ones((1, 4, 6, 3), np.uint8)
    for low, high in ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0)):
        values = torch.cat([part for (part,) in inputs_of("alone", frames, value_range=(low, high))])
        assert [float(values.min()), float(values.max())] == pytest.approx([low, high], abs=1e-4)


def test_one_video_leaves_nothing_behind_for_the_next() -> None:
    spec = registered(variation)
    first, second = still(8), noise(still(8), 0.1)
    alone = [scored(spec, frames) for frames in (first, second)]
    assert [scored(spec, frames) for frames in (second, first)] == alone[::-1]
    made: list[Metric] = []

    def make() -> Metric:
        made.append(variation())
        return made[-1]

    spec = registered(make)
    scored(spec, first)
    scored(spec, second)
    assert len(made) == 1


def test_what_cannot_be_measured_has_a_status() -> None:
    spec = registered(ssim, "conditioning_image", min_side=11)
    assert scored(spec, still(3)).status == "undefined"
    assert scored(spec, still(3), texture(32, 48)).status == "excluded"
    assert "11 pixels" in scored(spec, still(3, 10), texture(10, 10)).reason
    assert scored(registered(ssim, "previous_frame"), still(1)).reason == "fewer than 2 frames"

    class Picky(Spy):
        def update(self, *inputs: Tensor) -> None:
            raise ValueError("images must be square\nand nothing else")

    class Nan(Spy):
        def compute(self) -> Tensor:
            return torch.as_tensor(self.frames * float("nan"))

    class Pair(Spy):
        def compute(self) -> tuple[Tensor, Tensor]:  # type: ignore[override]
            return self.frames, self.frames

    assert scored(registered(Picky), still(3)).reason == "Picky refuses it: images must be square"
    assert scored(registered(Nan), still(3)).reason == "Nan computes nan"
    with pytest.raises(ItemError, match="more than one number") as caught:
        scored(registered(Pair), still(3))
    assert caught.value.code == "E-SCORE"


def test_settings_are_identity_and_a_name_is_taken_once(held: registry.Registry) -> None:
    keys = {
        registered(ssim, "first_frame").key(),
        registered(ssim, "previous_frame").key(),
        registered(ssim, "first_frame", params={"sigma": 2}).key(),
        registered(ssim, "first_frame", value_range=(0.0, 255.0)).key(),
    }
    assert len(keys) == 4
    spec = held.metric("probe")
    assert spec.source == __file__
    elsewhere = type("Made", (), {"__call__": lambda self: ssim(), "__module__": "harness.api", "__name__": "made"})
    with pytest.raises(UsageError, match="refused"):
        registered(elsewhere())


def test_wrapped_metrics_keep_the_laws() -> None:
    clips = specimens(world.make_clip(11, 9).frames[:, :40, :40])
    declared = {"still": "best", "flip": "same"}
    settings: dict[str, Any] = {"version": 1, "unit": "SSIM", "summary": "", "min_side": 11}
    torchmetric("a", better="higher", compare="first_frame", responds=declared, **settings)(ssim)
    torchmetric("b", better="none", responds={"flip": "same"}, **settings)(variation)
    assert [finding for name in "ab" for finding in examine(registry.REGISTRY.metric(name), clips)] == []
