"""What the intervals and tests promise, checked on many simulated experiments with a fixed seed.

Bounds leave room for the simulation's own error: with 2,000 experiments a true 95 % shows as 94 to 96 %.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats as scipy_stats
from scipy.special import ndtri

from harness.frechet import frechet_distance, kernel_distance
from harness.model import Features
from harness.ranks import SetResult, beats, rank_sets, ranks_of
from harness.stats import (
    compare_sets,
    detectable,
    difference_interval,
    item_means,
    jackknife,
    jackknife_p,
    of_differences,
    rate_interval,
    recombined,
    sign_flips,
    t_interval,
    wilson_interval,
)
from harness.stats_intervals import RATE

pytestmark = pytest.mark.slow

Rows = NDArray[np.float64]
TIMES = 2000


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20261124)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer sign patterns: p keeps its meaning and is a little coarser."""
    monkeypatch.setattr("harness.stats_tests.DRAWS", 999)


def wilson_covered(counts: NDArray[np.int64], trials: int, rate: float) -> float:
    """Coverage of `wilson_interval`, which few distinct counts need to be asked for."""
    distinct, times = np.unique(counts, return_counts=True)
    found = [wilson_interval(int(k), trials) for k in distinct]
    return float(np.average([low <= rate <= high for _, low, high in found], weights=times))


def covered(intervals: list[tuple[float, float, float]], truth: float) -> float:
    return float(np.mean([low <= truth <= high for _, low, high in intervals]))


@pytest.mark.parametrize("n", [20, 50, 100])
def test_t_intervals_cover_normal_means(n: int, rng: np.random.Generator) -> None:
    found = covered([t_interval(x) for x in rng.normal(3, 2, (TIMES, n))], 3)
    assert found == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize(
    ("n", "least", "milder"), [(20, 0.855, 0.875), (50, 0.885, 0.905), (64, 0.89, 0.92), (100, 0.9, 0.92)]
)
def test_t_intervals_of_log_normal_means_cover_less_and_more_so_with_items(
    n: int, least: float, milder: float, rng: np.random.Generator
) -> None:
    def coverage(sigma: float) -> float:
        return covered([t_interval(x) for x in rng.lognormal(0, sigma, (TIMES, n))], np.exp(sigma**2 / 2))

    # Of skewness 3.3 (sigma 0.75) 90, 93, 93 and 94 % are covered. Skewness 6.2 (sigma 1) is beyond what the interval
    # can do at these n: 87, 90, 91 and 92 %, as the documentation says.
    assert milder <= coverage(0.75) <= 0.96
    assert least <= coverage(1.0) <= 0.95


@pytest.mark.parametrize("n", [20, 50, 100])
@pytest.mark.parametrize("shape", ["normal", "log-normal"])
def test_intervals_of_paired_differences_cover(shape: str, n: int, rng: np.random.Generator) -> None:
    # The difference of two skewed metrics is nearly symmetric, so that pairing also mends the interval.
    draws = rng.normal(0, 1, (3, TIMES, n)) if shape == "normal" else rng.lognormal(0, 1, (3, TIMES, n))
    differences = (draws[0] + draws[1]) - (draws[0] + draws[2])
    assert covered([t_interval(x) for x in differences], 0) == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize("n", [20, 50, 100])
@pytest.mark.parametrize("rate", [0.5, 0.9, 0.97])
def test_wilson_intervals_cover(rate: float, n: int, rng: np.random.Generator) -> None:
    counts = rng.binomial(n, rate, TIMES)
    # Whole counts make coverage jump around 95 %; a t interval falls to 45 % at n = 20 and 0.97.
    assert wilson_covered(counts, n, rate) >= 0.92


@pytest.mark.parametrize("n", [20, 50, 100])
def test_rates_over_seeds_cover_with_items_as_clusters_and_not_with_videos_as_items(
    n: int, rng: np.random.Generator
) -> None:
    chance = rng.beta(1.0, 1.0, (TIMES, n))
    videos = rng.random((5, TIMES, n)) < chance
    clusters = covered([rate_interval(shares) for shares in videos.mean(0)], 0.5)
    naive = wilson_covered(videos.sum((0, 2)), 5 * n, 0.5)
    assert clusters >= 0.93
    assert naive < 0.85


