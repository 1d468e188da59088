"""Agreement with statsmodels 0.15.0 where it computes the same quantity. Its answers are written out here."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.power import items_needed, t_test_power
from harness.stats import detectable, holm, sign_flip, wilson_interval


def test_holm_is_multipletests() -> None:
    found = holm([0.001, 0.02, 0.015, 0.6, 0.04, 0.04])
    assert found == pytest.approx([0.006, 0.08, 0.075, 0.6, 0.12, 0.12], abs=1e-12)


@pytest.mark.parametrize(
    ("yes", "of", "low", "high"),
    [
        (0, 10, 0.0, 0.27753279986288926),
        (3, 10, 0.10779126740630104, 0.6032218525388546),
        (47, 50, 0.8378290831116182, 0.979385029651026),
        (50, 50, 0.9286524008666412, 1.0),
    ],
)
def test_wilson_is_proportion_confint(yes: int, of: int, low: float, high: float) -> None:
    assert wilson_interval(yes, of)[1:] == pytest.approx((low, high), abs=1e-12)


@pytest.mark.parametrize(
    ("first", "second", "p"), [(3, 9, 0.14599609375), (0, 6, 0.03125), (5, 5, 1.0), (2, 13, 0.00738525390625)]
)
def test_sign_flips_of_yes_and_no_are_mcnemars_exact_test(first: int, second: int, p: float) -> None:
    assert sign_flip([1.0] * first + [-1.0] * second + [0.0] * 20) == pytest.approx(p, abs=1e-12)


@pytest.mark.parametrize(("items", "effect"), [(20, 0.6604416544380312), (50, 0.4041829997377859), (100, 0.28291171)])
def test_the_detectable_difference_is_that_of_the_noncentral_t(items: int, effect: float) -> None:
    # TTestPower.solve_power; the sum of two central quantiles, which is used here, is within a thousandth of it.
    x = np.arange(items, dtype=np.float64)
    assert detectable((x - x.mean()) / x.std(ddof=1)) == pytest.approx(effect, rel=1e-3)


@pytest.mark.parametrize(
    ("effect", "items", "power_of_20"),
    [
        (0.2, 198.150820955562, 0.13595628876736887),
        (0.5, 33.36713118431779, 0.5645044184390203),
        (0.8, 14.30276455812943, 0.9238987553885781),
        (1.5, 5.686142097745736, 0.9999941382763682),
    ],
)
def test_power_is_ttestpower(effect: float, items: float, power_of_20: float) -> None:
    assert items_needed(1.0, effect) == math.ceil(items)
    assert t_test_power(20, 1.0, effect) == pytest.approx(power_of_20, abs=1e-6)
