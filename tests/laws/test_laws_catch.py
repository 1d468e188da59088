"""Each law catches the metric that breaks it, and none accuses one that keeps them all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from harness.clip import Clip
from harness.errors import ItemError
from harness.frechet import frechet_distance
from harness.laws import SET_LAWS, VIDEO_LAWS, examine, examine_all
from harness.model import Direction, Features, Score
from harness.registry import MetricSpec
from harness.specimens import specimens
from tests.metrics.moving import pan_frames

CLIPS = specimens(pan_frames(1, 9, 32))
KEPT: dict[str, Score] = {}
SEEN: list[bytes] = []
RANDOM = np.random.default_rng(0)


def video(
    function: Callable[[Clip], Any], better: Direction = "lower", responds: Mapping[str, str] | None = None
) -> MetricSpec:
    return MetricSpec("probe", 1, better, "", "", function, "probe.py", responds=responds or {})


def distances(function: Callable[[Features, Features], float], better: Direction = "lower") -> MetricSpec:
    return MetricSpec("probe", 1, better, "", "", function, "probe.py", scope="set", extractor="net")


def brightness(clip: Clip) -> Score:
    return Score(float(clip.frames.mean()))


def change(clip: Clip) -> Score:
    """Mean difference of neighbours: 0 for a still, more for flicker and for frames out of order."""
    if len(clip) < 2:
        return Score.excluded("fewer than 2 frames")
    return Score(float(np.abs(np.diff(clip.frames.astype(float), axis=0)).mean()))


def lopsided(clip: Clip) -> Score:
    return Score(float(clip.frames[:, :, :4].mean() - clip.frames[:, :, -4:].mean()))


def plain_nan(_: Clip) -> float:
    return float("nan")


def nan_in_detail(clip: Clip) -> Score:
    return Score(1.0, detail={"part": float("nan")})


def half_a_profile(_: Clip) -> Score:
    return Score(1.0, profile=(1.0, 2.0))


def raises(clip: Clip) -> Score:
    return Score(1.0 / (clip.frames[1].mean() - clip.frames[0].mean()))


def random(_: Clip) -> Score:
    return Score(float(RANDOM.random()))


def writes_frames(clip: Clip) -> Score:
    base = clip.frames.base
    assert base is not None
    base[0] = 0
    return Score(0.0)


def writes_flow(clip: Clip) -> Score:
    clip.flow.forward[:] = 0
    return Score(0.0)


def first_for_ever(clip: Clip) -> Score:
    return KEPT.setdefault("first", brightness(clip))


def counts_clips(clip: Clip) -> Score:
    SEEN.append(clip.frames.tobytes())
    return Score(float(sum(a != b for a, b in pairwise(SEEN))))


def uses_motion(clip: Clip) -> Score:
    return Score(float(clip.frames.mean()) + 0 * clip.degenerate)


def changes_the_rate(clip: Clip) -> Score:
    clip.fps = 1.0
    return Score(0.0)


@pytest.mark.parametrize(
    ("function", "law"),
    [
        (plain_nan, "finite"),
        (lambda _: Score(float("inf")), "finite"),
        (nan_in_detail, "finite"),
        (half_a_profile, "finite"),
        (raises, "finite"),
        (lambda _: Score(1.0, coverage=1.5), "finite"),
        (random, "repeatable"),
        (counts_clips, "alone"),
        (first_for_ever, "tells"),
        (lambda _: Score(0.5), "tells"),
        (uses_motion, "flow"),
        (change, "direction"),
        (writes_frames, "untouched"),
        (writes_flow, "untouched"),
        (changes_the_rate, "untouched"),
    ],
)
def test_a_universal_law_catches_what_breaks_it(function: Callable[[Clip], Any], law: str) -> None:
    found = examine(video(function), CLIPS)
    assert law in {finding.law for finding in found}
    assert all(finding.subject == "probe@1" and finding.message for finding in found)


@pytest.mark.parametrize(
    ("function", "better", "declared", "kept"),
    [
        (change, "lower", {"still": "best", "shuffle": "worse", "flicker": "worse", "flip": "same"}, True),
        (change, "higher", {"still": "worst"}, True),
        (change, "none", {"still": "zero"}, True),
        (change, "higher", {"still": "best"}, False),
        (change, "lower", {"still": "worst"}, False),
        (change, "lower", {"still": "undefined"}, False),
        (change, "lower", {"still": "marked"}, False),
        (change, "lower", {"shuffle": "same"}, False),
        (change, "higher", {"shuffle": "worse"}, False),
        (change, "lower", {"flicker": "same"}, False),
        (change, "higher", {"flicker": "worse"}, False),
        (brightness, "higher", {"shuffle": "same", "flicker": "same", "flip": "same"}, True),
        (brightness, "higher", {"still": "zero"}, False),
        (brightness, "lower", {"flicker": "worse"}, False),
        (lopsided, "higher", {"flip": "same"}, False),
        (lambda c: Score.undefined("never"), "higher", {"still": "best"}, False),
        (lambda c: Score.undefined("never"), "higher", {"still": "undefined", "flip": "same"}, True),
        (lambda c: Score.undefined("never"), "higher", {"shuffle": "worse"}, False),
    ],
)
def test_a_declared_law_compares_with_the_declaration(
    function: Callable[[Clip], Score], better: Direction, declared: Mapping[str, str], kept: bool
) -> None:
    broken = {finding.law for finding in examine(video(function, better, declared), CLIPS)} - {"direction"}
    assert broken == (set() if kept else set(declared))


def test_what_is_not_declared_is_not_checked_but_a_better_side_must_show() -> None:
    assert examine(video(change, "none"), CLIPS) == []
    assert examine(video(brightness, "none"), CLIPS) == []
    (found,) = examine(video(change, "lower"), CLIPS)
    assert (found.law, found.specimen) == ("direction", "responds")
    assert examine(video(change, "lower", {"flicker": "worse"}), CLIPS) == []


def test_flow_that_is_declared_may_be_used() -> None:
    declared = replace(video(uses_motion, "none"), needs=("flow",))
    assert examine(declared, CLIPS) == []


@pytest.mark.parametrize("function", [plain_nan, lambda _: Score(float("nan"))])
def test_what_gives_no_score_was_not_put_to_the_other_laws(function: Callable[[Clip], Any]) -> None:
    found, untried = examine_all(video(function, "none"), CLIPS)
    assert {finding.law for finding in found} == {"finite"}
    assert set(untried) == {"repeatable", "alone", "tells", "flow", "untouched"}
    never, untried = examine_all(video(lambda _: Score.undefined("never"), "none"), CLIPS)
    assert (never, set(untried)) == ([], {"tells"})
    _, untried = examine_all(distances(lambda a, b: float("nan")), CLIPS)
    assert set(untried) == {"repeatable", "grows"}


def test_a_negated_metric_cannot_pass_with_its_old_direction() -> None:
    def negated(clip: Clip) -> Score:
        score = change(clip)
        return score if score.value is None else Score(-score.value)

    assert {f.law for f in examine(video(negated, "lower", {"flicker": "worse"}), CLIPS)} == {"flicker"}
    assert {f.law for f in examine(video(negated, "lower", {"still": "best"}), CLIPS)} == {"still"}


def test_a_tie_with_every_clip_makes_no_winner() -> None:
    spec = video(lambda clip: Score(float(len(clip))), "lower", {"still": "best"})
    assert {f.law for f in examine(spec, CLIPS)} >= {"still"}


def test_an_error_that_names_the_video_is_an_answer_except_for_the_ordinary_clip() -> None:
    def choosy(clip: Clip) -> Score:
        if len(clip) < 9 or min(clip.frames.shape[1:3]) < 32:
            raise ItemError("E-FRAMES", "too small")
        return brightness(clip)

    def refuses_all(clip: Clip) -> Score:
        raise ItemError("E-FRAMES", "never")

    assert examine(video(choosy, "none"), CLIPS) == []
    assert [finding.specimen for finding in examine(video(refuses_all, "none"), CLIPS)] == ["moving"]


def first_row(a: Features, b: Features) -> float:
    return float(np.abs(a.rows[0] - b.rows[0]).sum())


def frechet(a: Features, b: Features) -> float:
    return frechet_distance(a.rows, b.rows)


def sorts_rows(a: Features, b: Features) -> float:
    distance = frechet(a, b)
    a.rows.sort(axis=0)
    return distance


@pytest.mark.parametrize(
    ("spec", "laws"),
    [
        (distances(frechet), set()),
        (distances(lambda a, b: -frechet(a, b), "higher"), set()),
        (distances(frechet, "higher"), {"grows"}),
        (distances(first_row), {"repeatable", "refuses"}),
        (distances(sorts_rows), {"repeatable"}),
        (distances(lambda a, b: float(RANDOM.random()), "none"), {"repeatable", "refuses"}),
        (distances(lambda a, b: float("nan"), "none"), {"finite"}),
        (distances(lambda a, b: 1.0), {"grows", "refuses"}),
    ],
)
def test_laws_of_set_metrics(spec: MetricSpec, laws: set[str]) -> None:
    assert laws <= {finding.law for finding in examine(spec, CLIPS)}
    if not laws:
        assert examine(spec, CLIPS) == []


def test_every_law_has_a_case_and_says_what_it_demands() -> None:
    universal = {"finite", "repeatable", "alone", "tells", "flow", "direction", "untouched"}
    assert universal | {"still", "shuffle", "flicker", "cut", "flip"} == set(VIDEO_LAWS)
    assert {"finite", "repeatable", "grows", "refuses"} == set(SET_LAWS)
    assert all(law.__doc__ for law in (*VIDEO_LAWS.values(), *SET_LAWS.values()))


def test_specimens_need_a_clip_that_moves_for_a_while() -> None:
    with pytest.raises(ValueError, match="9 frames"):
        specimens(pan_frames(1, 5, 32))
