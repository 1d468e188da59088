"""The motion bucket of `harness.motion` against the reference's numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.motion import THRESHOLDS, motion_score, score_to_bucket
from tests.exvideo.helpers import fixture_json

REFERENCE = fixture_json("motion_buckets")


def test_the_thresholds_match_the_reference() -> None:
    assert pytest.approx(REFERENCE["thresholds"], abs=1e-9) == list(THRESHOLDS)
    assert len(THRESHOLDS) == 128


@pytest.mark.parametrize(("score", "bucket"), REFERENCE["score_to_bucket"])
def test_scores_fall_into_the_references_buckets(score: float, bucket: int) -> None:
    assert score_to_bucket(score) == bucket


@pytest.mark.parametrize("case", REFERENCE["cases"], ids=lambda c: str(c["bucket"]))
def test_scores_match_the_reference_up_to_eight_bits(case: dict[str, Any]) -> None:
    assert score_to_bucket(case["score"]) == case["bucket"]
    frames = np.array(case["frames"]).transpose(1, 2, 3, 0)  # C T H W in [-1, 1] -> T H W C
    if abs(frames).max() <= 1:
        pixels = np.round((frames + 1) * 127.5).astype(np.uint8)
        assert motion_score(pixels) == pytest.approx(case["score"], abs=1 / 255)