@pytest.mark.parametrize("n", [20, 50, 100])
@pytest.mark.parametrize("rates", [(0.05, 0.05), (0.02, 0.1), (0.5, 0.5), (0.9, 0.97)])
@pytest.mark.parametrize("seeds", [1, 2])
def test_intervals_of_a_difference_of_rates_cover(
    rates: tuple[float, float], n: int, seeds: int, rng: np.random.Generator
) -> None:
    # Items that are hard for one row are hard for the other (correlation 0.6). A t interval falls to 84 % here.
    common = rng.standard_normal((TIMES, n, 1))
    answers = [
        np.sqrt(0.6) * common + np.sqrt(0.4) * rng.standard_normal((TIMES, n, seeds)) < ndtri(rate) for rate in rates
    ]
    differences = answers[1].mean(2) - answers[0].mean(2)
    assert covered([difference_interval(x, RATE) for x in differences], rates[1] - rates[0]) >= 0.94


def test_intervals_over_items_cover_where_intervals_over_videos_do_not(rng: np.random.Generator) -> None:
    # 20 items, 5 seeds, SD 1 between items and 0.5 between seeds.
    names, times = np.repeat([f"{i:02d}" for i in range(20)], 5), 1000
    videos = np.repeat(rng.normal(0, 1, (times, 20)), 5, axis=1) + rng.normal(0, 0.5, (times, 100))
    assert covered([t_interval(item_means(x, names)[1]) for x in videos], 0) == pytest.approx(0.95, abs=0.015)
    assert covered([t_interval(x) for x in videos], 0) < 0.75


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("n", [12, 50])
@pytest.mark.parametrize("shape", ["normal", "log-normal"])
def test_sign_flips_reject_as_often_as_they_say_with_nested_seeds(shape: str, n: int, rng: np.random.Generator) -> None:
    # An effect of its own that each item has on A and B, shared by its 4 seeds, and none on average.
    times = 800
    draw = rng.normal if shape == "normal" else rng.lognormal
    a, b = (np.repeat(draw(0, 1, (n, 1, times)), 4, axis=1) + rng.normal(0, 0.5, (n, 4, times)) for _ in range(2))
    by_item = np.array(sign_flips((a - b).mean(1)))
    assert (by_item <= 0.05).mean() == pytest.approx(0.05, abs=0.022)
    assert (by_item <= 0.5).mean() == pytest.approx(0.5, abs=0.055)
    by_video = np.array(sign_flips((a - b).reshape(4 * n, times)))
    assert (by_video <= 0.05).mean() > 0.2, "seeds taken for items would reject far too often"


@pytest.mark.usefixtures("quick")
def test_pairing_finds_what_an_unpaired_test_does_not(rng: np.random.Generator) -> None:
    difficulty = rng.normal(0, 3, (300, 40))
    a, b = (difficulty + shift + rng.normal(0, 1, (300, 40)) for shift in (0.0, 0.6))
    paired = (np.array(sign_flips((b - a).T)) <= 0.05).mean()
    unpaired = np.mean([scipy_stats.ttest_ind(x, y).pvalue <= 0.05 for x, y in zip(a, b, strict=True)])
    assert paired > 0.6
    assert unpaired < 0.1


def _mean(x: Rows, axis: int = -1) -> Rows:
    mean: Rows = x.mean(axis)
    return mean


def test_sign_flips_agree_with_scipys_permutation_test(rng: np.random.Generator) -> None:
    for n in (8, 12):
        x = rng.normal(0.5, 1, n)
        reference = scipy_stats.permutation_test((x,), _mean, permutation_type="samples", n_resamples=2**n)
        assert of_differences(x).p == pytest.approx(reference.pvalue)


@pytest.mark.parametrize("n", [20, 50, 100])
def test_the_detectable_difference_is_detected_four_times_in_five(n: int, rng: np.random.Generator) -> None:
    size = float(np.mean([detectable(rng.normal(size=n)) for _ in range(200)]))
    found = [t_interval(x).low > 0 for x in rng.normal(size, 1, (TIMES, n))]
    assert np.mean(found) == pytest.approx(0.8, abs=0.04)


def features(rows: Rows, per_item: int) -> Features:
    return Features(rows, np.array([f"{i // per_item:03d}" for i in range(len(rows))]))


