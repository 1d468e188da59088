"""The published calibration: what each column was measured to see, over all of its clips, is what it is named after."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.calibration import MetricResponses, analyse
from harness.calibration_data import CalibrationFile, read
from harness.registry import load_plugins

FILE = Path(__file__).parents[2] / "results" / "published" / "calibration-1" / "calibration.json"
# Columns of other networks need weights; dynamic_rate and palindrome describe, and do not judge.
CLAIMS = [
    *(
        ("warp_error", "flicker"),
        ("warp_error", "noise"),
        ("flow_smoothness", "jitter"),
        ("flow_smoothness", "shuffle"),
    ),
    *(("fd_world", "noise"), ("fd_world", "jitter"), ("fd_world", "shuffle"), ("fd_world", "flicker")),
    *(("ff_ssim", "blur"), ("ff_ssim", "noise"), ("ff_psnr", "blur"), ("ff_psnr", "noise")),
    *(("colour_drift", "drift"), ("dup_frac", "freeze"), ("dup_frac", "drop"), ("n_cuts", "cut")),
]


@pytest.fixture(scope="module")
def published() -> CalibrationFile:
    return read(FILE)


@pytest.fixture(scope="module")
def measured(published: CalibrationFile) -> dict[str, MetricResponses]:
    found = analyse(published.experiment)
    assert found is not None
    return {responses.label.partition("@")[0]: responses for responses in found.metrics}


@pytest.mark.parametrize(("metric", "fault"), CLAIMS)
def test_a_column_follows_its_fault(measured: dict[str, MetricResponses], metric: str, fault: str) -> None:
    response = measured[metric].to(fault)
    assert response.verdict == "sees"
    assert response.rho is not None
    assert abs(response.rho) >= 0.95
    assert len([point for point in response.points if point.usable]) == 6


def test_smoothness_hardly_moves_with_luminance_flicker(measured: dict[str, MetricResponses]) -> None:
    points = measured["flow_smoothness"].to("flicker").points
    means = [point.mean for point in points if point.mean is not None]
    assert len(means) == 6
    assert max(abs(mean - means[0]) for mean in means) < 0.02


def test_it_was_measured_with_the_columns_and_faults_of_today(
    published: CalibrationFile, measured: dict[str, MetricResponses]
) -> None:
    plugins = load_plugins()
    for name, responses in measured.items():
        assert responses.key == plugins.metric_key(plugins.metric(name))
    rows = {spec.name for spec in plugins.variants.values() if spec.family == "fault"}
    assert len(published.experiment.steps) == len(rows)
    assert published.run.git_dirty is False
