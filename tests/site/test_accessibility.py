"""axe-core's rules on a page of every kind, in both themes and on a small screen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from harness.calibration_data import write
from harness.render import publish
from tests.site.browsing import KINDS, SMALL, WIDE, Visit
from tests.site.conftest import Site
from tests.site.synthetic import result, small_suite, write_result
from tests.site.test_ablation_page import GRID
from tests.site.test_calibration_card import record

pytestmark = pytest.mark.slow
# All rules in the light, and where a view can only change the outcome of some, those.
VIEWS: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
    ({"viewport": WIDE}, {}),
    ({"viewport": WIDE, "color_scheme": "dark"}, {"runOnly": ["color-contrast", "link-in-text-block"]}),
    ({"viewport": SMALL}, {"runOnly": ["target-size", "scrollable-region-focusable", "region", "label"]}),
)


@pytest.fixture(scope="module")
def analysed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site with an analysis of parts and a calibrated metric."""
    base = tmp_path_factory.mktemp("analysed")
    for look in GRID:
        write_result(base / "published", result(small_suite(4), look))
    write(base / "published", record())
    publish([base / "published"], None, base / "public", "none")
    return base / "public"


NEEDED = {"preload": False, "resultTypes": ["violations"]}  # what passes is not written out, which halves the time


def violations(visit: Visit, path: Path, options: dict[str, Any]) -> list[str]:
    page = visit.open(path)
    for fold in page.locator("details:not(.flash)").all():
        fold.evaluate("fold => { fold.open = true }")
    found: list[dict[str, Any]] = Axe().run(page, options={**NEEDED, **options}).response["violations"]
    return [f"{path.name}: {v['id']}: {v['nodes'][0]['html'][:160]} ({len(v['nodes'])} nodes)" for v in found]


@pytest.mark.parametrize(("view", "options"), VIEWS, ids=["light", "dark", "small"])
def test_axe_finds_nothing(
    browser: Browser, site: Site, board: Path, analysed: Path, view: dict[str, Any], options: dict[str, Any]
) -> None:
    visit = Visit(browser, **view)
    pages = [site.folder / name for name in KINDS]
    pages += [board / "index.html", board / KINDS[-1]]
    pages += [analysed / "ablation/demo-1.html", analysed / "metrics/warp_error-1.html"]
    found = [text for path in pages for text in violations(visit, path, options)]
    visit.close()
    assert found == []
