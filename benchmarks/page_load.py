"""How soon pages of a site are there on a slow phone line: largest contentful paint and layout shift in Chromium.

    python benchmarks/page_load.py [SITE]

SITE is a published site, ``site/public`` by default, which is served to this machine. The line is "slow 4G": 1.6
Mbit/s down, 150 ms a round trip. Prints a Markdown table of one visit to each page without a cache: bytes on the line,
LCP in ms and CLS. Exits with 1 where LCP is over 1.5 s or CLS over 0.02.
"""

from __future__ import annotations

import argparse
import functools
import http.server
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

MAX_LCP, MAX_CLS = 1500.0, 0.02  # ms; share of the window
LINE = {"offline": False, "latency": 150, "downloadThroughput": 1.6e6 / 8, "uploadThroughput": 0.75e6 / 8}
WATCH = """
window.seen = {lcp: 0, cls: 0};
new PerformanceObserver(list => list.getEntries().forEach(e => { window.seen.lcp = e.startTime; }))
  .observe({type: "largest-contentful-paint", buffered: true});
new PerformanceObserver(list => list.getEntries().forEach(e => { if (!e.hadRecentInput) window.seen.cls += e.value; }))
  .observe({type: "layout-shift", buffered: true});
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("site", nargs="?", type=Path, default=Path("site/public"))
    site: Path = parser.parse_args().site
    failed = False
    print("| page | bytes | LCP ms | CLS |\n|---|---|---|---|")
    with served(site) as address, chromium() as browser:
        for page in pages(site):
            found = visit(browser, f"{address}/{page}")
            failed = failed or found["lcp"] > MAX_LCP or found["cls"] > MAX_CLS
            print(f"| {page} | {found['bytes']:.0f} | {found['lcp']:.0f} | {found['cls']:.4f} |", flush=True)
    sys.exit(1 if failed else 0)


def pages(site: Path) -> Iterator[str]:
    """The board, and the first page of each other kind."""
    yield "index.html"
    for folder in ("ablation", "compare", "variants", "metrics"):
        yield from (path.relative_to(site).as_posix() for path in sorted((site / folder).rglob("*.html"))[:1])
    yield from (path.relative_to(site).as_posix() for path in sorted((site / "items").rglob("[0-9]*.html"))[:1])


def visit(browser: Browser, address: str) -> dict[str, float]:
    """LCP, CLS and the bytes that came over the line, of one visit without a cache."""
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    page = context.new_page()
    line = context.new_cdp_session(page)
    got = [0.0]
    line.on("Network.loadingFinished", lambda event: got.append(event["encodedDataLength"]))
    line.send("Network.enable")
    line.send("Network.emulateNetworkConditions", LINE)
    page.add_init_script(WATCH)
    page.goto(address, wait_until="load")
    page.wait_for_timeout(500)
    seen: dict[str, Any] = page.evaluate("window.seen")
    context.close()
    return {"lcp": float(seen["lcp"]), "cls": float(seen["cls"]), "bytes": sum(got)}


@contextmanager
def chromium() -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, ("chromium-headless-shell", "chromium", "google-chrome"))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found)
        yield browser
        browser.close()


class Compressed(http.server.SimpleHTTPRequestHandler):
    """Sends text compressed, as hosts of static sites do, and says nothing."""

    def do_GET(self) -> None:
        import gzip

        path = Path(self.translate_path(self.path))
        if path.suffix not in (".html", ".css", ".js", ".svg", ".json") or not path.is_file():
            super().do_GET()
            return
        data = gzip.compress(path.read_bytes(), 6)
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(path))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name is http.server's
        pass


@contextmanager
def served(site: Path) -> Iterator[str]:
    handler = functools.partial(Compressed, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


if __name__ == "__main__":
    main()
