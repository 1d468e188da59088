"""The site in a real browser, opened from disk: what it requests, what it runs, what it shows."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, sync_playwright

from harness.render import publish
from tests.site.conftest import Site
from tests.site.synthetic import LOOKS, result, small_suite, write_masters, write_result

pytestmark = pytest.mark.slow
SMALL = {"width": 320, "height": 700}
PLAYING = "() => { const v = document.querySelector('video'); return v.readyState >= 2 && v.currentTime > 0.1 }"
KINDS = (
    *("index.html", "items/demo-1/index.html", "items/demo-1/000-scene.html", "variants/mini-exvideo-1.html"),
    *("variants/mini-no-conv-1.html", "metrics/warp_error-1.html", "method.html"),
)
WIDE = {"width": 1280, "height": 720}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    assert path, "these tests need Chromium: apt-get install chromium, or set CHROMIUM to its path"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site with a full board: 30 items, no media."""
    base = tmp_path_factory.mktemp("board")
    for look in LOOKS:
        write_result(base / "published", result(small_suite(30), look))
    publish([base / "published"], None, base / "public", "none")
    return base / "public"


class Visit:
    """A page with a record of everything that it asked for and complained about."""

    def __init__(self, browser: Browser, **options: Any) -> None:
        self.context: BrowserContext = browser.new_context(**{"viewport": WIDE, **options})
        self.page: Page = self.context.new_page()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("requestfailed", self._failed)
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _failed(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # a picture that was still loading when the page was left
            self.complaints.append(f"{request.url}: {request.failure}")

    def open(self, path: Path) -> Page:
        self.page.goto(path.as_uri())
        return self.page

    def close(self) -> None:
        self.context.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    visit = Visit(browser)
    yield visit
    visit.close()


def names(page: Page, body: str = "tbody:not([data-apart])") -> list[str]:
    found: list[str] = page.locator(f"#board {body} tr:not(.group) .name").all_text_contents()
    return found


def test_pages_ask_for_nothing_outside_and_complain_of_nothing(visit: Visit, site: Site) -> None:
    for name in KINDS:
        visit.open(site.folder / name)
    assert visit.complaints == []
    assert len(visit.requests) >= 3 * len(KINDS)
    assert [url for url in visit.requests if not url.startswith(site.folder.as_uri())] == []


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
    button.click()
    assert header.get_attribute("aria-sort") == "ascending"
    values = [float(v or "nan") for v in shown.evaluate_all("cells => cells.map(c => c.dataset.value)")]
    assert values == sorted(values)
    button.click()
    assert header.get_attribute("aria-sort") is None
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


def test_video_plays(visit: Visit, site: Site) -> None:
    page = visit.open(site.folder / "index.html")
    page.get_by_role("link", name="item’s page").click()
    assert page.url.endswith("items/demo-1/000-scene.html")
    video = page.locator("article", has_text="mini-exvideo").locator("video")
    assert video.evaluate("v => [v.paused, v.readyState, v.autoplay]") == [True, 0, False]
    video.evaluate("v => v.play()")
    page.wait_for_function(PLAYING)
    assert video.evaluate("v => [v.videoWidth, v.videoHeight, v.error]") == [256, 256, None]
    assert page.locator("article", has_text="control-flicker").locator("video").is_hidden()
    assert visit.complaints == []


def test_videos_play_together(visit: Visit, tmp_path: Path) -> None:
    base = small_suite(1, frames=8)
    for look in LOOKS[:2]:
        videos = write_masters(tmp_path / "videos", base, look)
        write_result(tmp_path / "published", result(base, look, videos))
    publish([tmp_path / "published"], tmp_path / "videos", tmp_path / "public")
    page = visit.open(tmp_path / "public/items/demo-1/000-scene.html")
    page.get_by_role("button", name="Play all").click()
    page.wait_for_function("() => [...document.querySelectorAll('video')].every(v => !v.paused && v.currentTime > 0)")
    page.get_by_role("button", name="Pause all").click()
    assert page.evaluate("() => [...document.querySelectorAll('video')].map(v => v.paused)") == [True, True]


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
    plain.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_a_small_screen(browser: Browser, site: Site, scheme: str) -> None:
    small = Visit(browser, viewport=SMALL, color_scheme=scheme)
    for name in KINDS:
        width = small.open(site.folder / name).evaluate("document.documentElement.scrollWidth")
        assert width <= SMALL["width"], f"{name} is {width} px wide"
    small.close()


def test_small_screen_turns_rows_into_labelled_cards(browser: Browser, board: Path) -> None:
    small = Visit(browser, viewport=SMALL)
    page = small.open(board / "index.html")
    cell = page.locator("#board tbody td").first
    assert cell.evaluate("c => getComputedStyle(c, '::before').content") == '"fd_world ↓"'
    assert page.get_by_role("table").first.get_by_role("row").count() > len(LOOKS)  # still a table to a reader
    small.close()


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
