"""A column means what its name says: it follows the fault that it is there to see, and ignores its neighbour's.

Real clips of calibration@1, spoiled in six steps from no fault to the strongest. Which metric sees what else is in the
table of `harness run --suite calibration`; these are the claims that the columns are named after.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from itertools import islice
from statistics import fmean

import numpy as np
import pytest

from harness.calibration import spearman
from harness.clip import Clip
from harness.model import Features, Request
from harness.noise import make_noise
from harness.registry import VariantSpec, load_plugins
from harness.suite import load_suite
from harness.weights import missing

pytestmark = pytest.mark.slow
ITEMS, SET = 3, 6  # clips for the mean of a metric, and for the distance of a set
LENGTH = 24  # frames of them that a metric sees
REGISTRY = load_plugins()
SUITE = load_suite("calibration")
ST_LPIPS = REGISTRY.metric("ff_st_lpips")


@cache
def clips(kind: str, step: int, count: int = ITEMS) -> list[Clip]:
    spec: VariantSpec = REGISTRY.variant(f"fault-{kind}-{step}" if step else "fault-none")
    if not step and kind != "none":
        return clips("none", 0, count)
    generator = spec.config.load("cpu")
    made = []
    for item in SUITE.suite.items[:count]:
        real = partial(SUITE.real, item)
        image, noise = SUITE.image(item), make_noise(item.key, 0)
        frames = generator.generate(Request(item, 0, SUITE.suite.protocol, image, noise, real, real))
        made.append(Clip(frames, SUITE.suite.protocol.fps, image))
    return made


@cache
def shortened(clip: Clip) -> Clip:
    """The beginning of a clip, kept so that metrics share its flow."""
    return Clip(clip.frames[:LENGTH], clip.fps, clip.image)


def means(metric: str, kind: str, steps: Sequence[int] = range(6)) -> list[float]:
    """The metric's mean at each step; every clip must have a value."""
    function = REGISTRY.metric(metric).function
    rows = [[function(shortened(clip)).value for clip in clips(kind, step)] for step in steps]
    assert all(value is not None for row in rows for value in row)
    return [fmean(row) for row in rows]


@pytest.mark.parametrize(
    ("metric", "kind", "sign"),
    [
        ("warp_error", "flicker", 1),
        ("flow_smoothness", "jitter", -1),
        ("ff_ssim", "blur", -1),
        ("ff_ssim", "noise", -1),
        ("ff_psnr", "blur", -1),
        ("ff_psnr", "noise", -1),
        ("colour_drift", "drift", 1),
    ],
)
def test_a_metric_follows_the_fault_that_it_is_meant_to_see(metric: str, kind: str, sign: int) -> None:
    rho = spearman(range(6), means(metric, kind))
    assert rho is not None
    assert sign * rho >= 0.95


@pytest.mark.skipif(bool(missing(ST_LPIPS.weights)), reason="needs weights: harness doctor --fetch st-lpips-alex")
@pytest.mark.parametrize("kind", ["blur", "noise"])
def test_the_learned_distance_follows_a_loss_of_fidelity(kind: str) -> None:
    rows = [[Clip(clip.frames[:1], clip.fps, clip.image) for clip in clips(kind, step)] for step in range(6)]
    values = [fmean(ST_LPIPS.function(clip).value for clip in row) for row in rows]
    assert values[0] == pytest.approx(0, abs=1e-9)
    assert spearman(range(6), values) == pytest.approx(1)


@pytest.mark.parametrize("kind", ["noise", "jitter", "shuffle"])
def test_the_frechet_distance_follows_a_loss_of_quality(kind: str) -> None:
    network = REGISTRY.extractor("world").load("cpu")

    def features(rows: list[tuple[str, Clip]]) -> Features:
        blocks = [(name, network(clip)) for name, clip in rows]
        groups = [name for name, block in blocks for _ in block]
        return Features(np.concatenate([block for _, block in blocks]).astype(np.float64), np.array(groups))

    reference = features([(name, Clip(frames, 10)) for name, frames in islice(SUITE.reference(), SET)])
    items = [item.slug for item in SUITE.suite.items[:SET]]
    distance = REGISTRY.metric("fd_world").function
    values = [distance(features(list(zip(items, clips(kind, step, SET), strict=True))), reference) for step in range(6)]
    rho = spearman(range(6), values)
    assert rho is not None
    assert rho >= 0.95


def test_smoothness_ignores_luminance_flicker() -> None:
    values = means("flow_smoothness", "flicker")
    assert max(abs(value - values[0]) for value in values) < 0.02


@pytest.mark.parametrize("kind", ["jitter", "freeze", "drop", "speed", "palindrome"])
def test_first_frame_fidelity_ignores_what_happens_later(kind: str) -> None:
    without, strongest = means("ff_ssim", kind, (0, 5))
    assert strongest == without == pytest.approx(1)


@pytest.mark.parametrize("kind", ["flicker", "noise", "jitter", "blur", "drop"])
def test_colour_drift_ignores_what_is_no_drift(kind: str) -> None:
    without, strongest = means("colour_drift", kind, (0, 5))
    assert abs(strongest - without) < 0.25 * (means("colour_drift", "drift", (5,))[0] - without)


def test_warp_error_is_hardly_moved_by_a_jitter_that_ruins_smoothness() -> None:
    warp, smooth = (means(metric, "jitter", (0, 5)) for metric in ("warp_error", "flow_smoothness"))
    flicker = means("warp_error", "flicker", (0, 5))
    assert warp[-1] - warp[0] < 0.05 * (flicker[-1] - flicker[0])
    assert smooth[-1] < 0.5 * smooth[0]
