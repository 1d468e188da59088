"""Watching: all videos of an item as one, what shows the moment, and two variants in one place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from harness.render import publish
from tests.site.browsing import Visit
from tests.site.conftest import Site
from tests.site.synthetic import LOOKS, result, small_suite, write_masters, write_result

pytestmark = pytest.mark.slow
FRAMES = 12
TIMES = "[...document.querySelectorAll('video')].map(v => v.currentTime)"


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of one item with the videos of three variants, of which the last flashes."""
    base = tmp_path_factory.mktemp("watched")
    suite = small_suite(1, frames=FRAMES)
    for look in (LOOKS[0], LOOKS[3], LOOKS[5]):
        videos = write_masters(base / "videos", suite, look)
        write_result(base / "published", result(suite, look, videos))
    publish([base / "published"], base / "videos", base / "public")
    return base / "public/items/demo-1/000-scene.html"


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    visit = Visit(browser)
    yield visit
    assert visit.complaints == []
    visit.close()


def frame(page: Page) -> str:
    return str(page.locator(".transport output").inner_text())


def test_nothing_plays_or_loads_unasked(visit: Visit, watched: Path) -> None:
    page = visit.open(watched)
    states = page.locator("video").evaluate_all("videos => videos.map(v => [v.paused, v.readyState, v.autoplay])")
    assert states == [[True, 0, False]] * 3
    assert not any(url.endswith(".mp4") for url in visit.requests)


def test_videos_keep_within_half_a_frame_while_they_play(visit: Visit, watched: Path) -> None:
    page = visit.open(watched)
    page.get_by_label("Speed").select_option("0.25")
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("() => document.querySelectorAll('video')[1].currentTime > 0.4", timeout=60_000)
    for _ in range(5):
        first, second, folded = page.evaluate(TIMES)
        assert abs(first - second) <= 0.05 + 1e-3  # half of a frame at 10 frames/s
        assert folded == 0
        page.wait_for_timeout(40)
    page.get_by_role("button", name="Pause").click()
    rates = page.locator("video").evaluate_all("videos => videos.slice(0, 2).map(v => [v.paused, v.playbackRate])")
    assert rates == [[True, 0.25]] * 2


def test_steps_and_scrubbing_move_all_videos_and_every_playhead(visit: Visit, watched: Path) -> None:
    page = visit.open(watched)
    head, slice_line = page.locator(".playhead").first, page.locator(".slice .moment").first
    before = head.get_attribute("x1")
    page.get_by_role("button", name="One frame on").click()
    assert frame(page) == f"frame 2 of {FRAMES}, 0.1 s"
    page.wait_for_function("() => Math.abs(document.querySelector('video').currentTime - 0.15) < 1e-6", timeout=30_000)
    assert page.evaluate(TIMES)[:2] == pytest.approx([0.15, 0.15])
    assert head.get_attribute("x1") != before
    assert slice_line.evaluate("e => e.style.top") == "12.5%"
    page.get_by_role("slider", name="Frame").fill(str(FRAMES - 1))
    assert frame(page) == f"frame {FRAMES} of {FRAMES}, 1.1 s"
    assert page.locator(".film .moment").first.evaluate("e => e.style.left") == "87.5%"
    assert page.get_by_role("slider", name="Frame").get_attribute("aria-valuetext") == frame(page)


def test_end_is_the_beginning_again_only_with_loop(visit: Visit, watched: Path) -> None:
    page = visit.open(watched)
    page.get_by_label("Loop").uncheck()
    page.get_by_label("Speed").select_option("2")
    page.get_by_role("button", name="Play").click()
    page.wait_for_function(
        "() => document.querySelector('.play').textContent === 'Play' && "
        "document.querySelector('.transport output').textContent.startsWith('frame 12')",
        timeout=60_000,
    )
    page.get_by_label("Loop").check()
    page.get_by_role("button", name="Play").click()
    page.evaluate("() => { window.ends = 0; document.querySelector('video').addEventListener('ended', () => ends++) }")
    page.wait_for_function("() => window.ends >= 2", timeout=60_000)


