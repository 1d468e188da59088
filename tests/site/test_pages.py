"""What single pages say: picks of a variant's items, golden examples of a metric, runs, refusals."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from harness.export import dump
from harness.render import publish
from harness.site_item import item_context
from harness.site_media import SiteMedia
from harness.site_runs import run_pages, run_path
from harness.site_variant import picks
from harness.sitemodel import Entry, Source, build_site
from harness.submission import parse
from tests.site.browsing import KINDS
from tests.site.conftest import Site
from tests.site.synthetic import LOOKS, Look, result, small_suite, write_result
from tests.site.test_board import METHOD, NO_CONV, submission
from tests.site.test_publish import THEME, Text


def entry(items: int, seeds: tuple[int, ...] = (0,), change: Any = None) -> Entry:
    return build_site([Source(submission(METHOD, items, seeds, change))], {}).variants[0].entries[0]


def test_picks_are_the_five_worst_the_five_best_and_five_at_random() -> None:
    found = {p.metric.name: p for p in picks(entry(16))}
    assert list(found) == ["warp_error", "flow_smoothness", "ff_ssim"]
    assert [p.played for p in found.values()] == [True, False, False]
    worst, best, drawn = found["warp_error"].reels
    everything = sorted(v.score.value for e in entry(16).videos for v in e.scores[:1] if v.score and v.score.value)
    assert [value for _, value in worst.videos] == everything[::-1][:5]  # lower is better
    assert [value for _, value in best.videos] == everything[:5]
    assert len(drawn.videos) == 5
    assert [v.anchor for v, _ in drawn.videos] == [v.anchor for v, _ in next(picks(entry(16))).reels[2].videos]
    worst = found["ff_ssim"].reels[0]
    assert [value for _, value in worst.videos] == sorted(value for _, value in worst.videos)  # higher is better


def test_picks_never_show_one_video_as_best_and_worst() -> None:
    reels = next(picks(entry(7))).reels
    assert [len(reel.videos) for reel in reels] == [5, 2]
    assert len({v.anchor for reel in reels for v, _ in reel.videos}) == 7


def test_picks_count_what_has_no_value() -> None:
    def lost(content: dict[str, Any]) -> None:
        content["rows"][0]["scores"]["warp_error@1"].update(value=None, status="excluded", reason="unreadable")

    found = next(picks(entry(4, change=lost)))
    assert found.without == 1
    assert "000-scene-s0" not in {v.anchor for reel in found.reels for v, _ in reel.videos}


def test_every_value_leads_to_its_videos_in_two_clicks(site: Site) -> None:
    board = Text(site.folder / "index.html")
    assert "variants/mini-exvideo-1.html" in {a.get("href") for _, a in board.tags}
    variant = Text(site.folder / "variants/mini-exvideo-1.html")
    links = {a.get("href") for _, a in variant.tags}
    assert {f"../items/demo-1/{i:03d}-scene.html#mini-exvideo-1-s0" for i in range(2)} <= links


def test_board_says_above_its_table_what_it_has_and_below_what_its_words_mean(site: Site) -> None:
    text = Text(site.folder / "index.html").text
    above, _, below = text.partition("warp_error@1")
    assert "a small diffusion model, post-tuned as ExVideo does it" in above
    assert "4 variants, 2 controls, 6 metrics" in above
    assert "Data: board CSV" in " ".join(above.split())
    assert "no video model generates these" in below
    for note in ("floor: the metric between", "time: median time to make one video", "±: half of the interval"):
        assert note in below, note
    assert "other n" not in below  # no row of this board has another number of items


def test_method_page_says_which_interval_is_whose(site: Site) -> None:
    text = " ".join(Text(site.folder / "method.html").text.split())
    for part in ("Wilson’s 95 % interval", "Bonett and Price’s", "Time is the median", "On demo@1 a small model"):
        assert part in text, part
    assert "no model" not in text
    assert "median seconds a video" in Text(site.folder / "index.html").text


def test_every_page_of_numbers_says_suite_protocol_n_and_date_and_has_their_data(site: Site) -> None:
    without = {"404.html", "contribute.html"}
    listed = {"changes.html", "runs/01a2.html"}  # of runs: their numbers are elsewhere
    for name in {*KINDS, "maps/demo-1/ff_ssim-1.html"} - without:
        page = Text(site.folder / name)
        text = page.text.partition("Contribute")[2].partition("Built from the published")[0]
        for said in (
            "demo@1",
            "2 items × 1 seed",
            "8 frames of 64×64 at 10 frames/s",
            "newest result 2026-11-24",
        ):
            assert said in text, (name, said)
        files = {attributes.get("href", "").rpartition("/")[2] for tag, attributes in page.tags if tag == "a"}
        wanted = {f"demo-1{part}" for part in (".csv", ".scores.csv", ".json", ".pairs.csv", ".pairs.parquet")}
        assert name in listed or wanted <= files, name


def within(page: Path) -> set[Path]:
    """What the content of a page leads to, without what stands on every page."""
    content = page.read_text().partition("<main")[2].partition("</main>")[0]
    return {(page.parent / link).resolve() for link in re.findall(r'href="([^"#]+)', content)}


def test_every_kind_of_page_leads_to_the_videos_of_all_its_variants_in_two_clicks(site: Site, analysed: Path) -> None:
    pair = ("mini-exvideo", "mini-no-conv")
    rows = [look.name for look in LOOKS]
    competing = [look.name for look in LOOKS if look.role != "control"]
    told = {
        "suites/demo-1.by-warp_error-1.html": rows,
        "compare/demo-1/index.html": competing,
        "compare/demo-1/mini-exvideo-1--mini-no-conv-1.html": pair,
        "maps/demo-1/warp_error-1.html": competing,
        "metrics/warp_error-1.html": rows,
        "runs/01a2.html": rows,
    }
    pages = [(site.folder, name, who) for name, who in told.items()]
    for folder, name, who in [*pages, (analysed, "ablation/demo-1.html", ("mini-exvideo", "mini-no-conv"))]:
        first = within(folder / name)
        second = {target for page in first if page.suffix == ".html" for target in within(page)}
        item = folder / "items/demo-1/000-scene.html"
        assert item in first | second, name
        for variant in who:  # whose own page, or a pair's, leads on to the items
            page = folder / f"variants/{variant}-1.html"
            assert page in first | second, (name, variant)
            assert item in within(page)


def test_metric_page_shows_controls_as_golden_examples(site: Site) -> None:
    text = Text(site.folder / "metrics/warp_error-1.html")
    assert "videos that anybody can predict" in text.text
    assert "../items/demo-1/000-scene.html#control-still-1-s0" in {a.get("href") for _, a in text.tags}
    assert "Known ways to fool it" in text.text


def test_item_page_has_curves_with_their_numbers(site: Site) -> None:
    page = Text(site.folder / "items/demo-1/000-scene.html")
    courses = [a for tag, a in page.tags if tag == "svg" and "data-course" in a]
    assert len(courses) == 2  # of the synthetic metrics, these have a profile that varies
    assert re.search(r"same in every part of every video, and not drawn:\s+ff_ssim\s+0.5000", page.text)
    assert "an arrow at the edge stands for each of its parts" in page.text  # control-flicker is off the scale
    assert [a["class"] for tag, a in page.tags if tag == "path"].count("off") >= 8
    assert "8 parts of the clip" in courses[0]["aria-label"]
    assert "warp_error@1 in each of 8 equal parts of the clip" in page.text
    assert "dynamic_rate@1, pace of the fastest pixels, % of the short side, in each of 8 equal parts" in page.text
    figures = [text for text in page.text.split("dynamic_rate")[1:] if text.lstrip().startswith("○ here:")]
    assert len(figures) == 1  # its curve has the unit of what it shows, no share of videos
    variant = Text(site.folder / "variants/mini-exvideo-1.html").text
    assert re.search(r"dynamic_rate\s+○\s+here: pace of the fastest pixels, % of the short side", variant)


def test_ninth_line_differs_from_the_first_by_its_dashes() -> None:
    looks = [Look(f"mini-v{i:02d}", "ablation") for i in range(16)]
    sources = [Source(parse(dump(result(small_suite(1), look)))) for look in [*looks, LOOKS[4]]]
    take = item_context(build_site(sources, {}).items[0], SiteMedia(False, {}, {}))["takes"][0]
    assert sorted(take.slots.values()) == list(range(17))  # 0 is the control's
    css = (THEME / "media.css").read_text()
    colours = dict(re.findall(r"(?m)^\.slot\d, \.(slot\d+) \{ color: var\(--slot-(\d)\); \}", css))
    assert colours == {f"slot{n + 8}": str(n) for n in range(1, 9)}
    for rule in (r"\.courses :is\((.*)\) polyline", r"\.card:is\((.*)\) h3 \{ border-top-style: dashed"):
        dashed = re.search(rule, css)
        assert dashed is not None
        assert dashed[1].split(", ") == [f".slot{n}" for n in range(9, 17)]


def test_runs_have_a_page_whatever_their_name() -> None:
    found = [submission(METHOD, 2), submission(NO_CONV, 2, change=lambda c: c["run"].update(id="../../etc"))]
    pages = run_pages(found)
    assert {page.run.id for page in pages} == {"01a2", "../../etc"}
    assert run_path("01a2") == "runs/01a2.html"
    assert run_path("../../etc").count("/") == 1
    assert run_path("../../etc") != run_path("../../etd")
    assert len(run_pages([submission(METHOD, 2), submission(NO_CONV, 2)])) == 1


def test_what_is_new_is_a_page_and_a_feed(tmp_path: Path) -> None:
    suite = small_suite(2)
    for number, look in enumerate(LOOKS[:4]):
        content = result(suite, look)
        content["run"] |= {"id": f"run-{number // 2}", "started_at": f"2026-11-2{number // 2}T06:00:00+01:00"}
        write_result(tmp_path / "published", content)
    publish([tmp_path / "published"], None, tmp_path / "public", "none")
    text = Text(tmp_path / "public/changes.html").text
    assert text.index("run-1") < text.index("run-0")  # newest first
    space = {"a": "http://www.w3.org/2005/Atom"}
    feed = ElementTree.parse(tmp_path / "public/feed.xml").getroot()
    entries = feed.findall("a:entry", space)
    told = [[entry.findtext(f"a:{name}", "", space) for name in ("title", "updated", "summary")] for entry in entries]
    assert told == [
        ["2 results on demo@1", "2026-11-21T05:00:00Z", "mini-pos-static@1, mini-svd-direct@1"],
        ["2 results on demo@1", "2026-11-20T05:00:00Z", "mini-exvideo@1, mini-no-conv@1"],
    ]
    assert feed.findtext("a:updated", "", space) == "2026-11-21T05:00:00Z"
    ids = [found.text for found in feed.iter("{http://www.w3.org/2005/Atom}id")]
    assert len(set(ids)) == 3
    links = [link.get("href", "") for link in feed.iter("{http://www.w3.org/2005/Atom}link")]
    assert all((tmp_path / "public" / link).is_file() for link in links)


def test_contributors_see_the_rules_and_why_a_file_was_refused(tmp_path: Path) -> None:
    write_result(tmp_path / "published", result(small_suite(2), replace(LOOKS[0], name="svd-exvideo", family="svd")))
    (tmp_path / "published/demo-1/broken-1.json").write_text("{")
    publish([tmp_path / "published"], None, tmp_path / "public", "none")
    board, method = (Text(tmp_path / "public" / name).text for name in ("index.html", "method.html"))
    assert "Long video from post-tuned Stable Video Diffusion, measured." in board
    assert "small" not in board.partition("↑ higher")[0] + method.partition("From video")[0]
    text = Text(tmp_path / "public/contribute.html").text
    assert "broken-1.json" in text
    assert "harness validate" in text
    for rule in ("complete", "suite-digest"):
        assert rule in text


def test_run_page_has_command_and_machine(site: Site) -> None:
    text = Text(site.folder / "runs/01a2.html").text
    for part in ("harness run --variants all", "a processor", "mini-exvideo@1", "0" * 40):
        assert part in text
    for part in ("2026-11-24 06:20 UTC", "as committed", "torch"):
        assert part in text
    for raw in ("git_dirty", "started_at", "{"):
        assert raw not in text


def test_variant_page_says_where_it_stands_and_leads_to_what_is_said_of_it(board: Path) -> None:
    page = Text(board / "variants/mini-no-conv-1.html")
    lines = csv.DictReader((board / "data/demo-1.csv").read_text().splitlines())
    told = next(line for line in lines if (line["variant"], line["metric"]) == ("mini-no-conv", "warp_error"))
    shared = "" if told["rank"] == told["rank_last"] else "–" + told["rank_last"]
    assert f"rank {told['rank']}{shared} of 4" in page.text
    assert "trainable parameters3.27 M" in page.text
    assert "Against mini-exvideo" in page.text
    assert "B worse" in page.text or "A better" in page.text
    links = {a.get("href") for _, a in page.tags}
    for target in ("compare/demo-1/mini-exvideo-1--mini-no-conv-1.html", "maps/demo-1/ff_ssim-1.html"):
        assert f"../{target}" in links
    assert "../compare/demo-1/any.html" in links
    drawn = [a for tag, a in page.tags if tag == "svg" and a.get("class") == "whisker effect"]
    assert len(drawn) == 4  # the headline metrics of single videos
    control = Text(board / "variants/control-still-1.html")
    assert "Against mini-exvideo" not in control.text
    assert not any("maps/" in (a.get("href") or "") for _, a in control.tags)


def test_scores_over_the_clip_can_be_downloaded(site: Site) -> None:
    import duckdb

    found = duckdb.read_parquet(str(site.folder / "data/demo-1.profiles.parquet")).df()
    assert len(found) == len(LOOKS) * 2 * 8 * 3  # items, parts, and metrics with a profile
    assert 'href="data/demo-1.profiles.parquet"' in (site.folder / "index.html").read_text()
    content = json.loads((site.published / "demo-1/mini-exvideo-1.json").read_text())
    mine = found[(found.variant == "mini-exvideo") & (found.item == "000-scene")].sort_values("window")
    mine = mine[mine.metric == "warp_error"]
    assert mine.value.tolist() == content["rows"][0]["scores"]["warp_error@1"]["profile"]
