"""The cells of the largest tables."""

from __future__ import annotations

from harness.model import Score
from harness.site_cells import numbers, score, scores, squares
from harness.site_map import Square
from harness.sitemodel import ScoreView
from harness.submission import PublishedMetric

METRIC = PublishedMetric("sharp", 1, "higher", "px", "sharpness", "video", "", "key")
HOSTILE = "<script>alert(1)</script>"


def view(found: Score | None) -> ScoreView:
    return ScoreView(METRIC, found)


def test_a_cell_has_its_number_for_reading_and_for_sorting() -> None:
    assert scores([view(Score(-0.5, "ok"))]) == '<td data-value="-0.5"><span class="value">−0.5000</span></td>'
    assert numbers([0.25, None]) == '<td>0.2500</td><td><span class="absent">none</span></td>'


def test_a_missing_score_says_why_and_sorts_as_missing() -> None:
    assert scores([view(None)]) == '<td data-value=""><span class="absent">not measured</span></td>'
    undefined = score(view(Score(None, "undefined", "nothing moves")))
    assert undefined == '<span class="absent">undefined: nothing moves</span>'


def test_foreign_text_stays_text() -> None:
    said = score(view(Score(None, "undefined", HOSTILE)))
    assert said == '<span class="absent">undefined: &lt;script&gt;alert(1)&lt;/script&gt;</span>'


def test_a_square_has_a_sign_where_its_number_is_not_nothing() -> None:
    found = squares([Square(1.26, 3), Square(0.04, 0), Square(-0.7, -1), Square(None, 0)])
    assert found == (
        '<td class="s3" data-value="1.26">+1.3</td><td class="s0" data-value="0.04">0.0</td>'
        '<td class="s-1" data-value="-0.7">−0.7</td><td class="none" data-value="">none</td>'
    )
