"""Window plans against the reference's, and the laws of blending."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.exvideo.windows import Window, blend, plan_windows
from tests.exvideo.helpers import fixture_json

REFERENCE = fixture_json("sliding_window")
CASES: list[dict[str, Any]] = REFERENCE["cases"]

plans = st.tuples(st.integers(1, 150), st.integers(1, 30)).flatmap(
    lambda p: st.tuples(st.just(p[0]), st.just(p[1]), st.integers(1, p[1]))
)


@pytest.mark.parametrize("case", CASES, ids=lambda c: str(c["num_frames"]))
def test_plans_and_weights_match_the_reference(case: dict[str, Any]) -> None:
    windows = plan_windows(case["num_frames"], REFERENCE["batch_time"], REFERENCE["stride_time"])
    assert [(w.start, w.stop) for w in windows] == [(w["start"], w["stop"]) for w in case["windows"]]
    for window, expected in zip(windows, case["windows"], strict=True):
        assert window.weights == pytest.approx(expected["weights"], abs=1e-6)


@pytest.mark.parametrize("case", CASES, ids=lambda c: str(c["num_frames"]))
def test_blending_matches_the_reference(case: dict[str, Any]) -> None:
    windows = plan_windows(case["num_frames"], REFERENCE["batch_time"], REFERENCE["stride_time"])

    def number(window: Window) -> torch.Tensor:
        return torch.full((window.stop - window.start, 2, 3, 3), float(windows.index(window) + 1))

    result = blend(number, windows, case["num_frames"])
    expected = torch.tensor(case["blend_of_window_numbers"])[:, None, None, None].expand_as(result)
    torch.testing.assert_close(result, expected, atol=1e-4, rtol=0)


@given(plans)
def test_every_frame_is_covered_by_windows_within_the_length(plan: tuple[int, int, int]) -> None:
    num_frames, length, stride = plan
    windows = plan_windows(num_frames, length, stride)
    assert {f for w in windows for f in range(w.start, w.stop)} == set(range(num_frames))
    assert all(w.stop - w.start <= length and len(w.weights) == w.stop - w.start for w in windows)
    assert all(0 < weight <= 1 for w in windows for weight in w.weights)


@given(plans)
def test_windows_that_agree_blend_to_what_they_agree_on(plan: tuple[int, int, int]) -> None:
    num_frames, length, stride = plan
    clip = torch.arange(num_frames, dtype=torch.float64)[:, None]
    result = blend(lambda w: clip[w.start : w.stop], plan_windows(num_frames, length, stride), num_frames)
    torch.testing.assert_close(result, clip)


def test_a_clip_that_fits_is_one_window_passed_through() -> None:
    clip = torch.randn(25, 3)
    assert blend(lambda w: clip, plan_windows(25, 25, 5), 25) is clip


def test_windows_that_leave_frames_out_are_an_error() -> None:
    with pytest.raises(ValueError, match="do not cover"):
        blend(lambda w: torch.ones(2, 1), [Window(0, 2, (1.0, 1.0)), Window(3, 5, (1.0, 1.0))], 5)


@pytest.mark.parametrize(("length", "stride"), [(25, 0), (5, 6), (0, 1)])
def test_strides_that_leave_gaps_are_refused(length: int, stride: int) -> None:
    with pytest.raises(UsageError) as caught:
        plan_windows(40, length, stride)
    assert caught.value.code == "E-WINDOW"
