"""The published value of the Frechet video distance between black and white clips, where the published file is."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from harness.frechet import frechet_distance
from harness.metrics.i3d_features import i3d_weight, load_network, prepare
from harness.weights import missing, resolve

GOLDEN = 151.26  # 8 clips of 30 frames, all 0 against all 1, with StyleGAN-V's file; 151.39 with the state dict
WEIGHT = i3d_weight()


@pytest.mark.slow
@pytest.mark.skipif(bool(missing([WEIGHT])), reason=f"needs weights: {WEIGHT.how}")
def test_black_against_white_is_the_published_value() -> None:
    network = load_network(resolve(WEIGHT), "cpu")
    with torch.inference_mode():
        # All clips of a side are equal, so one stands for eight.
        black, white = (
            network(prepare(torch.full((1, 30, 64, 64, 3), level, dtype=torch.uint8))).numpy() for level in (0, 255)
        )
    found = frechet_distance(np.repeat(black, 8, axis=0), np.repeat(white, 8, axis=0))
    assert found == pytest.approx(GOLDEN, rel=0.005)
