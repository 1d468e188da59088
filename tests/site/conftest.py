from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from harness.model import Suite
from harness.render import PublishReport, publish
from tests.site import synthetic
from tests.site.browsing import chromium
from tests.site.synthetic import LOOKS, result, small_suite, write_masters, write_result


@dataclass(frozen=True)
class Site:
    """A published site with what it was made from."""

    folder: Path
    report: PublishReport
    published: Path
    masters: Path
    suite: Suite


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Two items of six variants; two variants have their videos, the others' are not at hand."""
    base = tmp_path_factory.mktemp("site")
    suite = small_suite(items=2, frames=8)
    with_videos = {"mini-exvideo", "control-flicker"}
    for look in LOOKS:
        videos = write_masters(base / "videos", suite, look) if look.name in with_videos else {}
        write_result(base / "published", synthetic.result(suite, look, videos))
    report = publish([base / "published"], base / "videos", base / "public")
    return Site(base / "public", report, base / "published", base / "videos", suite)


@pytest.fixture(scope="session")
def board(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site with a full board: 30 items, no media."""
    base = tmp_path_factory.mktemp("board")
    for look in LOOKS:
        write_result(base / "published", result(small_suite(30), look))
    publish([base / "published"], None, base / "public", "none")
    return base / "public"


@pytest.fixture(scope="package")  # its event loop must not outlive the tests that drive it
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found