def test_frame_speed_and_pair_are_kept_in_the_address(visit: Visit, watched: Path) -> None:
    page = visit.open(watched)
    page.get_by_role("button", name="One frame on").click()
    page.get_by_label("Speed").select_option("0.25")
    page.get_by_label("A", exact=True).select_option("mini-svd-direct")
    page.get_by_label("B", exact=True).select_option("mini-exvideo")
    page.wait_for_function("() => location.hash.includes('f=2')")
    address = page.url
    assert address.endswith("#a=mini-svd-direct-1&b=mini-exvideo-1&f=2&speed=0.25")
    page.goto("about:blank")
    page.goto(address)
    assert frame(page) == f"frame 2 of {FRAMES}, 0.1 s"
    assert page.get_by_label("Speed").input_value() == "0.25"
    assert page.locator(".stage figcaption").inner_text() == "A: mini-svd-direct"
    page.get_by_role("button", name="Swap A and B").click()
    assert page.locator(".stage figcaption").inner_text() == "B: mini-exvideo"
    assert page.url == address


def test_double_speed_is_not_offered_where_a_shown_video_would_flash(visit: Visit, watched: Path) -> None:
    page = visit.open(watched)
    speeds = page.get_by_label("Speed").locator("option")
    assert page.locator("video[data-hurried]").count() == 1  # the folded one, which flashes at any speed
    assert speeds.all_inner_texts()[-1] == "2×"
    hurried = watched.with_name("hurried.html")
    hurried.write_text(watched.read_text().replace("<video ", "<video data-hurried ", 1))
    visit.open(hurried)
    assert speeds.all_inner_texts()[-1] == "1×"
    for _ in range(3):
        page.keyboard.press("]")
    assert page.get_by_label("Speed").input_value() == "1"


def test_every_video_has_a_sentence_beside_it_and_pictures_say_what_they_show(visit: Visit, watched: Path) -> None:
    page = visit.open(watched)
    said = page.locator(".card .about").all_inner_texts()
    assert len(said) == 3
    assert all(f"{FRAMES} frames of 64×64 pixels; warp_error 0.0" in text for text in said)
    assert [text.rpartition(", ")[2] for text in said] == [
        "below the median of the rows that compete",
        *["above the median of the rows that compete"] * 2,
    ]
    for picture in (".slice img", ".film img"):
        told = page.locator(picture).first.get_attribute("alt") or ""
        assert "most changes at frame" in told
        assert said[0].partition("; ")[2] in told


def test_keys_drive_the_transport_until_they_are_switched_off(visit: Visit, watched: Path) -> None:
    page = visit.open(watched)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    assert frame(page).startswith("frame 2 ")
    page.keyboard.press("[")
    assert page.get_by_label("Speed").input_value() == "0.5"
    page.keyboard.press("b")
    assert page.locator(".stage figcaption").inner_text() == "B: mini-svd-direct"
    page.get_by_label("Keys").uncheck()
    page.locator("h1").click()
    page.keyboard.press("ArrowRight")
    assert frame(page).startswith("frame 2 ")


def test_two_variants_blink_in_one_place(visit: Visit, watched: Path) -> None:
    page = visit.open(watched)
    caption = page.locator(".stage figcaption")
    assert caption.is_hidden()
    assert page.get_by_label("A", exact=True).locator("option").all_inner_texts() == ["mini-exvideo", "mini-svd-direct"]
    page.get_by_label("Blink").check()
    shown = set()
    for _ in range(8):
        shown.add(caption.inner_text())
        page.wait_for_timeout(200)
    assert shown == {"A: mini-exvideo", "B: mini-svd-direct"}
    page.get_by_label("Blink").uncheck()
    assert caption.is_hidden()


def test_folded_video_joins_once_it_is_shown(visit: Visit, watched: Path) -> None:
    page = visit.open(watched)
    assert page.locator("video").nth(2).is_hidden()
    page.locator("details.flash summary").click()
    page.get_by_role("button", name="One frame on").click()
    page.wait_for_function("() => document.querySelectorAll('video')[2].currentTime > 0.1", timeout=30_000)


def test_reduced_motion_leaves_swapping_by_hand(browser: Browser, watched: Path) -> None:
    calm = Visit(browser, reduced_motion="reduce")
    page = calm.open(watched)
    assert page.get_by_label("Blink").count() == 0
    page.get_by_role("button", name="Swap A and B").click()
    assert page.locator(".stage figcaption").inner_text() == "B: mini-svd-direct"
    calm.close()


def test_without_scripts_each_video_has_its_own_controls(browser: Browser, site: Site) -> None:
    plain = Visit(browser, java_script_enabled=False)
    page = plain.open(site.folder / "items/demo-1/000-scene.html")
    assert page.locator("video[controls]").count() == 2
    assert page.locator("button").count() == 0
    plain.close()
