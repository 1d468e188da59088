"""What every registered metric owes its users: the laws of `harness.laws`, and more for those of this project."""

from __future__ import annotations

from functools import partial

import pytest

from harness.errors import CannotStart
from harness.laws import SET_LAWS, VIDEO_LAWS, judge
from harness.registry import MetricSpec, load_plugins
from harness.specimens import specimens
from harness.suites.mini import world
from harness.weights import missing

METRICS = sorted(load_plugins().metrics.values(), key=lambda m: m.name)
ABSENT = [m for m in METRICS if m.scope == "video" and missing(m.weights)]
VIDEO = [m for m in METRICS if m.scope == "video" and m not in ABSENT]
SET = [m for m in METRICS if m.scope == "set"]
CLIPS = specimens(world.make_clip(11, 12).frames)
UNTRIED = {"palindrome": {"tells"}}  # it takes longer clips than these
HEADLINE_FAULTS = {"warp_error": "flicker", "flow_smoothness": "shuffle"}

video_metrics = pytest.mark.parametrize("spec", VIDEO, ids=lambda m: m.label)
set_metrics = pytest.mark.parametrize("spec", SET, ids=lambda m: m.label)


@video_metrics
@pytest.mark.parametrize("law", VIDEO_LAWS)
def test_a_video_metric_keeps_the_laws(spec: MetricSpec, law: str) -> None:
    found, untried = judge(spec.label, {law: partial(VIDEO_LAWS[law], spec, CLIPS)})
    assert found == []
    assert untried.keys() <= UNTRIED.get(spec.name, set())


@set_metrics
@pytest.mark.parametrize("law", SET_LAWS)
def test_a_set_metric_keeps_the_laws(spec: MetricSpec, law: str) -> None:
    assert judge(spec.label, {law: partial(SET_LAWS[law], spec, CLIPS)}) == ([], {})


@video_metrics
def test_a_metric_of_this_project_says_how_it_responds_and_shows_when(spec: MetricSpec) -> None:
    assert spec.responds["flip"] == "same"
    assert spec.better == "none" or ("still" in spec.responds and {"flicker", "cut"} & set(spec.responds))
    score = spec.function(CLIPS["moving"].clip())
    # The clip is too short for the one column that needs reflected positions.
    assert score.status == "ok" or spec.name == "palindrome"
    assert len(score.profile) == (8 if score.status == "ok" else 0)
    assert (score.coverage is not None) == (score.status == "ok")


@video_metrics
def test_a_frozen_clip_wins_no_column_of_motion(spec: MetricSpec) -> None:
    if "flow" in spec.needs and spec.better == "higher":
        assert spec.responds["still"] == "undefined"


def test_the_headline_columns_see_their_faults() -> None:
    declared = {m.name: m.responds for m in METRICS}
    assert {name: declared[name][fault] for name, fault in HEADLINE_FAULTS.items()} == dict.fromkeys(
        HEADLINE_FAULTS, "worse"
    )


@video_metrics
def test_metrics_on_one_clip_do_not_influence_each_other(spec: MetricSpec) -> None:
    shared = CLIPS["moving"].clip()
    for other in VIDEO:
        other.function(shared)
    assert spec.function(shared) == spec.function(CLIPS["moving"].clip())


@pytest.mark.parametrize("spec", ABSENT, ids=lambda m: m.label)
def test_without_its_weights_a_metric_starts_nothing_and_says_how_to_get_them(spec: MetricSpec) -> None:
    with pytest.raises(CannotStart) as caught:
        spec.function(CLIPS["moving"].clip())
    assert caught.value.code == "E-WEIGHTS"
    assert all(weight.how for weight in spec.weights)


@pytest.mark.parametrize("spec", METRICS, ids=lambda m: m.label)
def test_what_must_stand_beside_a_metric_exists(spec: MetricSpec) -> None:
    assert spec.beside == "" or spec.beside in {m.name for m in METRICS}
    assert spec.summary
    assert spec.unit
    assert len(spec.key(load_plugins().extractor(spec.extractor) if spec.extractor else None)) == 32
