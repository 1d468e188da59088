"""The laws of the harness, and what the metric is known to give."""

from pathlib import Path

import exvideo_bench_tiny_ltx.metric
import exvideo_bench_tiny_ltx.variant
import numpy as np
import pytest

from harness.api import Clip, check_plugin

FILES = [Path(module.__file__) for module in (exvideo_bench_tiny_ltx.variant, exvideo_bench_tiny_ltx.metric)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_laws_are_kept(path):
    for verdict in check_plugin(path):
        assert not verdict.skipped
        assert not verdict.findings


def test_a_clip_that_grows_brighter_drifts():
    frames = np.repeat(np.arange(0, 160, 10, dtype=np.uint8), 64 * 64 * 3).reshape(16, 64, 64, 3)
    score = exvideo_bench_tiny_ltx.metric.exposure_drift(Clip(frames, fps=8))
    assert score.value == pytest.approx((145 - 5) / 255)