def draw(rng: np.random.Generator, shape: str, n: int, dim: int) -> Rows:
    """Items' own features: normal, or log-normal of skewness 3.3 (sigma 0.75)."""
    return rng.normal(size=(n, dim)) if shape == "normal" else rng.lognormal(0, 0.75, (n, dim))


def clips(rng: np.random.Generator, items: Rows, shift: float = 0.0) -> Features:
    """Two windows an item: what is the item's own, what is this variant's for the item, and windows' noise."""
    own = items + shift + 0.6 * rng.normal(size=items.shape)
    return features(np.repeat(own, 2, axis=0) + 0.4 * rng.normal(size=(2 * len(own), items.shape[1])), 2)


def frechet(generated: Features, reference: Features) -> float:
    return frechet_distance(generated.rows, reference.rows)


def kernel(generated: Features, reference: Features) -> float:
    return kernel_distance(generated.rows, reference.rows)


@pytest.mark.parametrize("metric", [frechet, kernel])
def test_swaps_reject_equal_variants_as_often_as_they_say_and_find_a_shift(
    metric: object, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert callable(metric)
    # Where nothing differs, 19 exchanges reject at 5 % with probability 1 / 20; 200 experiments show that to 1.5 %.
    times, swaps = 200, 19
    monkeypatch.setattr("harness.stats_sets.MAX_GROUPS", 3)  # the jackknife, which is not looked at, is kept short
    reference = clips(rng, rng.normal(size=(24, 6)))
    equal: list[float] = []
    shifted: list[float] = []
    for _ in range(times):
        items = rng.normal(size=(24, 6))
        a = clips(rng, items)
        equal.append(compare_sets(metric, clips(rng, items), a, reference, swaps=swaps).p)
        if len(shifted) < 20:
            shifted.append(compare_sets(metric, clips(rng, items, 1.0), a, reference, swaps=swaps).p)
    assert np.mean(np.array(equal) <= 0.05) <= 0.05 + 2 * 0.0154
    assert np.mean(equal) == pytest.approx(0.525, abs=0.05), "the mean of 1 / 20, 2 / 20, … 1"
    assert np.mean(np.array(shifted) <= 0.05) > 0.8


def _deleted(generated: Features, reference: Features) -> tuple[float, tuple[float, ...]]:
    return frechet(generated, reference), jackknife(frechet, generated, reference).without


# Of a difference 93 to 98 % are covered, whatever the shape: what the two sets share cancels. 60 experiments show that
# to 3 %.
@pytest.mark.parametrize("n", [20, 50, 100])
@pytest.mark.parametrize("shape", ["normal", "log-normal"])
def test_the_jackknife_of_a_difference_has_its_spread_and_covers(shape: str, n: int, rng: np.random.Generator) -> None:
    reference = clips(rng, draw(rng, shape, 100, 4))
    values, errors, hits, equal = [], [], [], []
    for _ in range(60):
        items = draw(rng, shape, n, 4)
        value, without = zip(*(_deleted(clips(rng, items, shift), reference) for shift in (0, 0, 0.3)), strict=True)
        equal.append(jackknife_p(recombined(value[:2], without[:2], [1, -1], n)) or 0)
        found = recombined(value[1:], without[1:], [-1, 1], n)
        values.append(found.value)
        errors.append(found.spread.stderr or 0)
        hits.append((found.spread.low, found.spread.high))
    # The jackknife's error is up to a third too long, which is the careful side; 60 values tell their SD to 9 %.
    assert 0.82 < np.mean(errors) / np.std(values, ddof=1) < 1.5
    centre = float(np.mean(values))
    assert np.mean([low <= centre <= high for low, high in hits if low is not None and high is not None]) >= 0.88
    # Its t, which results without features are tested by, errs on the careful side: 0 to 2 % in 500 experiments. Here
    # are 60, which show a true 5 % to 2.8 %.
    assert np.mean(np.array(equal) <= 0.05) <= 0.05 + 2 * 0.028


# Measured with 700 experiments: Frechet, normal 96, 95 and 94 %, log-normal 74, 80 and 88 %; kernel, normal 94, 93 and
# 95 %, log-normal 96, 89 and 97 %. The reference is one draw and moves these by a few per cent. So the interval of a
# Frechet distance of skewed features is too short, as the documentation says. 80 experiments show a share to 2.5 % (of
# 95 %) to 5 % (of 74 %), and the bounds are two of that lower.
@pytest.mark.parametrize(
    ("metric", "shape", "least"),
    [
        (frechet, "normal", (0.9, 0.9, 0.88)),
        (frechet, "log-normal", (0.64, 0.71, 0.81)),
        (kernel, "normal", (0.88, 0.87, 0.9)),
        (kernel, "log-normal", (0.85, 0.82, 0.85)),
    ],
)
def test_the_jackknife_of_a_distance_covers_its_expectation_at_this_n(
    metric: object, shape: str, least: tuple[float, ...], rng: np.random.Generator
) -> None:
    assert callable(metric)
    reference = features(draw(rng, shape, 100, 5), 1)
    for n, bound in zip((20, 50, 100), least, strict=True):
        sets = [features(draw(rng, shape, n, 5) + 0.3, 1) for _ in range(80)]
        centre = np.mean([metric(s, reference) for s in sets])
        spreads = [jackknife(metric, s, reference) for s in sets]
        found = np.mean([s.low <= centre <= s.high for s in spreads if s.low is not None and s.high is not None])
        assert found >= bound, n


@pytest.mark.parametrize(("variants", "boards", "draws"), [(2, 2000, 199), (5, 1000, 499)])
def test_boards_of_equal_variants_have_one_rank(
    variants: int, boards: int, draws: int, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The promise is 5 % of the boards; of two variants it is met with nothing to spare. Twice the simulation's error.
    monkeypatch.setattr("harness.stats_tests.DRAWS", draws)
    costs = rng.normal(0, 3, (boards, 1, 40)) + rng.normal(0, 1, (boards, variants, 40))
    split = sum(len({rank.place for rank in ranks_of(beats(_ordered(board)))}) > 1 for board in costs)
    assert split / boards <= 0.05 + 2 * (0.05 * 0.95 / boards) ** 0.5


def test_the_range_of_possible_ranks_holds_the_true_one(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.stats_tests.DRAWS", 499)
    means, boards, missed = np.array([0.0, 0.0, 0.4, 0.8, 0.8]), 500, 0
    for board in rng.normal(0, 3, (boards, 1, 40)) + rng.normal(0, 1, (boards, 5, 40)) + means[:, None]:
        order = np.argsort(board.mean(1), kind="stable")
        for place, found in zip(order, ranks_of(beats(board[order])), strict=True):
            first, last = 1 + int((means < means[place]).sum()), 5 - int((means > means[place]).sum())
            if not found.low <= first <= last <= found.high:
                missed += 1  # a board with two misses counts twice, which is the careful side
    assert missed / boards <= 0.05


def _ordered(costs: Rows) -> Rows:
    return costs[np.argsort(costs.mean(1), kind="stable")]


def test_boards_of_equal_sets_have_one_rank(rng: np.random.Generator) -> None:
    # The metric is a mean, whose values without a group need no features; its jackknife is that of any other.
    boards, items, split = 1000, 40, 0
    group = np.arange(items) % 20
    keep = (group[:, None] != np.arange(20)) / (group[:, None] != np.arange(20)).sum(0)
    rows = rng.normal(0, 3, (boards, 1, items)) + rng.normal(0, 1, (boards, 3, items))
    for values, without in zip(rows.mean(2), rows @ keep, strict=True):
        equal = {
            name: SetResult(float(v), tuple(w.tolist()), items)
            for name, v, w in zip("abc", values, without, strict=True)
        }
        split += len({rank.place for rank in rank_sets(equal, "lower", items).values()}) > 1
    assert split / boards <= 0.05 + 2 * 0.0069


def test_a_set_that_is_farther_away_is_ranked_last(rng: np.random.Generator) -> None:
    reference = clips(rng, rng.normal(size=(60, 5)))
    found = 0
    for _ in range(20):
        items = rng.normal(size=(40, 5))
        board = {"a": _as_result(clips(rng, items), reference), "far": _as_result(clips(rng, items, 1.0), reference)}
        found += rank_sets(board, "lower", 40)["far"].place == 2
    assert found > 16


def _as_result(generated: Features, reference: Features) -> SetResult:
    items = len(set(generated.groups))
    return SetResult(frechet(generated, reference), jackknife(frechet, generated, reference).without, items)
