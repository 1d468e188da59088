"""The site in a real browser, opened from disk: what it requests, what it runs, what it shows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize

from tests.site.browsing import SMALL, Visit
from tests.site.conftest import Site
from tests.site.synthetic import LOOKS

pytestmark = pytest.mark.slow
SIGN = "button => getComputedStyle(button, '::before').content"
# Whether what has the focus lies in the window, uncovered and not cut off.
SEEN = """() => {
  const e = document.activeElement, box = e.getClientRects()[0];
  const inside = length => Math.min(9, length / 2);
  const there = box && document.elementFromPoint(box.left + inside(box.width), box.top + inside(box.height));
  return Boolean(there && e.contains(there) && box.left >= 0 && box.right <= innerWidth);
}"""
LINES_OF_NAME = """reason => {
  reason.textContent = "excluded: " + "a reason of many words ".repeat(9);
  const name = document.createRange();
  name.selectNodeContents(reason.previousElementSibling);
  return name.getClientRects().length;
}"""
# How far to the right the last of these reaches.
ENDS = "found => Math.max(0, ...[...document.querySelectorAll(found)].map(e => e.getBoundingClientRect().right))"
ZOOMED = {"width": 640, "height": 360}  # what a window of 1280 x 720 has room for at 200 % (WCAG 2.2, 1.4.4)
# Text and controls that reach beyond the window without lying in a region that scrolls, or that is cut off.
CUT = """() => [...document.querySelectorAll('h1, h2, h3, p, a, button, label, select, input')].filter(e => {
  const b = e.getBoundingClientRect();
  if (!b.width || e.closest('.scroll, .hidden, .skip, .formula, thead, details:not([open])')) return false;
  return b.right > document.documentElement.clientWidth + 1 || b.left < -1;
}).map(e => e.outerHTML.slice(0, 80))"""


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    visit = Visit(browser)
    yield visit
    visit.close()


def names(page: Page, body: str = "tbody:not([data-apart])") -> list[str]:
    found: list[str] = page.locator(f"#board {body} tr:not(.group):not([hidden]) .name").all_text_contents()
    return found


def test_pages_ask_for_nothing_outside_and_complain_of_nothing(
    visit: Visit, site: Site, analysed: Path, kinds: tuple[Path, ...]
) -> None:
    for path in kinds:
        visit.open(path)
    assert visit.complaints == []
    assert len(visit.requests) >= 3 * len(kinds)
    inside = (site.folder.as_uri(), analysed.as_uri())
    assert [url for url in visit.requests if not url.startswith(inside)] == []


def test_sorting_goes_best_first_then_back_then_to_the_order_of_the_page(visit: Visit, board: Path) -> None:
    page = visit.open(board / "index.html")
    original = names(page)
    assert original == ["mini-exvideo", "mini-pos-static", "mini-no-conv", "mini-svd-direct"]
    header = page.locator("#board thead th", has_text="flow_smoothness")
    button = header.locator("button")
    assert "Sort by flow_smoothness" in (button.get_attribute("aria-label") or "")
    button.click()
    assert header.get_attribute("aria-sort") == "descending"
    shown = page.locator("#board tbody:not([data-apart]) tr:not(.group) td:nth-child(4)")
    values = [float(v or "nan") for v in shown.evaluate_all("cells => cells.map(c => c.dataset.value)")]
    assert values == sorted(values, reverse=True)
    said = page.locator("#board caption [data-sorted]")
    assert (button.evaluate(SIGN), said.inner_text().strip()) == (
        '"▼"',
        "Sorted by flow_smoothness@1 ↑, highest first.",
    )
    button.click()
    assert (button.evaluate(SIGN), said.inner_text().strip()) == ('"▲"', "Sorted by flow_smoothness@1 ↑, lowest first.")
    assert header.get_attribute("aria-sort") == "ascending"
    values = [float(v or "nan") for v in shown.evaluate_all("cells => cells.map(c => c.dataset.value)")]
    assert values == sorted(values)
    button.click()
    assert header.get_attribute("aria-sort") is None
    assert (button.evaluate(SIGN), said.inner_text().strip()) == ('"⇅"', "")
    assert names(page) == original
    assert visit.complaints == []


def test_control_that_would_win_stays_below_when_sorted(visit: Visit, board: Path) -> None:
    page = visit.open(board / "index.html")
    page.locator("#board thead th", has_text="warp_error").locator("button").press("Enter")
    assert names(page)[0] == "mini-exvideo"
    assert not any(name.startswith("control-") for name in names(page))
    assert names(page, "tbody[data-apart]") == ["control-still", "control-flicker"]
    assert page.locator("#board tbody").last.get_attribute("data-apart") == ""


def test_row_without_a_value_is_last_in_both_directions(visit: Visit, board: Path) -> None:
    page = visit.open(board / "index.html")
    button = page.locator("#board thead th", has_text="flow_smoothness").locator("button")
    for _ in range(2):
        button.click()
        assert names(page, "tbody[data-apart]")[-1] == "control-still"


def test_without_scripts_every_number_is_there_and_no_dead_control(browser: Browser, site: Site) -> None:
    plain = Visit(browser, java_script_enabled=False)
    page = plain.open(site.folder / "index.html")
    text = page.locator("#board").inner_text()
    assert "7.0" in text
    assert "± 2.8" in text
    assert page.locator("button").count() == 0
    assert page.locator("#board tbody tr:not(.group)").count() == len(LOOKS)
    item = plain.open(site.folder / "items/demo-1/000-scene.html")
    assert item.locator("video[controls]").count() == 2
    assert "dynamic_rate ○" in item.locator(".scores").first.inner_text()
    lines = item.locator(".scores dd").first.evaluate(LINES_OF_NAME)
    assert lines == 1  # beside a long reason, a name does not break
    plain.close()


@pytest.mark.parametrize("size", [SMALL, ZOOMED], ids=["small", "zoomed"])
def test_nothing_is_wider_than_a_small_or_zoomed_screen(
    browser: Browser, kinds: tuple[Path, ...], size: ViewportSize
) -> None:
    visit = Visit(browser, viewport=size)
    for path in kinds:
        page = visit.open(path)
        told = f"{path.parent.name}/{path.name} is {{}} px wide"
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= size["width"], told.format(width)
        if size == SMALL:
            assert page.evaluate(ENDS, "caption:not(.hidden)") <= size["width"], told.format("a caption cut off")
            assert page.evaluate(ENDS, ".plain tbody th") <= size["width"] / 2, told.format("filled by a first column")
        hidden = page.evaluate(CUT)
        assert hidden == [], told.format(hidden)
    visit.close()


def test_small_screen_turns_rows_into_labelled_cards(browser: Browser, board: Path) -> None:
    small = Visit(browser, viewport=SMALL)
    page = small.open(board / "index.html")
    cell = page.locator("#board tbody td").first
    assert cell.evaluate("c => getComputedStyle(c, '::before').content") == '"fd_world@1 ↓"'
    assert cell.evaluate("c => getComputedStyle(c, '::after').content") == '"lower is better; squared feature distance"'
    assert page.get_by_role("table").first.get_by_role("row").count() > len(LOOKS)  # still a table to a reader
    page.locator(".by summary").click()
    page.get_by_role("link", name="warp_error@1 ↓").click()
    assert page.locator("#board caption").inner_text().startswith("Sorted by warp_error@1 ↓, lowest first.")
    assert "sort=warp_error-1" in page.url
    seen = set()
    for _ in range(50):  # to the end of the page, and again from its start
        page.keyboard.press("Tab")
        where = page.evaluate("document.activeElement.outerHTML.slice(0, 120)")
        seen.add(where)
        assert where.startswith("<body") or page.evaluate(SEEN), where
    assert len(seen) > 30
    small.close()


def test_names_and_caption_stay_when_a_wide_board_is_scrolled(browser: Browser, board: Path) -> None:
    middle = Visit(browser, viewport={"width": 800, "height": 700})
    page = middle.open(board / "index.html")
    page.get_by_label("All 6 metrics").check()
    assert page.locator("#board thead").is_visible()
    region = page.get_by_role("region", name="Board of demo@1")
    assert region.evaluate("r => { r.scrollLeft = 400; return r.scrollLeft }") == 400
    left, right = region.evaluate("r => [r.getBoundingClientRect().left, r.getBoundingClientRect().right]")
    for part in ("thead th", "tbody tr:not(.group) th", ".group .stay", "caption"):
        ends = page.locator(f"#board {part}").first.evaluate(
            "e => { const b = e.getBoundingClientRect(); return [b.left, b.right] }"
        )
        assert ends[0] == pytest.approx(left, abs=1), part
        assert ends[1] <= right + 1, part
    middle.close()


def test_themes_follow_the_system(browser: Browser, site: Site) -> None:
    grounds = []
    for scheme in ("light", "dark"):
        visit = Visit(browser, color_scheme=scheme)
        page = visit.open(site.folder / "index.html")
        grounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        visit.close()
    assert grounds == ["rgb(255, 255, 255)", "rgb(20, 23, 26)"]


def test_skip_link_is_the_first_stop_of_the_keyboard(visit: Visit, site: Site) -> None:
    page = visit.open(site.folder / "index.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    assert page.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
    page.keyboard.press("Enter")
    assert page.url.endswith("#content")


def test_filters_and_columns_are_kept_in_the_address(visit: Visit, board: Path) -> None:
    page = visit.open(board / "index.html")
    page.get_by_role("checkbox", name="ablation", exact=True).uncheck()
    assert names(page) == ["mini-exvideo", "mini-svd-direct"]
    assert page.locator("#board-controls output").inner_text() == "4 of 6 rows"
    assert page.locator("#board .group", has_text="Ablations").is_hidden()
    page.get_by_label("Find").fill("exv")
    assert names(page) == ["mini-exvideo"]
    assert page.locator("#board th", has_text="kvd_world").is_hidden()
    page.get_by_label("All 6 metrics").check()
    assert page.locator("#board th", has_text="kvd_world").is_visible()
    page.locator("#board thead th", has_text="warp_error").locator("button").click()
    address = page.url
    for part in ("norole=ablation", "q=exv", "columns=all", "sort=warp_error-1"):
        assert part in address
    other = Visit(visit.context.browser)
    copy = other.page
    copy.goto(address)
    assert names(copy) == ["mini-exvideo"]
    assert copy.locator("#board th", has_text="kvd_world").is_visible()
    assert copy.locator("#board thead th", has_text="warp_error").get_attribute("aria-sort") == "ascending"
    other.close()
    page.get_by_label("Find").fill("")
    page.get_by_role("checkbox", name="ablation", exact=True).check()
    assert "norole" not in page.url
    assert len(names(page)) == 4
    page.locator(".filters summary", has_text="Columns").click()
    page.get_by_role("checkbox", name="ff_ssim-1").uncheck()
    page.locator(".filters summary", has_text="Rows").click()
    page.get_by_role("checkbox", name="mini-no-conv").uncheck()
    assert names(page) == ["mini-exvideo", "mini-pos-static", "mini-svd-direct"]
    assert page.locator("#board th", has_text="ff_ssim").is_hidden()
    assert page.locator("#board td[data-label^='ff_ssim']").first.is_hidden()
    assert page.locator("#board td[data-label^='kvd_world']").first.is_visible()
    assert "hide=mini-no-conv,ff_ssim-1" in page.url or "hide=ff_ssim-1,mini-no-conv" in page.url
    assert visit.complaints == []


def test_hidden_names_may_end_in_a_star_and_filters_keep_their_order(visit: Visit, board: Path) -> None:
    page = visit.page
    roles = "#board-controls fieldset label"
    page.goto((board / "index.html").as_uri() + "#hide=control-*,ff*&sort=warp_error-1&way=descending")
    assert names(page, "tbody[data-apart]") == []
    assert page.locator("#board .group", has_text="Controls").is_hidden()
    assert page.locator("#board th", has_text="ff_ssim").is_hidden()
    assert page.locator("#board th", has_text="warp_error").is_visible()
    assert page.locator("#board-controls output").inner_text() == "4 of 6 rows"
    sorted_first = page.locator(roles).all_inner_texts()
    visit.open(board / "suites/demo-1.by-ff_ssim-1.html")
    assert page.locator(roles).all_inner_texts() == sorted_first
    visit.open(board / "method.html")
    visit.open(board / "index.html")
    assert page.locator(roles).all_inner_texts() == sorted_first
    page.get_by_role("checkbox", name="control", exact=True).uncheck()
    assert page.locator("#board .group", has_text="Controls").is_hidden()


def test_without_scripts_headers_lead_to_sorted_pages(browser: Browser, board: Path) -> None:
    plain = Visit(browser, java_script_enabled=False)
    page = plain.open(board / "index.html")
    page.get_by_label("All 6 metrics").check()
    assert page.locator("#board th", has_text="kvd_world").is_visible()
    page.get_by_role("link", name="Sort by warp_error").click()
    assert page.url.endswith("suites/demo-1.by-warp_error-1.html")
    assert page.locator("#board [aria-sort]").get_attribute("aria-sort") == "ascending"
    assert page.locator("#board [aria-sort] .sort").evaluate(SIGN) == '"▲"'
    assert page.locator("#board caption").inner_text().startswith("Sorted by warp_error@1, lowest first.")
    cells = page.locator("#board tbody:not([data-apart]) tr td:nth-of-type(2)")
    values = [float(v) for v in cells.evaluate_all("cells => cells.map(c => c.dataset.value)")]
    assert values == sorted(values)
    assert len(values) == 4
    page.get_by_role("link", name="Back to the board in its own order").click()
    assert page.url.endswith("suites/demo-1.html")
    plain.close()


def test_theme_can_be_chosen_and_is_remembered(visit: Visit, board: Path) -> None:
    page = visit.open(board / "index.html")
    button = page.get_by_role("button", name="Theme: system")
    button.click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.get_by_role("button", name="Theme: light").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 26)"
    visit.open(board / "method.html")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 26)"


def test_board_can_be_walked_by_keyboard(visit: Visit, board: Path) -> None:
    page = visit.open(board / "index.html")
    seen = []
    for _ in range(32):
        page.keyboard.press("Tab")
        where = page.evaluate(
            "() => { const e = document.activeElement, b = e.getBoundingClientRect(), s = getComputedStyle(e);"
            " return [e.getAttribute('aria-label') || e.textContent.trim().slice(0, 30) || e.type,"
            " b.width * b.height > 0, s.outlineStyle !== 'none', b.width >= 23 && b.height >= 23 || e.tagName === 'A'"
            " || e.type === 'checkbox'] }"
        )
        seen.append(where[0])
        assert where[1:] == [True, True, True], where
    for stop in ("Skip to content", "Board", "Theme: system", "Board of demo@1", "Sort by Variant"):
        assert stop in seen, seen
    assert any(str(stop).startswith("Sort by warp_error") for stop in seen)
    page.get_by_role("button", name="Sort by Variant").focus()
    page.keyboard.press("Enter")
    assert page.locator("#board thead th").first.get_attribute("aria-sort") == "ascending"


def test_print_leaves_the_controls_out(visit: Visit, board: Path) -> None:
    page = visit.open(board / "index.html")
    page.emulate_media(media="print")
    for gone in (".top nav", ".filters", ".sort", ".toggle"):
        assert page.locator(gone).first.is_hidden(), gone
    assert page.locator("#board .value").first.is_visible()


def test_nothing_is_wider_than_the_paper(browser: Browser, kinds: tuple[Path, ...]) -> None:
    paper = Visit(browser, viewport={"width": 700, "height": 1000})  # A4 within its margins
    paper.page.emulate_media(media="print")
    for path in kinds:
        page = paper.open(path)
        assert page.evaluate(ENDS, "main *:not(.hidden, .hidden *)") <= 700, path
        if path.name == "index.html" and page.locator("#board").count():
            assert page.locator("#board thead").is_visible()  # a table on paper, whatever its width
    paper.close()
