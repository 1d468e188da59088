"""A headless Chromium for the site's tests: pages with a record of what they ask for and complain about."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, Request, sync_playwright

SMALL = {"width": 320, "height": 700}
WIDE = {"width": 1280, "height": 720}
# A page of every kind; the first four need the suite's name alone.
KINDS = (
    *("index.html", "suites/demo-1.by-warp_error-1.html", "items/demo-1/index.html", "items/demo-1/000-scene.html"),
    *("variants/mini-exvideo-1.html", "variants/mini-no-conv-1.html", "metrics/warp_error-1.html", "method.html"),
    *(
        "changes.html",
        "404.html",
        "contribute.html",
        "runs/01a2.html",
        "compare/demo-1/index.html",
        "maps/demo-1/warp_error-1.html",
    ),
    *("compare/demo-1/any.html", "compare/demo-1/mini-exvideo-1--mini-no-conv-1.html"),
)
# Pages that need an analysis of parts and a calibration, which the fixture ``analysed`` has.
ANALYSED = ("ablation/demo-1.html", "metrics/warp_error-1.html")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium without a screen, which is the quickest, or another, or the one that $CHROMIUM names."""
    found = map(shutil.which, ("chromium-headless-shell", "chromium", "chromium-browser"))
    path = os.environ.get("CHROMIUM") or next(filter(None, found), None)
    assert path, "these tests need Chromium: apt-get install chromium-headless-shell, or set CHROMIUM to its path"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path)
        yield browser
        browser.close()


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
