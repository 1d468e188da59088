"""Wanted minus have."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import CannotStart
from harness.machine import Gpu, Machine
from harness.model import Needs, Weight
from harness.plan import (
    RUNS,
    Have,
    Made,
    Skip,
    aggregate_tasks,
    check_disk,
    make_plan,
    reference_tasks,
    score_task,
    skip_of,
)
from tests.unit.run_helpers import column, plan, suite, variant

SET = (column("sharp"), column("fd", "set"))


def everything(columns: object = SET) -> Have:
    """What a folder holds after a complete run of the default plan."""
    wanted = plan(columns=SET)
    units = [u.gen_key for row in wanted.rows for u in row.units]
    return Have(
        videos={key: Made("v", "f") for key in units},
        scores=frozenset((key, "key-sharp") for key in units),
        features={(key, "key-net"): "x" for key in units},
        set_scores=frozenset((row.set_key, "key-fd") for row in wanted.rows),
    )


def test_with_nothing_everything_is_to_do() -> None:
    fresh = plan(columns=SET)
    assert (fresh.videos_to_do, fresh.videos_reused, fresh.scores_to_do) == (6, 0, 6 + 2)
    assert [task.item for task in fresh.rows[0].make] == ["000", "001", "002"]


def test_with_everything_nothing_is_to_do() -> None:
    done = plan(columns=SET, have=everything())
    assert not done.to_do
    assert (done.videos_to_do, done.videos_reused, done.scores_to_do) == (0, 6, 0)
    assert reference_tasks(done) == []


@given(st.sets(st.integers(0, 5)), st.sets(st.integers(0, 5)))
def test_to_do_and_reused_are_always_what_is_wanted(made: set[int], scored: set[int]) -> None:
    units = [u.gen_key for row in plan().rows for u in row.units]
    have = Have({units[i]: Made("v", "f") for i in made}, frozenset((units[i], "key-sharp") for i in scored & made))
    found = plan(have=have)
    assert found.videos_to_do + found.videos_reused == 6
    assert {task.gen_key for row in found.rows for task in row.make} == {units[i] for i in range(6) if i not in made}
    assert found.scores_to_do == 6 - len(scored & made)


def test_a_limit_is_a_prefix_and_its_videos_stay_valid() -> None:
    small, large = plan(limit=2), plan()
    for one, other in zip(small.rows, large.rows, strict=True):
        assert other.units[:2] == one.units
        assert one.set_key != other.set_key


def test_a_video_that_is_gone_is_made_again_only_if_something_must_be_measured() -> None:
    key = plan().rows[0].units[0].gen_key
    gone: dict[str, Made] = {key: Made("v", "f", present=False)}
    assert key not in {t.gen_key for t in plan(have=Have(gone, frozenset({(key, "key-sharp")}))).rows[0].make}
    assert key in {t.gen_key for t in plan(have=Have(gone)).rows[0].make}


def test_a_missing_set_metric_needs_features_only_where_there_are_none() -> None:
    have = everything()
    row = plan(columns=SET, have=Have(have.videos, have.scores, have.features)).rows[0]
    assert not row.score
    assert row.sets == {"net": ("fd",)}
    lacking = plan(columns=SET, have=Have(have.videos, have.scores)).rows[0]
    assert list(lacking.score.values()) == [((), ("net",))] * 3


def test_a_set_waits_for_its_last_video() -> None:
    fresh = plan(columns=SET)
    row = fresh.rows[0]
    features: dict[tuple[str, str], str] = {(u.gen_key, "net"): f"sha-{u.item}" for u in row.units}
    (task,) = aggregate_tasks(fresh, row, features)
    assert (task.metrics, task.items, len(task.members)) == (("fd",), 3, 3)
    del features[row.units[1].gen_key, "net"]
    assert aggregate_tasks(fresh, row, features) == []


@pytest.mark.parametrize(("items", "reference"), [(1, "reference"), (3, "")])
def test_no_set_metric_of_one_item_or_without_a_reference_set(items: int, reference: str) -> None:
    found = make_plan(suite(items), None, [(variant("a"), RUNS)], SET, reference, Have())
    assert found.rows[0].sets == {}
    assert all(extractors == () for _, extractors in found.rows[0].score.values())


def test_a_skipped_row_wants_nothing_and_says_why() -> None:
    found = plan(skips={"b": Skip("no weights: net", "make it\nthen post-tune it")})
    assert [row.spec.name for row in found.runnable] == ["a"]
    assert found.rows[1].units == ()
    assert found.remedies == ("make it", "then post-tune it")


def test_a_skipped_column_is_not_scored() -> None:
    found = plan(columns=(column("sharp"), column("fd", "set", skip=Skip("no weights"))))
    assert found.scores_to_do == 6


def test_costs_are_known_only_when_every_row_was_timed() -> None:
    key = variant("a").key
    assert plan(names=["a", "b"], have=Have(seconds={key: 2.0}, score_seconds=0.5)).estimate.unknown == ("b",)
    assert plan(names=["a"], have=Have(seconds={key: 2.0}, score_seconds=0.5)).estimate.seconds == 3 * 2.0 + 3 * 0.5
    assert plan(names=["a"], have=Have(seconds={key: 2.0})).estimate.seconds is None


def test_the_disk_must_hold_what_is_planned() -> None:
    found = plan()
    check_disk(found, found.estimate.disk_bytes, "results")
    with pytest.raises(CannotStart) as refused:
        check_disk(found, found.estimate.disk_bytes - 1, "results")
    assert refused.value.code == "E-DISK"
    check_disk(plan(columns=SET, have=everything()), 0, "results")


def test_only_what_is_missing_of_one_video_is_measured() -> None:
    found = plan(columns=(column("sharp"), column("smooth")))
    unit = found.rows[0].units[0]
    have = Have({unit.gen_key: Made("v", "f")}, frozenset({(unit.gen_key, "key-sharp")}))
    task = score_task(plan(columns=found.columns, have=have).rows[0], unit, "v", "f")
    assert task
    assert task.metrics == ("smooth",)


GPU = Machine((Gpu(0, "card", 24 * 10**9, 20 * 10**9),), "2.9.0+cu128", True)
CPU = Machine((), "2.9.0+cpu", False)
WEIGHT = Weight("net", "net.safetensors", "", how="make net")


@pytest.mark.parametrize(
    ("needs", "machine", "missing", "real", "reason"),
    [
        (Needs(), CPU, [], False, ""),
        (Needs(gpu=True), GPU, [], True, ""),
        (Needs(gpu=True), CPU, [], True, "no GPU"),
        (Needs(gpu=True), Machine(GPU.gpus, "2.9.0+cpu", False), [], True, "built without it"),
        (Needs(gpu=True, vram_bytes=21 * 10**9), GPU, [], True, "21.0 GB"),
        (Needs(weights=(WEIGHT,)), GPU, [WEIGHT], True, "no weights: net"),
        (Needs(real=True), CPU, [], False, "no real clips"),
    ],
)
def test_why_a_row_is_skipped(needs: Needs, machine: Machine, missing: list[Weight], real: bool, reason: str) -> None:
    skip = skip_of(needs, machine, missing, has_real=real)
    assert (reason in skip.reason) if reason else skip == RUNS
