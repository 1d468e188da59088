"""The ablation: which effects the declared factors allow, their values on constructed data, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from harness.ablation import Ablation, Level, analyse, effects_of
from harness.ablation_text import as_latex, as_markdown, as_record, notes, tables, title
from harness.errors import Refused, UsageError
from harness.registry import load_plugins, variant
from harness.stats import holm, of_differences, t_quantile
from harness.stats_sets import Contrast, Spread
from harness.submission import Submission
from tests.unit.results import Made, Values, metric, suite

GRID: dict[str, dict[str, Level]] = {
    "full@1": {"conv": True, "positions": "learned"},
    "no-conv@1": {"conv": False, "positions": "learned"},
    "static@1": {"conv": True, "positions": "static"},
    "neither@1": {"conv": False, "positions": "static"},
    "random@1": {"conv": True, "positions": "random"},
}
ITEMS, SEEDS = 24, (0, 1)
MADE = Made(suite(ITEMS, SEEDS), (metric("warp"), metric("smooth", "higher"), metric("fd", scope="set")))
# What each part does to the metric, and the two together beyond that.
CONV, LEARNED, TOGETHER = -0.8, -0.3, 0.5


def truth(levels: Mapping[str, Level]) -> float:
    conv, learned = levels["conv"] is True, levels["positions"] == "learned"
    return CONV * conv + LEARNED * learned + TOGETHER * (conv and learned)


def table(label: str, noise: float = 0.05, seed: int = 0) -> Values:
    difficulty = np.random.default_rng(7).normal(5, 3, (ITEMS, 1))
    own = np.random.default_rng([seed, list(GRID).index(label)]).normal(0, noise, (ITEMS, len(SEEDS)))
    made: Values = difficulty + truth(GRID[label]) + own
    return made


def row(label: str, noise: float = 0.05, seed: int = 0) -> Submission:
    x = table(label, noise, seed)
    # The effect grows over the clip: nothing in the first eighth, all of it (and more) in the last.
    profile = (x - truth(GRID[label]))[..., None] + truth(GRID[label]) * np.arange(8) / 4
    role = "method" if label == "full@1" else "ablation"
    name = label.removesuffix("@1")
    return MADE.result(name, {"warp": x}, {"warp": profile}, role=role, factors=GRID[label])


def rows(noise: float = 0.05, seed: int = 0) -> list[Submission]:
    return [row(label, noise, seed) for label in GRID]


@cache
def found() -> Ablation:
    """The analysis that most tests look at; nothing in it can be changed."""
    return analyse(rows(), absent={"other@1": "mini", "elsewhere@1": "svd"})[0]


def test_the_effects_follow_from_the_factors() -> None:
    effects = effects_of(GRID, "full@1")
    assert [(e.kind, e.name) for e in effects] == [
        ("main", "with conv − without"),
        ("main", "positions: learned − static"),
        ("interaction", "conv × positions"),
        ("contrast", "with conv − without"),
        ("contrast", "positions: learned − static"),
        ("contrast", "positions: learned − random"),
        ("contrast", "positions: static − random"),
    ]
    assert effects[0].weights == {"full@1": 0.5, "static@1": 0.5, "no-conv@1": -0.5, "neither@1": -0.5}
    assert effects[2].weights == {"full@1": 1, "neither@1": 1, "no-conv@1": -1, "static@1": -1}
    assert all(sum(e.weights.values()) == 0 for e in effects)


def test_without_the_fourth_cell_there_are_contrasts_and_no_factorial() -> None:
    three = {label: levels for label, levels in GRID.items() if label != "neither@1"}
    assert {e.kind for e in effects_of(three, "full@1")} == {"contrast"}


def test_a_variant_with_other_factors_stands_aside() -> None:
    assert effects_of({**GRID, "odd@1": {"conv": False}}, "full@1") == effects_of(GRID, "full@1")


def test_effects_have_the_constructed_values() -> None:
    by_name = {(f.effect.kind, f.effect.name): f for f in found().of(MADE.metrics[0])}
    for key, expected in (
        (("main", "with conv − without"), CONV + TOGETHER / 2),
        (("main", "positions: learned − static"), LEARNED + TOGETHER / 2),
        (("interaction", "conv × positions"), TOGETHER),
        (("contrast", "with conv − without"), CONV + TOGETHER),
    ):
        answer = by_name[key].answer
        assert answer.low is not None
        assert answer.high is not None
        assert answer.low < expected < answer.high
        assert answer.high - answer.low < 0.2, "difficulty of items cancels"
    assert by_name["main", "with conv − without"].verdict == "better"
    assert by_name["interaction", "conv × positions"].verdict == "raises it"


def test_a_contrast_is_of_item_means() -> None:
    finding = next(f for f in found().findings if f.effect.kind == "contrast" and "conv" in f.effect.name)
    expected = of_differences((table("full@1") - table("no-conv@1")).mean(1))
    assert (finding.answer.value, finding.answer.p) == pytest.approx((expected.difference, expected.p))


def test_p_is_adjusted_over_the_effects_on_one_metric() -> None:
    plain = analyse(rows(), adjust=False)[0].findings
    assert all(f.answer.p == f.answer.p_adjusted for f in plain)
    largest = max(found().findings, key=lambda f: f.answer.p or 0)
    smallest = min(found().findings, key=lambda f: f.answer.p or 0)
    assert smallest.answer.p_adjusted == pytest.approx(len(plain) * (smallest.answer.p or 0))
    assert (largest.answer.p_adjusted or 0) >= (largest.answer.p or 0)


def test_an_effect_over_time_grows_as_constructed() -> None:
    finding = next(f for f in found().findings if f.effect.kind == "main" and "conv" in f.effect.name)
    values = [window.value for window in finding.windows if window is not None]
    assert values == pytest.approx([(CONV + TOGETHER / 2) * w / 4 for w in range(8)], abs=0.05)
    first, last = finding.windows[0], finding.windows[-1]
    assert first is not None
    assert last is not None
    assert (first.p_adjusted or 0) > 0.05 > (last.p_adjusted or 1)


def test_p_over_time_is_adjusted_over_all_effects_and_eighths() -> None:
    plain, adjusted = (analyse(rows(), adjust=on)[0].of(MADE.metrics[0]) for on in (False, True))
    raw = [w.p for f in plain for w in f.windows if w is not None and w.p is not None]
    found = [w.p_adjusted for f in adjusted for w in f.windows if w is not None]
    assert len(raw) == 7 * 8
    assert found == pytest.approx(holm(raw))


def test_set_metrics_come_from_the_jackknife() -> None:
    def sets(weights: Mapping[str, float]) -> dict[str, Contrast]:
        return {"fd@1": Contrast(40, 3.0 * len(weights), Spread(2.0, -1.0, 9.0))}

    of_set = analyse(rows(), sets=sets)[0].of(MADE.metrics[2])
    assert len(of_set) == 7
    # t = 6 / 2 with 19 degrees of freedom.
    assert of_set[3].answer.p == pytest.approx(0.00737, abs=1e-4)
    # The main effects have twice the value and so the smaller p: three of seven tests are done before.
    assert of_set[3].answer.p_adjusted == pytest.approx(4 * 0.00737, abs=1e-3)
    assert of_set[3].verdict == "worse"


def test_families_are_analysed_apart_and_rows_without_factors_left_aside() -> None:
    other = [replace(r, variant=replace(r.variant, family="svd", key="0" * 32)) for r in rows()]
    other = [replace(r, variant=replace(r.variant, key=f"{i:032d}")) for i, r in enumerate(other)]
    plain = MADE.result("plain", {"warp": table("full@1")})
    assert [a.family for a in analyse([*rows(), *other, plain])] == ["mini", "svd"]
    assert "plain@1" not in found().rows


def test_too_few_rows_and_other_suites_are_refused() -> None:
    with pytest.raises(Refused, match="two variants") as caught:
        analyse([row("full@1")], absent={"no-conv@1": "mini"})
    assert "no-conv@1" in caught.value.where
    elsewhere = Made(suite(ITEMS, SEEDS, version=2), MADE.metrics)
    stranger = elsewhere.result("no-conv", {"warp": table("no-conv@1")}, factors=GRID["no-conv@1"])
    with pytest.raises(Refused, match="suites differ"):
        analyse([row("full@1"), stranger])


def test_every_form_has_every_effect() -> None:
    ablation = found()
    made = list(tables(ablation))
    assert [heading for heading, _, _ in made] == ["What each part buys"]
    made = list(tables(ablation, every=True))
    assert [heading for heading, _, _ in made] == [
        "What each part buys",
        "warp@1 ↓",
        "warp@1 ↓ over time, by eighth of the clip, p adjusted over effects and eighths",
    ]
    assert all(len(lines) == 7 for _, _, lines in made)
    assert made[0][2][0][1].endswith(" *")
    record = as_record(ablation)
    assert json.loads(json.dumps(record))["findings"][0]["windows"][7]["value"] == pytest.approx(-0.96, abs=0.05)
    assert "what each part buys" in title(ablation)
    for every, count in ((False, 1), (True, 3)):
        assert as_markdown(ablation, every).count("| main effect, with conv − without |") == count
        assert as_latex(ablation, every).count(r"\begin{table}") == count
        assert r"\item An interaction is how much" in as_latex(ablation, every)
    over_time = made[2][2][0][1]
    assert "±" in over_time
    effect = found().findings[0]
    contrast = (table("full@1") + table("static@1") - table("no-conv@1") - table("neither@1")).mean(1) / 2
    assert effect.answer.size == pytest.approx(contrast.mean() / contrast.std(ddof=1))
    assert f"{effect.answer.size:+.2f}".replace("-", "−") in made[1][2][0]
    told = "\n".join(notes(ablation))
    assert "left out: other@1" in told
    assert "elsewhere@1" not in told


def test_the_first_page_is_a_page() -> None:
    # Ten effects, and the five headline metrics with the longest names that are installed.
    names = ("fd_world", "warp_error", "flow_smoothness", "dynamic_rate", "ff_ssim")
    headline = tuple(replace(metric(name), headline=True) for name in names)
    made = Made(MADE.suite, (*headline, *(metric(f"other_{i}") for i in range(6))))
    levels = {"learned", "static", "random", "learned from random", "static reflected"}
    submissions = [
        made.result(
            f"v{i}",
            {m.name: table("full@1", 0.05, i) / 1e5 for m in made.metrics},
            role="method" if not i else "ablation",
            factors={"conv": conv, "positions": positions},
        )
        for i, (conv, positions) in enumerate((conv, level) for level in sorted(levels) for conv in (True, False))
    ][:6]
    (ablation,) = analyse(submissions)
    ((_, headers, lines),) = tables(ablation, brk="\n")
    told = "\n".join(notes(ablation))
    assert len(headers) == 6
    widths = [max(len(part) for row in (headers, *lines) for part in row[i].split("\n")) for i in range(6)]
    assert sum(widths) + 2 * 5 <= 120
    tall = 2 + sum(max(cell.count("\n") + 1 for cell in row) for row in (headers, *lines)) + len(told.splitlines()) + 2
    assert tall <= 40
    assert "All 11 metrics, p values, and effects over time: --all" in told


def test_the_factorial_agrees_with_an_analysis_of_variance() -> None:
    # statsmodels 0.15.0, AnovaRM(within=["conv", "pos"]): F of both main effects and of their interaction.
    base = [5.0, 2.0, 7.0, 4.0, 6.0, 3.0, 8.0, 1.0]
    cells = {
        (True, "a"): [0.3, 0.5, 0.1, 0.4, 0.6, 0.2, 0.4, 0.3],
        (True, "b"): [0.9, 0.7, 1.0, 0.8, 1.2, 0.9, 0.6, 1.1],
        (False, "a"): [1.4, 1.1, 1.6, 1.3, 1.2, 1.5, 1.0, 1.7],
        (False, "b"): [1.5, 1.9, 1.6, 2.0, 1.7, 1.4, 1.8, 2.1],
    }
    made = Made(suite(8))
    submissions = [
        made.result(
            f"v{i}",
            {"warp": (np.array(base) + np.array(values))[:, None]},
            role="ablation" if i else "method",
            factors={"conv": conv, "pos": pos},
        )
        for i, ((conv, pos), values) in enumerate(cells.items())
    ]
    answers = [finding.answer for finding in analyse(submissions)[0].findings[:3]]
    half = [(a.high - a.low) / 2 for a in answers if a.high is not None and a.low is not None]
    f = [(a.value / (h / t_quantile(0.975, 7))) ** 2 for a, h in zip(answers, half, strict=True)]
    assert f == pytest.approx([187.90196078431376, 168.4666666666644, 0.504], rel=1e-9)


@pytest.mark.slow
def test_where_no_part_does_anything_one_board_in_twenty_says_otherwise() -> None:
    # Every metric is an experiment of its own: four rows without an effect, ten items with two seeds, five effects
    # under Holm's correction. 250 of them show 5 % to 1.4 %.
    rng, names = np.random.default_rng(0), [f"m{i}" for i in range(250)]
    made = Made(suite(10, SEEDS), tuple(metric(name) for name in names))
    difficulty = {name: rng.normal(5, 3, (10, 1)) for name in names}
    submissions = []
    for label in ("full@1", "no-conv@1", "static@1", "neither@1"):
        own = {n: difficulty[n] + rng.normal(0, 1, (10, 1)) + rng.normal(0, 0.5, (10, 2)) for n in names}
        role = "method" if label == "full@1" else "ablation"
        submissions.append(made.result(label.removesuffix("@1"), own, role=role, factors=GRID[label]))
    (ablation,) = analyse(submissions)
    wrong = {f.metric.label for f in ablation.findings if f.verdict != "no effect seen"}
    assert len(ablation.metrics()) == 250
    assert 0 < len(wrong) / 250 <= 0.05 + 2 * 0.014


def test_the_mini_family_declares_the_experiment() -> None:
    specs = {f"{s.name}@1": s.factors for s in load_plugins().variants.values() if s.family == "mini" and s.factors}
    effects = effects_of(specs, "mini-exvideo@1")
    assert [e.kind for e in effects[:3]] == ["main", "main", "interaction"]
    assert set(effects[2].weights) == {
        "mini-exvideo@1",
        "mini-no-conv@1",
        "mini-pos-static@1",
        "mini-temporal-only@1",
    }
    assert sum(e.kind == "contrast" for e in effects) == 1 + 6


def test_a_level_of_another_type_is_refused_when_it_registers() -> None:
    with pytest.raises(UsageError, match="refused") as caught:

        @variant("test-odd-level", revision=1, family="mini", summary="", factors={"conv": 0.5})  # type: ignore[dict-item]
        class Odd:
            def needs(self) -> None: ...

            def load(self, device: str) -> None: ...

    assert "level" in caught.value.why


@pytest.mark.slow
def test_main_effects_are_found_as_often_as_they_should_be_when_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    # Item contrasts with nested seeds and no effect: a rejection at 5 % in about 5 % of experiments, whatever the
    # correction over the effects takes off.
    monkeypatch.setattr("harness.stats_tests.DRAWS", 1000)
    rng = np.random.default_rng(0)
    hits = []
    for _ in range(400):
        items, noise = rng.normal(5, 3, (24, 1, 1)), rng.normal(0, 1, (24, 2, 4)) + rng.normal(0, 0.5, (24, 1, 4))
        cells = (items + noise).mean(1)
        hits.append(of_differences(cells @ np.array([0.5, 0.5, -0.5, -0.5])).p <= 0.05)
    assert np.mean(hits) == pytest.approx(0.05, abs=0.033)
