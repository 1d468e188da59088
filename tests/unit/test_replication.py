"""Published rows made again: what counts as the same, and which level it earns."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.cli import run_app
from harness.errors import Refused
from harness.jsonread import JsonError
from harness.replicate import told
from harness.replication import (
    SCHEMA,
    Again,
    Compared,
    Replication,
    choose,
    dump,
    level,
    level_of,
    limits,
    parse,
    read,
    relative_path,
)
from harness.submission import Submission
from tests.unit.results import Made, suite

HERE: dict[str, Any] = {"system": "Linux", "cpu": "one", "python": "3.11.1", "packages": {"torch": "2.9"}}
THERE = {**HERE, "cpu": "another"}


@pytest.fixture
def result() -> Submission:
    made = Made(suite(8)).result("row", {"warp": np.arange(8.0)[:, None]})
    rows = tuple(dataclasses.replace(row, frames=f"{n:064d}") for n, row in enumerate(made.rows))
    return dataclasses.replace(made, rows=rows, environment=HERE)


def record(result: Submission, count: int = 5, bitwise: bool = True, **changed: Any) -> Replication:
    rows = tuple(Again(row.item, row.seed, row.frames, bitwise, {}) for row in result.rows[:count])
    made = Replication(result.suite.label, "row@1", result.variant.key, "e" * 32, THERE, "2026-11-24", 7, rows)
    return dataclasses.replace(made, **changed)


def test_a_limit_is_a_tenth_of_the_spread_over_items(result: Submission) -> None:
    assert limits(result) == {"warp@1": pytest.approx(0.1 * np.std(np.arange(8), ddof=1))}


def test_equal_scores_have_no_spread_and_only_rounding_passes() -> None:
    flat = Made(suite(3)).result("row", {"warp": np.full((3, 1), 2.0)})
    assert limits(flat) == {"warp@1": pytest.approx(2e-9)}


@pytest.mark.parametrize(
    ("published", "found", "within"),
    [(1.0, 1.05, True), (1.0, 1.2, False), (None, None, True), (None, 1.0, False), (1.0, None, False)],
)
def test_a_score_is_within_its_limit(published: float | None, found: float | None, within: bool) -> None:
    assert Compared(published, found, 0.1).within == within


def test_other_frames_are_the_same_only_by_their_scores() -> None:
    near, far = Compared(1.0, 1.05, 0.1), Compared(1.0, 1.2, 0.1)
    assert Again("i", 0, "f", True, {"m@1": far}).same
    assert Again("i", 0, "f", False, {"m@1": near}).same
    assert not Again("i", 0, "f", False, {"m@1": near, "n@1": far}).same
    assert not Again("i", 0, "f", False, {}).same


def test_what_is_told_of_a_row() -> None:
    near, far = Compared(1.0, 1.05, 0.1), Compared(1.0, 1.2, 0.1)
    assert told("v", Again("i", 0, "f", True, {})) == "v i s0: frames bitwise equal"
    assert "1 scores within" in told("v", Again("i", 0, "f", False, {"m@1": near}))
    assert "differs; m@1 1.0 -> 1.2" in told("v", Again("i", 0, "f", False, {"m@1": far}))


def test_rows_are_drawn_at_random_and_stay_in_order(result: Submission) -> None:
    drawn = choose(result.rows, 3, 1)
    assert drawn == choose(result.rows, 3, 1)
    assert [row.item for row in drawn] == sorted(row.item for row in drawn)
    assert len({tuple(row.item for row in choose(result.rows, 3, seed)) for seed in range(20)}) > 5
    assert choose(result.rows, 99, 1) == list(result.rows)


def test_levels(result: Submission) -> None:
    assert level(result, [], False) == "self-reported"
    assert level(result, [record(result)], False) == "replicated"
    assert level(result, [], True) == "maintained"
    assert level(result, [record(result, count=4)], False) == "self-reported"
    assert level(result, [record(result, bitwise=False)], False) == "self-reported"
    assert level(result, [record(result, environment=HERE)], False) == "self-reported"
    assert level(result, [record(result, variant_key="0" * 32)], False) == "self-reported"
    changed = dataclasses.replace(result, rows=tuple(dataclasses.replace(r, frames="f" * 64) for r in result.rows))
    assert level(changed, [record(result)], False) == "self-reported"


def test_a_record_is_read_as_it_was_written(result: Submission, tmp_path: Path) -> None:
    scored = Again("000", 0, "a" * 64, False, {"warp@1": Compared(1.0, None, 0.25)})
    made = record(result, rows=(scored, *record(result).rows))
    path = tmp_path / relative_path(made)
    assert path.relative_to(tmp_path) == Path("tiny-1/row-1.eeeeeeee.json")
    path.parent.mkdir()
    path.write_bytes(dump(made))
    assert read(path) == made


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"schema": "exvideo-replication/2"}, "/schema"),
        ({"variant_key": "short"}, "/variant_key"),
        ({"suite": "tiny 1"}, "/suite"),
        ({"environment": []}, "/environment"),
        ({"rows": [{"item": "000"}]}, "/rows/0"),
        ({"extra": 1}, "/extra"),
    ],
)
def test_a_record_that_is_none(change: dict[str, Any], pointer: str, result: Submission, tmp_path: Path) -> None:
    data = json.dumps({**json.loads(dump(record(result))), **change}).encode()
    with pytest.raises(JsonError) as caught:
        parse(data)
    assert caught.value.pointer.startswith(pointer)
    (tmp_path / "odd.json").write_bytes(data)
    with pytest.raises(Refused, match="no replication"):
        read(tmp_path / "odd.json")


def test_a_negative_limit_is_refused(result: Submission) -> None:
    row = Again("000", 0, "a" * 64, False, {"warp@1": Compared(1.0, 1.0, -1.0)})
    with pytest.raises(JsonError, match="negative"):
        parse(dump(record(result, rows=(row,))))
    assert SCHEMA.endswith("/1")


def test_the_level_of_a_file_comes_from_what_lies_beside_the_published_folder(
    result: Submission, tmp_path: Path
) -> None:
    file = tmp_path / "published" / "tiny-1" / "row-1.json"
    file.parent.mkdir(parents=True)
    file.write_text("the file's bytes")
    assert level_of(file, result) == "self-reported"
    record_path = tmp_path / "replications" / relative_path(record(result))
    record_path.parent.mkdir(parents=True)
    record_path.write_text("not a record")
    assert level_of(file, result) == "self-reported"
    record_path.write_bytes(dump(record(result)))
    assert level_of(file, result) == "replicated"
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    (tmp_path / "MAINTAINED").write_text(f"# by the maintainers\n{digest}  published/tiny-1/row-1.json\n")
    assert level_of(file, result) == "maintained"
    file.write_text("other bytes")
    assert level_of(file, result) == "replicated"


def test_the_site_says_which_level_a_result_has(tmp_path: Path) -> None:
    from harness.sitemodel import load_site
    from tests.site.synthetic import LOOKS, small_suite, write_result
    from tests.site.synthetic import result as published

    file = write_result(tmp_path / "published", published(small_suite(), LOOKS[0]))
    (tmp_path / "MAINTAINED").write_text(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n")
    (page,) = load_site([file])[0].variants
    assert [entry.board.levels[page.variant.label] for entry in page.entries] == ["maintained"]


def test_without_a_published_result_there_is_nothing_to_make_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_app(["run", "--replicate", "2"]) == 5
    assert capsys.readouterr().err.startswith("E-RESULT  There is no published result to check.")
    assert list(tmp_path.iterdir()) == []
