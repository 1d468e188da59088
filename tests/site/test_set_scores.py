"""What stands beside a set metric's number: its noise floor, how far above it is, small n, and its curve in time."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from harness.render import publish
from harness.site_board import build_board
from harness.sitemodel import load_site
from harness.submission import read
from tests.site.synthetic import LOOKS, result, small_suite, write_result

LOOK = LOOKS[0]  # its fd_world is 7


def content(**detail: Any) -> dict[str, Any]:
    made = result(small_suite(3), LOOK)
    for score in made["set_scores"]:
        score["detail"] = detail if score["metric"] == "fd_world@1" else {}
    return made


def words(page: Path) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page.read_text(encoding="utf-8")))


@pytest.mark.parametrize("page", ["index.html", "variants/mini-exvideo-1.html", "metrics/fd_world-1.html"])
def test_the_floor_and_the_distance_above_it_are_on_every_page(tmp_path: Path, page: str) -> None:
    write_result(tmp_path / "published", content(floor=4.5, floor_n=3, small_n=True))
    publish([tmp_path / "published"], None, tmp_path / "public", "none")
    text = words(tmp_path / "public" / page)
    assert "floor 4.5, 2.5 above it" in text
    assert "small n" in text
    write_result(tmp_path / "published", content(floor=8.5, floor_n=3))
    publish([tmp_path / "published"], None, tmp_path / "public", "none")
    assert "floor 8.5, 1.5 below it" in words(tmp_path / "public" / page)


def test_a_floor_of_another_n_is_not_subtracted_and_strange_details_are_ignored(tmp_path: Path) -> None:
    for detail, floor in (
        ({"floor": 4.5, "floor_n": 2}, 4.5),
        ({"floor": 4.5}, 4.5),
        ({"floor": "4.5", "floor_n": 3, "small_n": "yes", "windows": {"0": 1}}, None),
        ({"floor": True, "floor_n": True}, None),
        ({"floor": 10**400, "floor_n": 3, "windows": [1.0] * 1001}, None),
    ):
        path = write_result(tmp_path, content(**detail))
        board = build_board(small_suite(3), [read(path)])
        cell = next(c for c in board.rows[0].cells if c.metric.name == "fd_world")
        assert (cell.told.floor, cell.above) == (floor, None)
        assert not cell.told.small_n
        assert cell.told.windows == ()


def test_the_curve_of_a_set_metric_stands_with_the_profiles_in_its_own_parts(tmp_path: Path) -> None:
    path = write_result(tmp_path / "published", content(windows=[1.25, None, 3.75], windows_n=3))
    model, _ = load_site([path])
    found = {p.metric.name: p.values for p in model.variants[0].entries[0].profiles}
    assert found["fd_world"] == (1.25, None, 3.75)
    assert "kvd_world" not in found
    publish([tmp_path / "published"], None, tmp_path / "public", "none")
    page = (tmp_path / "public" / "variants" / "mini-exvideo-1.html").read_text(encoding="utf-8")
    tables = [part for part in page.split("<table") if "temporal parts of the clip" in part]
    assert len(tables) == 2
    assert ["mean over videos" in t for t in tables] == [True, False]
    assert [("8/8" in t, "3/3" in t, "fd_world" in t) for t in tables] == [(True, False, False), (False, True, True)]
