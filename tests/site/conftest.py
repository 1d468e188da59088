from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from harness import calibration_data
from harness.model import Suite
from harness.render import PublishReport, publish
from tests.site import synthetic
from tests.site.browsing import ANALYSED, KINDS, chromium
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


@pytest.fixture(scope="session")
def analysed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site with an analysis of parts and a calibrated metric, no media."""
    from tests.site.test_ablation_page import GRID
    from tests.site.test_calibration_card import record

    base = tmp_path_factory.mktemp("analysed")
    for look in GRID:
        write_result(base / "published", result(small_suite(4), look))
    calibration_data.write(base / "published", record())
    publish([base / "published"], None, base / "public", "none")
    return base / "public"


@pytest.fixture(scope="session")
def kinds(site: Site, analysed: Path) -> tuple[Path, ...]:
    """A page of every kind."""
    return (*(site.folder / name for name in KINDS), *(analysed / name for name in ANALYSED))


@pytest.fixture(scope="package")  # its event loop must not outlive the tests that drive it
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found
