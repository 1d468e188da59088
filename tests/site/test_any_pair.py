"""The page on which a reader chooses two rows: what its script shows is what `harness compare` prints."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from harness.compare import compare
from harness.compare_text import HEADERS, rows
from harness.render import publish
from harness.site_single import single_file
from harness.stats_sets import recombined
from harness.submission import read
from tests.site.browsing import Visit
from tests.site.synthetic import LOOKS, Look, result, small_suite, write_result

ITEMS = 23  # groups of one and of two items
METHOD, OTHER, STATIC, BASELINE = LOOKS[:4]
PAIRS = [(METHOD, OTHER), (OTHER, METHOD), (STATIC, BASELINE), (BASELINE, LOOKS[5])]


def written(folder: Path, look: Look, place: int) -> Path:
    """A result whose sets have jackknives, all but the last two, and whose videos lack some scores.

    The third's answers of yes and no agree between seeds.
    """
    content: dict[str, Any] = result(small_suite(ITEMS, seeds=(0, 1)), look)
    rng = np.random.default_rng(place)
    for score in content["set_scores"]:
        if place < 4:
            without = [score["value"] + float(rng.normal(0, 0.3)) for _ in range(20)]
            score["detail"]["jackknife"] = without
            spread = recombined([score["value"]], [without], [1.0], ITEMS).spread
            score |= {"stderr": spread.stderr, "ci_low": spread.low, "ci_high": spread.high}
    for row in content["rows"][place : place + 3]:
        row["scores"]["warp_error@1"] |= {"value": None, "status": "excluded", "reason": "a cut", "profile": []}
    for row in content["rows"] if place == 2 else ():
        row["scores"]["dynamic_rate@1"] |= {"value": float(row["item"] < "018")}
    return write_result(folder, content)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Path]]:
    base = tmp_path_factory.mktemp("any-pair")
    files = {look.name: written(base / "published", look, place) for place, look in enumerate(LOOKS)}
    publish([base / "published"], None, base / "public", "none")
    return base / "public", files


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    visit = Visit(browser)
    yield visit
    visit.close()


def shown(page: Page) -> dict[str, list[str]]:
    """A, B, difference, interval and n by metric, as the page has them."""
    found = {}
    for row in page.locator("[data-pairs] tbody tr").all():
        metric, *cells = [cell.inner_text() for cell in row.locator("th, td").all()]
        if len(cells) > 1:
            found[metric.split()[0]] = [cells[0], cells[1], *cells[2].split("\n"), cells[4]]
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("a", "b"), PAIRS, ids=lambda look: look.name)
def test_the_page_says_what_the_command_says(
    visit: Visit, built: tuple[Path, dict[str, Path]], a: Look, b: Look
) -> None:
    site, files = built
    found = compare(*(read(files[look.name]) for look in (a, b)))
    named = [dict(zip(HEADERS, cells, strict=True)) for cells in rows(found)[:-1]]
    told = {row["metric"].split("@")[0]: [row[name] for name in ("A", "B", "B − A", "interval", "n")] for row in named}
    visit.page.goto(f"{(site / 'compare/demo-1/any.html').as_uri()}#a={a.name}@1&b={b.name}@1")
    assert shown(visit.page) == told
    assert len(told) >= 5
    assert visit.complaints == []


@pytest.mark.slow
def test_a_choice_is_in_the_address_and_leads_to_the_tested_pair(
    visit: Visit, built: tuple[Path, dict[str, Path]]
) -> None:
    page = visit.open(built[0] / "compare/demo-1/any.html")
    page.get_by_label("B").select_option("mini-pos-static@1")
    assert "b=mini-pos-static%401" in page.url
    before = shown(page)
    page.reload()
    assert shown(page) == before
    for other in ("mini-no-conv@1", "mini-pos-static@1"):  # other links to the same page, typed into the address bar
        page.evaluate("other => { location.hash = 'b=' + encodeURIComponent(other); }", other)
        page.wait_for_function("other => document.querySelector('select[aria-label=B]')?.value === other", arg=other)
    page.wait_for_load_state()
    assert shown(page) == before
    page.get_by_role("link", name="This pair with tests").click()
    assert page.url.endswith("/mini-exvideo-1--mini-pos-static-1.html")
    page.go_back()
    page.get_by_label("B").select_option("mini-exvideo@1")
    assert shown(page) == {}
    assert "does not differ from itself" in page.inner_text("[data-said]")
    page.get_by_label("B").select_option("control-still@1")
    assert "no value for control-still@1" in page.locator("tr", has_text="flow_smoothness").inner_text()
    assert visit.complaints == []


@pytest.mark.slow
def test_an_address_of_another_page_is_understood_and_an_unknown_name_shows_no_numbers(
    visit: Visit, built: tuple[Path, dict[str, Path]]
) -> None:
    place = (built[0] / "compare/demo-1/any.html").as_uri()
    visit.page.goto(f"{place}#a=mini-no-conv-1&b=control-still@1")
    assert [visit.page.get_by_label(side, exact=True).input_value() for side in "AB"] == [
        "mini-no-conv@1",
        "control-still@1",
    ]
    assert shown(visit.page)
    visit.page.goto("about:blank")
    visit.page.goto(f"{place}#a=gone@1&b=control-still@1")
    assert "There is no row gone@1 here" in visit.page.inner_text("[data-said]")
    assert shown(visit.page) == {}
    assert [visit.page.get_by_label(side, exact=True).input_value() for side in "AB"] == ["", "control-still@1"]
    visit.page.get_by_label("A", exact=True).select_option("mini-exvideo@1")
    assert shown(visit.page)
    assert "gone" not in visit.page.url
    assert visit.complaints == []


@pytest.mark.slow
def test_as_a_file_of_its_own_it_leads_nowhere(
    visit: Visit, built: tuple[Path, dict[str, Path]], tmp_path: Path
) -> None:
    (tmp_path / "pair.html").write_bytes(single_file(built[0], "compare/demo-1/any.html"))
    page = visit.open(tmp_path / "pair.html")
    assert len(shown(page)) >= 5
    assert page.locator("main a[href]").count() == 0
    assert page.locator("[data-pairs] tbody a").count() > 5
    assert visit.complaints == []


@pytest.mark.slow
def test_without_scripts_the_page_says_where_pairs_are(browser: Browser, built: tuple[Path, dict[str, Path]]) -> None:
    visit = Visit(browser, java_script_enabled=False)
    page = visit.open(built[0] / "compare/demo-1/any.html")
    assert page.locator("select").count() == 0
    assert page.get_by_role("link", name="pairs that have pages of their own").is_visible()
    visit.close()


def test_text_of_a_result_cannot_leave_the_script(tmp_path: Path) -> None:
    content = result(small_suite(4), METHOD)
    content["variant"]["summary"] = "</script><script>alert(1)</script>&amp;"
    write_result(tmp_path / "published", content)
    write_result(tmp_path / "published", result(small_suite(4), OTHER))
    publish([tmp_path / "published"], None, tmp_path / "public", "none")
    (script,) = (tmp_path / "public/data").glob("demo-1.pairs.*.js")
    text = script.read_text()
    assert not set("<>&") & set(text)
    numbers = json.loads(text.partition(" = ")[2].rstrip(";\n"))
    assert numbers["variants"][0]["summary"] == content["variant"]["summary"]
