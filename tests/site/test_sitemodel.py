from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.errors import Refused
from harness.sitemodel import load_site
from tests.site.synthetic import LOOKS, result, small_suite, write_result


def write(folder: Path, **changes: Any) -> Path:
    return write_result(folder, {**result(small_suite(), LOOKS[0]), **changes})


def test_refused_file_is_reported_and_the_others_are_shown(tmp_path: Path) -> None:
    good = write(tmp_path)
    content = result(small_suite(), LOOKS[1])
    content["rows"][0]["video"] = "../../etc/passwd"
    bad = write_result(tmp_path, content)
    model, refused = load_site([good, bad])
    assert [row.variant.name for row in model.boards[0].rows] == ["mini-exvideo"]
    assert [r.file for r in refused] == ["mini-no-conv-1.json"]
    assert "/rows/0/video" in refused[0].why


@pytest.mark.parametrize("text", ["hidden \u202e override", "a\u0007bell", "\u2066isolate"])
def test_text_that_could_deceive_is_refused(tmp_path: Path, text: str) -> None:
    content = result(small_suite(), LOOKS[1])
    content["variant"]["summary"] = text
    _, refused = load_site([write(tmp_path), write_result(tmp_path, content)])
    assert [r.file for r in refused] == ["mini-no-conv-1.json"]
    assert "/variant/summary" in refused[0].why


def test_nothing_to_publish_says_why(tmp_path: Path) -> None:
    broken = tmp_path / "demo-1" / "x-1.json"
    broken.parent.mkdir()
    broken.write_text("{")
    with pytest.raises(Refused, match="nothing to publish") as caught:
        load_site([broken])
    assert caught.value.code == "E-PUBLISH"
    assert "x-1.json" in caught.value.why


def test_file_without_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused) as caught:
        load_site([write(tmp_path, rows=[], set_scores=[])])
    assert "/rows is empty" in caught.value.why


def test_same_variant_twice_is_refused(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a"), write(tmp_path / "b")
    model, refused = load_site([first, second])
    assert len(model.boards[0].rows) == 1
    assert "already given" in refused[0].why


def test_results_of_an_edited_suite_are_refused(tmp_path: Path) -> None:
    files = [write_result(tmp_path, result(small_suite(3), look)) for look in LOOKS[:2]]
    edited = write_result(tmp_path, result(small_suite(4), LOOKS[2]))
    model, refused = load_site([*files, edited])
    assert len(model.boards) == 1
    assert [r.file for r in refused] == ["mini-pos-static-1.json"]
    assert "another demo@1" in refused[0].why


def test_videos_of_a_variant_are_worst_first(tmp_path: Path) -> None:
    content = result(small_suite(4), LOOKS[0])
    for row, value in zip(content["rows"], [0.2, 0.9, 0.5, None], strict=True):
        score = row["scores"]["warp_error@1"]
        score.update({"value": value} if value is not None else {"value": None, "status": "excluded", "reason": "cut"})
    model, _ = load_site([write_result(tmp_path, content)])
    entry = model.variants[0].entries[0]
    assert entry.sorted_by is not None
    assert entry.sorted_by.name == "warp_error"
    assert [view.item.slug[:3] for view in entry.videos] == ["001", "002", "000", "003"]


def test_profile_is_the_mean_over_videos_of_each_part(tmp_path: Path) -> None:
    content = result(small_suite(2), LOOKS[0])
    for row, profile in zip(content["rows"], ([1.0, None, 3.0], [3.0, None, 5.0]), strict=True):
        row["scores"]["warp_error@1"]["profile"] = profile
    model, _ = load_site([write_result(tmp_path, content)])
    profiles = {p.metric.name: p.values for p in model.variants[0].entries[0].profiles}
    assert profiles["warp_error"] == (2.0, None, 4.0)
    assert "flow_smoothness" not in profiles


def test_newest_version_of_a_suite_is_the_default_and_retires_the_older(tmp_path: Path) -> None:
    old = result(small_suite(2), LOOKS[0])
    new = result(small_suite(2), LOOKS[0])
    suite = small_suite(2)
    newer = type(suite)(suite.name, 2, suite.summary, suite.protocol, suite.items, suite.seeds, suite.reference_size)
    new["suite"].update(version=2, key=newer.key)
    model, refused = load_site([write_result(tmp_path, old), write_result(tmp_path, new)])
    assert refused == ()
    assert [(b.suite.label, b.retired_by) for b in model.boards] == [("demo@2", ""), ("demo@1", "demo@2")]
    assert len(model.variants) == 1
    assert len(model.variants[0].entries) == 2


def test_item_page_names_the_variants_that_lack_it(tmp_path: Path) -> None:
    partial = result(small_suite(3), LOOKS[1])
    partial["rows"] = partial["rows"][:1]
    files = [write(tmp_path), write_result(tmp_path, partial)]
    model, _ = load_site(files)
    page = next(page for page in model.items if page.item.slug == "001-scene")
    assert [v.variant.name for v in page.videos] == ["mini-exvideo"]
    assert [v.name for v in page.absent] == ["mini-no-conv"]
    assert page.previous is not None
    assert (page.previous.slug, page.following and page.following.slug) == ("000-scene", "002-scene")
