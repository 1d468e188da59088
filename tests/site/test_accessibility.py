"""axe-core's rules on a page of every kind, in both themes and on a small screen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from tests.site.browsing import ANALYSED, KINDS, SMALL, WIDE, Visit
from tests.site.conftest import Site

pytestmark = pytest.mark.slow
# All rules in the light, and where a view can only change the outcome of some, those.
VIEWS: tuple[tuple[Any, Any, dict[str, Any]], ...] = (
    ("light", WIDE, {}),
    ("dark", WIDE, {"runOnly": ["color-contrast", "link-in-text-block"]}),
    ("light", SMALL, {"runOnly": ["target-size", "scrollable-region-focusable", "region", "label"]}),
)
NEEDED = {"preload": False, "resultTypes": ["violations"]}  # what passes is not written out, which halves the time


def violations(visit: Visit, path: Path) -> list[str]:
    page = visit.open(path)
    for fold in page.locator("details:not(.flash)").all():
        fold.evaluate("fold => { fold.open = true }")
    told = []
    for scheme, size, options in VIEWS:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(size)
        found: list[dict[str, Any]] = Axe().run(page, options={**NEEDED, **options}).response["violations"]
        where = f"{path.name}, {scheme}, {size['width']} wide"
        told += [f"{where}: {v['id']}: {v['nodes'][0]['html'][:160]} ({len(v['nodes'])} nodes)" for v in found]
    return told


@pytest.mark.parametrize("kind", ["site", "board", "analysed"])
def test_axe_finds_nothing(browser: Browser, site: Site, board: Path, analysed: Path, kind: str) -> None:
    pages = {
        "site": [site.folder / name for name in KINDS],
        "board": [board / "index.html", board / KINDS[-1]],
        "analysed": [analysed / name for name in ANALYSED],
    }
    visit = Visit(browser)
    found = [text for path in pages[kind] for text in violations(visit, path)]
    visit.close()
    assert found == []
