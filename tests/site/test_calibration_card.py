"""The card of a metric: its responses to graded faults, from a published calibration."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from harness import figures
from harness.calibration_data import NAME, dump, fold, write
from harness.export import dump as dump_result
from harness.model import Suite
from harness.render import publish
from harness.submission import parse
from harness.validate import validate
from tests.site.synthetic import LOOKS, Look, result, small_suite, write_result

SUITE = small_suite(4, name="faults")
HAZE = ("fault-none", 0), ("fault-haze-1", 1), ("fault-haze-2", 2), ("fault-haze-3", 3), ("fault-haze-4", 4)


def record(suite: Suite = SUITE, factor: float = 10.0, **changes: Any) -> dict[str, Any]:
    """The calibration of the synthetic metrics: flicker grows tenfold a step, the rest is what it is."""
    submissions = []
    for name, step in HAZE:
        params = {"kind": "haze" if step else "none", "step": step, "strength": step / 8}
        look = Look(name, "control", "fault", level=1.0, fields={"params": params, "summary": f"grey veil: {step}"})
        content = result(suite, look)
        for row in content["rows"]:
            row["scores"]["warp_error@1"]["value"] = factor ** (step - 4) * (1 + 0.01 * int(row["item"][:3]))
        submissions.append(parse(dump_result(content)))
    return {**fold(submissions, result(suite, LOOKS[0])["suite"]), **changes}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("cards")
    for look in LOOKS:
        write_result(base / "published", result(small_suite(2), look))
    write(base / "published", record())
    write(base / "published", record(small_suite(3, name="quiet"), 1.0))
    report = publish([base / "published"], None, base / "public", "none")
    assert report.refused == ()
    return base / "public"


def test_a_metrics_page_shows_what_it_sees_with_a_text_alternative(site: Path) -> None:
    text = (site / "metrics" / "warp_error-1.html").read_text()
    assert "What it sees on faults@1, 4 clips" in text
    assert "a change counts from 0.5 standard deviations between the clips without fault and 1 % of their mean" in text
    assert "|ρ| is 0.9 or more" in text
    ends = re.search(r'<span class="about">([^ ]+) without, ([^ ]+) at the strongest</span>', text)
    assert ends is not None
    seen, blind = text.split("What it sees on ")[1:]
    assert "Not seen or rewarded here" not in seen  # it sees the one fault there is
    assert blind.startswith("quiet@1, 3 clips")
    assert "<strong>Not seen or rewarded here:</strong> haze (ignores it)." in blind
    assert "<strong>haze</strong> sees it, ρ 1.0" in text
    label = re.search(r'<svg class="response sees" role="img" aria-label="([^"]*)"', text)
    assert label is not None
    assert label[1].startswith("warp_error under haze, from no fault to the strongest: ")
    assert label[1].count(", ") == 5
    means = label[1].partition(": ")[2].split(", ")
    assert ends.groups() == (means[0], means[-1])
    assert "4/4" in text  # every mean says over how many clips
    assert text.count('<circle class="point"') >= 5


def test_a_calibration_is_no_board_and_no_row(site: Path) -> None:
    assert not (site / "suites" / "faults-1.html").exists()
    assert not list((site / "variants").glob("fault-*"))
    assert "fault-haze" not in (site / "index.html").read_text()


def test_without_a_calibration_there_is_no_card(tmp_path: Path) -> None:
    write_result(tmp_path / "published", result(small_suite(2), LOOKS[0]))
    publish([tmp_path / "published"], None, tmp_path / "public", "none")
    assert "What it sees" not in (tmp_path / "public" / "metrics" / "warp_error-1.html").read_text()


def test_a_metric_of_another_key_is_another_metric(tmp_path: Path) -> None:
    write_result(tmp_path / "published", result(small_suite(2), LOOKS[0]))
    changed = record()
    for metric in changed["metrics"]:
        metric["key"] = "0" * 32
    write(tmp_path / "published", changed)
    publish([tmp_path / "published"], None, tmp_path / "public", "none")
    assert "What it sees" not in (tmp_path / "public" / "metrics" / "warp_error-1.html").read_text()


def test_a_damaged_calibration_is_refused_by_name(tmp_path: Path) -> None:
    write_result(tmp_path / "published", result(small_suite(2), LOOKS[0]))
    path = write(tmp_path / "published", record())
    path.write_text(path.read_text().replace('"haze"', '"Haze"', 1))
    report = publish([tmp_path / "published"], None, tmp_path / "public", "none")
    assert [refusal.file for refusal in report.refused] == [NAME]


def test_validate_knows_calibrations(tmp_path: Path) -> None:
    good = validate(write(tmp_path, record()))
    assert (good.accepted, good.problems) == (True, ())
    foreign = record()
    foreign["suite"] = result(small_suite(4, name="calibration"), LOOKS[0])["suite"]
    assert [p.rule for p in validate(write(tmp_path, foreign)).problems] == ["suite-digest"]  # the installed is another
    wrong = tmp_path / "wrong-1" / NAME
    wrong.parent.mkdir()
    wrong.write_bytes(dump(record()))
    assert [p.rule for p in validate(wrong).problems] == ["name"]
    whole = record()
    lonely = {**whole, "steps": whole["steps"][:1], "samples": [s for s in whole["samples"] if s["step"] == 0]}
    assert [p.rule for p in validate(write(tmp_path, lonely)).problems] == ["complete"]


def test_small_multiples_share_a_scale_and_leave_gaps() -> None:
    first, second = figures.curves([[(0.0, -1.0, 1.0), None, (10.0, None, None)], [None, (5.0, 4.0, 6.0)]], 100, 50)
    assert [point[:2] for point in first.points] == [(4.0, 42.18), (96.0, 4.0)]
    assert first.origin == first.points[0][1]
    assert first.points[0][2] == 46.0  # the lowest end of an interval is the bottom
    assert second.origin is None
    assert figures.curves([[None], []])[0].points == ()
