"""What a page may weigh, as a host sends it (compressed): an excess fails the build."""

from __future__ import annotations

import gzip
import json
import re
import runpy
from collections.abc import Iterable
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from harness.media import write_h264
from harness.render import publish
from harness.suites.mini import world
from tests.site.conftest import Site
from tests.site.synthetic import LOOKS, Look, result, small_suite, write_masters, write_result

KB = 1000


def sent(paths: Iterable[Path]) -> int:
    """Bytes of files as a host sends them: text compressed, media as they are."""
    plain = (".webp", ".mp4")
    return sum(p.stat().st_size if p.suffix in plain else len(gzip.compress(p.read_bytes(), 6)) for p in set(paths))


def loaded(site: Path, page: str) -> list[Path]:
    """The page with what it loads before anybody plays a video."""
    path = site / page
    tags = re.findall(r"<(?:img|link|script)\b[^>]*?(?:src|href)=\"([^\"]+)\"", path.read_text())
    posters = re.findall(r'poster="([^"]+)"', path.read_text())
    return [path, *((path.parent / link).resolve() for link in [*tags, *posters])]


def test_board_stays_below_100_kb_with_styles_and_scripts(tmp_path: Path) -> None:
    looks = [Look(f"mini-v{i:02d}", "ablation", level=1 + i / 20) for i in range(20)]
    for look in looks:
        write_result(tmp_path / "published", result(small_suite(2), look))
    publish([tmp_path / "published"], None, tmp_path / "public", "none")
    assert sent(loaded(tmp_path / "public", "index.html")) < 100 * KB
    assert all(sent([path]) < 60 * KB for path in (tmp_path / "public").rglob("*.html"))


def test_scripts_stay_below_25_kb_before_compression(site: Site) -> None:
    scripts = {path.name: path.stat().st_size for path in loaded(site.folder, "index.html") if path.suffix == ".js"}
    assert len(scripts) == 1
    assert sum(scripts.values()) < 25 * KB


def test_item_page_of_four_variants_stays_below_350_kb(tmp_path: Path) -> None:
    suite = small_suite(1, frames=40)
    for look in LOOKS[:4]:
        videos = write_masters(tmp_path / "videos", suite, look)
        write_result(tmp_path / "published", result(suite, look, videos))
    report = publish([tmp_path / "published"], tmp_path / "videos", tmp_path / "public")
    site = tmp_path / "public"
    files = [path for path in loaded(site, "items/demo-1/000-scene.html") if path.suffix == ".webp"]
    assert len(files) == 4 * 3  # poster, strip and slice of each
    previews = json.loads((site / "media/index.json").read_text())["videos"].values()
    for kind, most in (("poster", 25), ("strip", 45), ("slice", 30)):
        sizes = [(site / preview[kind]).stat().st_size for preview in previews]
        assert len(sizes) == 4
        assert max(sizes) <= most * KB, kind
    assert sent(loaded(site, "items/demo-1/000-scene.html")) < 350 * KB
    above = [path for path in loaded(site, "index.html") if path.suffix == ".webp"]
    assert sent(above) < 120 * KB
    assert all(path.stat().st_size < 700 * KB for path in site.rglob("*.mp4"))
    # The whole site of 6 variants and 64 items: 120 MB, of which 5 MB are for what is no media.
    assert report.media_bytes / report.previews * 6 * 64 < (120_000 - 5_000) * KB


@pytest.mark.slow
def test_preview_of_128_frames_of_512_pixels_stays_below_700_kb(tmp_path: Path) -> None:
    scene = world.render(world.sample_scene(3), 128)
    write_h264(tmp_path / "preview.mp4", scene.repeat(8, axis=1).repeat(8, axis=2), 25)
    assert (tmp_path / "preview.mp4").stat().st_size < 700 * KB


@pytest.mark.slow
def test_numbers_of_six_variants_and_64_items_stay_below_5_mb(tmp_path: Path) -> None:
    for look in LOOKS:
        write_result(tmp_path / "published", result(small_suite(64), look))
    report = publish([tmp_path / "published"], None, tmp_path / "public", "none")
    assert report.bytes < 5_000 * KB


@pytest.mark.slow
@pytest.mark.parametrize("page", ["index.html", "items/demo-1/000-scene.html", "compare/demo-1/any.html"])
def test_nothing_moves_while_a_page_loads_on_a_slow_line(browser: Browser, site: Site, page: str) -> None:
    script = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "page_load.py"))
    with script["served"](site.folder) as address:
        found = script["visit"](browser, f"{address}/{page}")
    assert found["lcp"] > 0
    assert found["cls"] < script["MAX_CLS"]
