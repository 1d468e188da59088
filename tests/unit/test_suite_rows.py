"""Variants that are meant for one suite: what selects them there, and what they are elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import CannotStart, UsageError
from harness.machine import Machine
from harness.registry import load_plugins
from harness.select import select
from harness.suite import load_suite
from harness.wishes import RunOptions, chosen_variants, real_lengths, resolve_wishes, why_skip

NAMES = ["control-real", "fault-none", "fault-blur-1", "fault-blur-2"]
NO_GPU = Machine((), "", False)
APART = {name: "is for suite calibration" for name in NAMES if name.startswith("fault")}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("all", ["control-real"]),
        ("*", ["control-real"]),
        ("all,-fault-*", ["control-real"]),
        ("-fault-blur-1", ["control-real"]),
        ("all,fault-blur-1", ["control-real", "fault-blur-1"]),
        ("fault-blur-1@1", ["fault-blur-1"]),
    ],
)
def test_only_its_exact_name_selects_what_stands_apart(expression: str, expected: list[str]) -> None:
    assert select(expression, NAMES, "variant", dict.fromkeys(NAMES, 1), APART) == expected


def test_a_glob_of_nothing_but_foreign_variants_says_where_they_belong() -> None:
    with pytest.raises(UsageError) as caught:
        select("fault-blur-*", NAMES, "variant", {}, APART)
    assert caught.value.code == "E-UNKNOWN"
    assert caught.value.why == "fault-blur-1 is for suite calibration, and 1 others like it"


def names(suite: str, expression: str | None) -> list[str]:
    return [spec.name for spec in chosen_variants(load_plugins(), expression, load_suite(suite))]


def test_mini_runs_what_it_always_did() -> None:
    every = [name for name, spec in load_plugins().variants.items() if spec.family != "fault"]
    assert names("mini", None) == names("mini", "all") == every


def test_calibration_runs_exactly_the_faults() -> None:
    faults = [name for name, spec in load_plugins().variants.items() if spec.family == "fault"]
    assert names("calibration", None) == faults
    assert len(faults) == 56
    assert names("calibration", "all") == list(load_plugins().variants)


def test_a_foreign_variant_that_is_named_is_skipped_with_the_suite_it_is_for() -> None:
    mini = load_suite("mini")
    spec = load_plugins().variant("fault-blur-3")
    skip = why_skip(spec, NO_GPU, mini, real_lengths(mini))
    assert skip.reason.startswith("is for suite calibration")
    assert skip.remedy == "harness run --suite calibration --variants fault-blur-3"


def test_naming_nothing_else_cannot_start(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="fault-blur-3 cannot run here") as caught:
        resolve_wishes(RunOptions(variants="fault-blur-3", metrics="ff_psnr", results=tmp_path))
    assert "is for suite calibration" in caught.value.why


def test_a_suite_of_short_clips_skips_what_needs_longer_ones() -> None:
    suite = load_suite("calibration")
    spec = load_plugins().variant("fault-speed-2")
    assert why_skip(spec, NO_GPU, suite, lambda times: times == 1).reason == (
        "the suite has no real clips of 3 times a video's length"
    )
    assert why_skip(spec, NO_GPU, suite, lambda times: True).reason == ""
    assert why_skip(spec, NO_GPU, suite, lambda times: False).reason == "the suite has no real clips"
