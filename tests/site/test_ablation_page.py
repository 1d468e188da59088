"""The ablation page: effects as the analysis gives them, in words that say no more than the numbers."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import duckdb
import numpy as np
import pytest

from harness.ablation import Answer, Effect, Finding, item_contrasts
from harness.ablation_words import sentence
from harness.export import dump
from harness.render import publish
from harness.site_ablation import ablation_views
from harness.site_board import build_board
from harness.site_text import number
from harness.submission import Submission, parse
from tests.site.synthetic import Look, noisy, result, small_suite, write_result
from tests.unit.results import metric

GRID = (
    Look("mini-exvideo", "method", level=1.0, fields={"factors": {"conv": True, "positions": "learned"}}),
    Look("mini-no-conv", "ablation", level=1.6, fields={"factors": {"conv": False, "positions": "learned"}}),
    Look("mini-pos-static", "ablation", level=1.2, fields={"factors": {"conv": True, "positions": "static"}}),
    Look("mini-temporal-only", "ablation", level=1.8, fields={"factors": {"conv": False, "positions": "static"}}),
    Look("control-still", "control", "control", 0.0, still=True, change=noisy(0)),
)
ANSWER = Answer(20, -0.0123, -0.02, -0.0046, 0.001, 0.004, 0.011)
FINDING = Finding(Effect("main", "with conv − without", {}), metric("warp_error"), ANSWER, (), "better")


def submissions(items: int = 12) -> list[Submission]:
    suite = small_suite(items=items)
    return [parse(dump(result(suite, look))) for look in GRID]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ablation")
    suite = small_suite(items=12)
    for look in GRID:
        write_result(folder / "published", result(suite, look))
    publish([folder / "published"], None, folder / "public", "none")
    index = (folder / "public/index.html").read_text()
    assert 'href="ablation/demo-1.html"' in index
    return folder / "public"


@pytest.fixture(scope="module")
def page(folder: Path) -> str:
    return (folder / "ablation/demo-1.html").read_text()


def test_both_main_effects_the_interaction_and_the_contrasts_are_there(page: str) -> None:
    for name in ("with conv − without", "positions: learned − static", "conv × positions"):
        assert name in page
    assert page.count("main effect") >= 2
    assert "interaction" in page


def test_effects_of_one_name_say_which_rows_they_are_of_and_lead_to_them(page: str) -> None:
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", page))
    assert "with conv − without main effect, averaged over positions learned and static" in text
    assert "with conv − without contrast: mini-exvideo − mini-no-conv" in text
    pair = "../compare/demo-1/mini-exvideo-1--mini-no-conv-1.html"
    assert f'<a href="{pair}">mini-exvideo − mini-no-conv</a>' in page
    found = submissions()
    (view,) = ablation_views(build_board(found[0].suite, found), found)
    line = next(x for p in view.headline for x in p.lines if p.metric.name == "ff_ssim")
    contrasts = item_contrasts(found, line.finding.effect, "ff_ssim@1")
    assert line.items == tuple(sorted(contrasts, key=lambda i: -abs(contrasts[i]))[:2])
    assert fmean(contrasts.values()) == pytest.approx(line.finding.answer.value)
    links = ", ".join(f'<a href="../items/demo-1/{item}.html">{item}</a>' for item in line.items)
    assert f"Furthest on {links}." in page


def test_curves_by_eighth_have_a_scale_and_their_numbers(page: str) -> None:
    found = submissions()
    (view,) = ablation_views(build_board(found[0].suite, found), found)
    panel = next(p for p in view.headline if p.metric.name == "dynamic_rate")
    windows = [w for line in panel.lines for w in line.finding.windows if w is not None]
    assert panel.reach == (
        min(0, *(w.value if w.low is None else w.low for w in windows)),
        max(0, *(w.value if w.high is None else w.high for w in windows)),
    )
    part = page[page.index("Effects on dynamic_rate by eighth") :]
    rows = re.findall(r"<tr><th scope=\"row\">.*?</tr>", part[: part.index("</table>")], re.DOTALL)
    assert [row.count("<td>") for row in rows] == [8] * len(panel.timed)
    assert number(panel.timed[0].finding.windows[7].value) in rows[0]  # type: ignore[union-attr]
    assert "here: pace of the fastest pixels, % of the short side" in page


def test_effects_can_be_downloaded_unrounded(folder: Path) -> None:
    found = submissions()
    (view,) = ablation_views(build_board(found[0].suite, found), found)
    told = json.loads((folder / "data/demo-1.effects.json").read_text())["effects"]
    whole = [line for line in told if line["window"] is None]
    answers = [finding.answer for finding in view.found.findings]
    assert [(x["value"], x["ci_low"], x["p_adjusted"], x["n"]) for x in whole] == [
        (a.value, a.low, a.p_adjusted, a.n) for a in answers
    ]
    timed = next(line for line in told if line["metric"] == "dynamic_rate" and line["window"] == 7)
    assert timed["unit"] == "% of the short side"
    lines = (folder / "data/demo-1.effects.csv").read_text().splitlines()
    assert len(lines) == len(told) + 1
    with duckdb.connect() as connection:
        count = connection.execute(
            f"SELECT count(*), sum(value) FROM '{folder / 'data/demo-1.effects.parquet'}'"
        ).fetchone()
    assert count == (len(told), pytest.approx(sum(line["value"] for line in told)))
    assert 'href="../data/demo-1.effects.csv"' in (folder / "ablation/demo-1.html").read_text()


def test_headlines_come_first_and_the_rest_can_be_opened(page: str) -> None:
    headings = re.findall(r'<h3><a href="\.\./metrics/([a-z_]+)-1\.html"', page)
    assert headings == ["fd_world", "warp_error", "flow_smoothness", "dynamic_rate", "ff_ssim", "kvd_world"]
    assert page.index("<details") < page.index("metrics/kvd_world-1.html")


def test_the_words_are_the_analysis(page: str) -> None:
    found = submissions()
    (view,) = ablation_views(build_board(found[0].suite, found), found)
    assert view.items == 12
    assert view.parts
    for panel in view.headline:
        for line in panel.lines:
            assert f">{line.words}".replace("'", "&#39;") in page  # below the metric's own heading, it needs no name
    for line in view.parts:
        assert f"{line.finding.metric.name} {line.words}" in page  # in a list of several metrics it does


def test_a_table_says_at_a_glance_what_every_effect_is_on_every_headline_column(page: str) -> None:
    found = submissions()
    (view,) = ablation_views(build_board(found[0].suite, found), found)
    glance = page[page.index('<table class="plain glance">') :]
    glance = glance[: glance.index("</table>")]
    lines = [re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", row)).strip() for row in glance.split("</tr>")[1:-1]]
    assert len(lines) == len(view.glance) == len({line.finding.effect.key for p in view.headline for line in p.lines})
    for text, row in zip(lines, view.glance, strict=True):
        assert text.startswith(row.effect.name)
        assert text.count("no effect seen") == sum(
            line is not None and line.finding.verdict == "no effect seen" for line in row.cells
        )
        for line in row.cells:
            assert line is None or (line.signed in text and line.verdict in text)
    assert {p.metric.name for p in view.headline} == set(re.findall(r'<a href="#mini-([a-z_]+)-1"', glance))


def test_a_set_metric_from_files_is_a_difference_without_a_test(page: str) -> None:
    found = submissions()
    (view,) = ablation_views(build_board(found[0].suite, found), found)
    panel = next(p for p in view.headline if p.metric.name == "fd_world")
    values = {s.variant.name: next(x.value for x in s.set_scores if x.metric == "fd_world@1") for s in found}
    contrast = next(line for line in panel.lines if line.finding.effect.kind == "contrast")
    assert contrast.finding.effect.name == "with conv − without"
    assert contrast.finding.answer.value == pytest.approx(values["mini-exvideo"] - values["mini-no-conv"])
    assert contrast.finding.answer.low is None
    assert "not tested: a file lacks the values of the jackknife" in contrast.words


def test_a_set_metric_is_tested_from_the_jackknife_that_files_record() -> None:
    found = submissions()
    noise = np.random.default_rng(0).normal(0, 0.01, (len(found), 12))
    recorded = [
        replace(s, set_scores=tuple(replace(x, detail={"jackknife": (x.value + row).tolist()}) for x in s.set_scores))
        for s, row in zip(found, noise, strict=True)
    ]
    (view,) = ablation_views(build_board(found[0].suite, recorded), recorded)
    panel = next(p for p in view.headline if p.metric.name == "fd_world")
    main = next(line for line in panel.lines if line.finding.effect.kind == "main")
    assert main.finding.answer.low is not None
    assert main.finding.verdict in ("better", "worse")
    assert "adjusted p" in main.words


def test_sets_of_unequal_size_are_not_subtracted() -> None:
    found = submissions()
    odd = replace(found[1], set_scores=tuple(replace(s, n=s.n - 1) for s in found[1].set_scores))
    mixed = [found[0], odd, *found[2:]]
    (view,) = ablation_views(build_board(found[0].suite, mixed), mixed)
    lines = [line for p in view.headline if p.metric.name == "fd_world" for line in p.lines]
    assert [line.finding.effect.name for line in lines] == ["positions: learned − static"]


def test_zero_lies_on_every_scale(page: str) -> None:
    found = submissions()
    (view,) = ablation_views(build_board(found[0].suite, found), found)
    for panel in (*view.headline, *view.others):
        assert 0 <= panel.zero <= 260
        for line in panel.lines:
            assert (line.mark.middle > panel.zero) == (line.finding.answer.value > 0)


def test_without_factors_there_is_no_page(tmp_path: Path) -> None:
    suite = small_suite(items=3)
    for look in GRID:
        write_result(tmp_path / "published", result(suite, replace(look, fields={})))
    publish([tmp_path / "published"], None, tmp_path / "public", "none")
    assert not (tmp_path / "public/ablation").exists()
    assert "ablation/" not in (tmp_path / "public/index.html").read_text()


def test_what_was_found_is_said_with_its_interval() -> None:
    assert sentence(FINDING) == "−0.0123 (95 % interval −0.0200 to −0.0046, n 20, adjusted p 0.0040): better."
    assert sentence(replace(FINDING, verdict="lowers it")).endswith("adjusted p 0.0040): lowers it.")


def test_what_was_not_found_says_what_could_have_been() -> None:
    nothing = replace(FINDING, verdict="no effect seen", answer=replace(ANSWER, p_adjusted=0.4))
    assert sentence(nothing).startswith(
        "no difference seen (−0.0123, 95 % interval −0.0200 to −0.0046, n 20, adjusted p 0.40)"
    )
    assert sentence(nothing).endswith("one test of this size could have seen 0.011.")


def test_an_interaction_is_neither_better_nor_worse() -> None:
    crossed = replace(FINDING, effect=Effect("interaction", "conv × positions", {}), verdict="lowers it")
    assert sentence(crossed).endswith(": the two parts do not simply add up.")
