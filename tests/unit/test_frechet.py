"""Feature-set distances: closed forms, invariances, and agreement with the textbook formula."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from harness import frechet
from harness.errors import ItemError
from harness.frechet import Moments, frechet_distance, grouped_kernel_distance, kernel_distance
from harness.model import Features

Rows = NDArray[np.float64]


def normal(count: int, dim: int, seed: int = 0) -> Rows:
    return np.random.default_rng(seed).normal(size=(count, dim))


@pytest.mark.parametrize(("count", "dim"), [(4, 32), (32, 32), (200, 32), (16, 400)])
def test_a_set_is_at_distance_zero_from_itself(count: int, dim: int) -> None:
    rows = normal(count, dim)
    assert abs(frechet_distance(rows, rows)) < 1e-8


def test_a_shift_costs_its_squared_length() -> None:
    rows, shift = normal(100, 16), normal(1, 16, 1)[0]
    assert frechet_distance(rows + shift, rows) == pytest.approx(shift @ shift, rel=1e-9)


@pytest.mark.parametrize("count", [8, 100])
def test_scaling_costs_the_trace(count: int) -> None:
    rows = normal(count, 16)
    rows -= rows.mean(0)
    trace = np.square(rows).sum() / (count - 1)
    assert frechet_distance(1.5 * rows, rows) == pytest.approx(0.25 * trace, rel=1e-9)


def test_axes_that_do_not_mix_add_up() -> None:
    # Orthogonal columns give diagonal covariances a and b: sum (sqrt a - sqrt b)^2.
    base = np.linalg.qr(normal(50, 4) - normal(50, 4).mean(0))[0]
    base -= base.mean(0)
    base = np.linalg.qr(base)[0]
    a, b = np.array([1.0, 4.0, 9.0, 0.25]), np.array([2.0, 1.0, 0.0, 0.25])
    first, second = base * np.sqrt(a * 49), base * np.sqrt(b * 49)
    shift = np.square(first.mean(0) - second.mean(0)).sum()
    assert frechet_distance(first, second) - shift == pytest.approx(np.square(np.sqrt(a) - np.sqrt(b)).sum(), abs=1e-8)


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 60), st.integers(3, 60), st.integers(1, 20), st.integers(0, 10**6))
def test_symmetry_rotation_scale_and_order(n: int, m: int, dim: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, dim)), rng.normal(1, 2, size=(m, dim))
    turn = np.linalg.qr(rng.normal(size=(dim, dim)))[0]
    distance = frechet_distance(x, y)
    same = pytest.approx(distance, rel=1e-7, abs=1e-8)
    assert frechet_distance(y, x) == same
    assert frechet_distance(x @ turn, y @ turn) == same
    assert frechet_distance(3 * x, 3 * y) / 9 == same
    assert frechet_distance(rng.permutation(x), y) == same
    assert distance > -1e-8


def test_it_agrees_with_the_matrix_square_root_when_that_is_well_conditioned() -> None:
    from scipy.linalg import sqrtm

    x, y = normal(2000, 20), normal(1500, 20, 1) @ np.diag(np.linspace(0.5, 2, 20)) + 0.3
    cross = np.real(sqrtm(np.cov(x.T) @ np.cov(y.T)))
    textbook = np.square(x.mean(0) - y.mean(0)).sum() + np.trace(np.cov(x.T) + np.cov(y.T) - 2 * cross)
    assert frechet_distance(x, y) == pytest.approx(textbook, rel=1e-5)


def test_more_noise_on_the_features_is_farther() -> None:
    rows = normal(300, 16)
    values = [frechet_distance(rows + s * normal(300, 16, 2), rows) for s in (0.0, 0.5, 1.0, 2.0)]
    assert values == sorted(values)


def test_constant_features_have_only_their_means() -> None:
    first, second = np.full((5, 3), 2.0), np.full((7, 3), 4.0)
    assert frechet_distance(first, second) == pytest.approx(12)


def test_the_reference_can_be_reduced_once() -> None:
    x, y = normal(40, 64), normal(90, 64, 1)
    reference = Moments.of(y)
    assert Moments.of(x).distance(reference) == pytest.approx(frechet_distance(x, y), rel=1e-12)
    assert reference.factor.shape == (64, 64)


@pytest.mark.parametrize("cuts", [[200], [1, 2, 64, 199], list(range(0, 300, 7))])
def test_rows_in_batches_are_rows_at_once(cuts: list[int]) -> None:
    x, y = normal(300, 24) + 50, normal(90, 24, 1) * 2 + 50
    batches = [batch for batch in np.split(x, cuts) if len(batch)]
    for order in (batches, batches[::-1]):
        streamed = Moments.streamed(iter(order))
        assert streamed.mean == pytest.approx(x.mean(0), rel=1e-12)
        assert streamed.factor.T @ streamed.factor == pytest.approx(np.cov(x.T), rel=1e-9, abs=1e-12)
        assert streamed.trace == pytest.approx(np.trace(np.cov(x.T)), rel=1e-10)
        assert streamed.distance(Moments.of(y)) == pytest.approx(frechet_distance(x, y), rel=1e-10)


def test_a_large_set_is_reduced_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = normal(50, 8) + 3, normal(40, 8, 1)
    plain = frechet_distance(x, y)
    monkeypatch.setattr(frechet, "BATCH", 7)
    assert frechet_distance(x, y) == pytest.approx(plain, rel=1e-12)
    assert Moments.of(x).mean == pytest.approx(x.mean(0), rel=1e-12)


def test_batches_that_do_not_fit_are_refused() -> None:
    for batches, word in (
        ([], "0 in all"),
        ([normal(1, 3)], "1 in all"),
        ([normal(4, 3), normal(4, 5)], "differ"),
        ([normal(4, 3), np.full((2, 3), np.inf)], "row 0"),
    ):
        with pytest.raises(ItemError, match=word) as caught:
            Moments.streamed(batches)
        assert caught.value.code == "E-FEATURES"


def test_the_floor_between_equal_distributions_falls_with_size() -> None:
    floors = [frechet_distance(normal(n, 40, n), normal(n, 40, n + 1)) for n in (20, 80, 320, 1280)]
    assert floors == sorted(floors, reverse=True)
    assert floors[0] > 10 * floors[-1]


def test_the_kernel_distance_has_no_floor() -> None:
    values = np.array([kernel_distance(normal(24, 10, 2 * s), normal(24, 10, 2 * s + 1)) for s in range(200)])
    assert abs(values.mean()) < 3 * values.std() / np.sqrt(len(values))
    assert (values < 0).any()
    shifted = [kernel_distance(normal(24, 10, 2 * s) + 0.5, normal(24, 10, 2 * s + 1)) for s in range(50)]
    assert np.mean(shifted) > 5 * values.std()


def test_the_kernel_distance_of_two_points_each_is_what_hand_arithmetic_gives() -> None:
    x, y = np.array([[1.0], [2.0]]), np.array([[0.0], [1.0]])
    # k(1,2) = 27, k(0,1) = 1; cross: k(1,0) = 1, k(1,1) = 8, k(2,0) = 1, k(2,1) = 27.
    assert kernel_distance(x, y) == pytest.approx(27 + 1 - 2 * (1 + 8 + 1 + 27) / 4)


def videos(count: int, seed: int, shift: float = 0.0) -> Features:
    """``count`` videos with four rows each that resemble one another more than those of other videos."""
    rng = np.random.default_rng(seed)
    rows = np.repeat(rng.normal(shift, 1, (count, 6)), 4, axis=0) + 0.1 * rng.normal(size=(4 * count, 6))
    return Features(rows, np.repeat(np.arange(count), 4).astype(np.str_))


def test_rows_of_one_video_are_no_independent_pair() -> None:
    pairs = [(videos(12, 2 * s), videos(12, 2 * s + 1)) for s in range(150)]
    grouped = np.array([grouped_kernel_distance(a, b) for a, b in pairs])
    plain = np.array([kernel_distance(a.rows, b.rows) for a, b in pairs])
    error = grouped.std() / np.sqrt(len(pairs))
    assert abs(grouped.mean()) < 3 * error
    assert plain.mean() > 10 * error
    assert grouped_kernel_distance(videos(12, 0, 1.0), videos(12, 1)) > 5 * grouped.std()


def test_a_row_a_video_is_the_plain_kernel_distance() -> None:
    x, y = (Features(normal(9, 4, s), np.arange(9).astype(np.str_)) for s in (0, 1))
    assert grouped_kernel_distance(x, y) == pytest.approx(kernel_distance(x.rows, y.rows), rel=1e-12)
    alone = Features(normal(9, 4), np.zeros(9).astype(np.str_))
    with pytest.raises(ItemError, match="at least 2 items"):
        grouped_kernel_distance(alone, y)


@pytest.mark.parametrize("distance", [frechet_distance, kernel_distance])
def test_what_cannot_be_measured_is_refused(distance: object) -> None:
    assert callable(distance)
    good = normal(5, 3)
    broken = good.copy()
    broken[2, 1] = np.nan
    for bad, word in (
        (normal(1, 3), "at least 2"),
        (normal(5, 4), "differ"),
        (broken, "row 2"),
        (good[0], "at least 2"),
    ):
        with pytest.raises(ItemError, match=word) as caught:
            distance(bad, good)
        assert caught.value.code == "E-FEATURES"
