from __future__ import annotations

import csv
import errno
import hashlib
import io
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image as Pillow

import harness.render
from harness import site_swap, tables
from harness.errors import Refused
from harness.model import Item, Suite
from harness.render import publish
from harness.site_check import check_site
from tests.site.conftest import Site
from tests.site.synthetic import LOOKS, result, small_suite, write_result

THEME = Path(harness.render.__file__).parents[1] / "site" / "theme"
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)> {{ 7 * 7 }} {% raw %}'


def digests(folder: Path) -> dict[str, str]:
    files = (p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def numbers_only(base: Path, *, looks: int = 2, items: int = 2) -> tuple[Path, Path]:
    for look in LOOKS[:looks]:
        write_result(base / "published", result(small_suite(items), look))
    return base / "published", base / "public"


def table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text())))


class Text(HTMLParser):
    """The text of a page and its tags with attributes."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.text, self.tags = "", list[tuple[str, dict[str, str]]]()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))


def test_every_kind_of_page_is_there(site: Site) -> None:
    for page in (
        *("index.html", "suites/demo-1.html", "variants/mini-exvideo-1.html", "items/demo-1/000-scene.html"),
        *("items/demo-1/index.html", "metrics/warp_error-1.html", "method.html"),
        *("contribute.html", "runs/01a2.html", "compare/demo-1/index.html", "maps/demo-1/ff_ssim-1.html"),
        *("compare/demo-1/mini-exvideo-1--mini-no-conv-1.html", "suites/demo-1.by-seconds.html"),
        *("data/demo-1.csv", "data/demo-1.scores.csv", "data/demo-1.json", "MANIFEST.sha256", "media/index.json"),
        *("data/demo-1.parquet", "data/demo-1.scores.parquet", "data/schema/result-1.json", "robots.txt", "_headers"),
    ):
        assert (site.folder / page).is_file(), page
    assert site.report.pages == len(list(site.folder.rglob("*.html")))
    assert (site.report.variants, site.report.items, site.report.metrics) == (6, 2, 6)


def test_all_links_lead_somewhere_and_nothing_comes_from_another_host(site: Site) -> None:
    check = check_site(site.folder)
    assert check.problems == []
    assert check.links > 200
    pages = "".join(p.read_text() for p in site.folder.rglob("*.html"))
    assert not re.search(r"https?://|(?:src|href)=\"//", pages)


def test_check_finds_what_is_wrong(tmp_path: Path) -> None:
    policy = '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'">'
    (tmp_path / "a.html").write_text(
        f'{policy}<p id="x"><p id="x"><a href="gone.html"></a><a href="#no"></a><img src="https://other.host/x.png">'
        '<a href="/root.html"></a><a href="../up.html"></a><script>1</script><p style="color:red" onclick="x()">'
        '<a href="javascript:alert(1)"></a>'
    )
    (tmp_path / "b.html").write_text("<p>no policy</p>")
    problems = "\n".join(check_site(tmp_path).problems)
    for part in (
        *(
            "the id x appears twice",
            "gone.html leads nowhere",
            "#no names an anchor",
            "other.host/x.png leads to another",
        ),
        *(
            "/root.html is not relative",
            "../up.html leads nowhere",
            "inline <script>",
            "inline style",
            "inline onclick",
        ),
        *("b.html: no content security policy", "javascript:alert(1) leads to another host or scheme"),
    ):
        assert part in problems


def test_pages_are_accessible_by_construction(site: Site) -> None:
    for path in sorted(site.folder.rglob("*.html")):
        page = Text(path)
        assert ("html", {"lang": "en"}) in page.tags
        assert ("a", {"class": "skip", "href": "#content"}) in page.tags or path.name == "404.html"  # nothing to skip
        assert [tag for tag, _ in page.tags].count("h1") == 1
        assert [tag for tag, _ in page.tags].count("table") == [tag for tag, _ in page.tags].count("caption")
        for tag, attributes in page.tags:
            if tag == "th":
                assert "scope" in attributes
            if tag == "img":
                assert {"alt", "width", "height"} <= set(attributes)
            if tag == "video":
                assert {"controls", "width", "height", "aria-label"} <= set(attributes)
                assert attributes["preload"] == "none"
                assert "autoplay" not in attributes


def test_board_has_every_number_as_text(site: Site) -> None:
    text = re.sub(r"\s+", " ", Text(site.folder / "index.html").text)
    lines = table(site.folder / "data/demo-1.csv")
    found = {(line["variant"], line["metric"]): line for line in lines}
    assert "7.0 ± 2.8" in text  # fd_world of the method: 7, interval 4.2 to 9.8
    assert found["mini-exvideo", "fd_world"]["value"] == "7.0"
    assert "95 % interval 4.2 to 9.8" in text
    assert "undefined for every video" in text
    assert found["control-still", "flow_smoothness"]["value"] == ""
    assert {line["variant"] for line in lines} == {look.name for look in LOOKS}


def test_rows_state_their_trainable_parameters(site: Site) -> None:
    text = Text(site.folder / "index.html").text
    assert text.count("3.27 M") == 3  # the method and its ablations


def test_smoke_test_and_mini_model_are_announced(site: Site) -> None:
    text = Text(site.folder / "index.html").text
    assert "Smoke test." in text
    assert "they say nothing about SVD-XT" in text
    assert "No order is implied" in text


def test_full_board_has_ranks_and_says_how_they_are_made(tmp_path: Path) -> None:
    published, out = numbers_only(tmp_path, items=30)
    publish([published], None, out, "none")
    text = Text(out / "index.html").text
    assert "Smoke test." not in text
    assert "Ranks are among the rows that compete" in text
    assert re.search(r"rank\s+1", text)


def test_videos_are_shown_and_missing_ones_are_named(site: Site) -> None:
    page = (site.folder / "items/demo-1/000-scene.html").read_text()
    assert page.count("<video") == 2
    assert page.count("The video is not at hand.") == 4
    assert page.count("flashes more than three times a second") == 1  # control-flicker, folded away
    variant = (site.folder / "variants/mini-exvideo-1.html").read_text()
    assert variant.count("<video") == 2
    assert "8 frames of 64×64 pixels" in variant
    missing = Text(site.folder / "variants/mini-no-conv-1.html").text
    assert "2 of 2 videos are not at hand" in missing
    assert len(site.report.media_problems) == 8
    assert site.report.previews == site.report.previews_made == 4


def test_site_without_media_has_none_and_says_so(site: Site, tmp_path: Path) -> None:
    report = publish([site.published], site.masters, tmp_path / "public", "none")
    assert report.media_bytes == 0
    assert not (tmp_path / "public" / "media").exists()
    assert "This copy of the site has no videos." in Text(tmp_path / "public/items/demo-1/000-scene.html").text


def test_same_inputs_give_the_same_bytes(site: Site, tmp_path: Path) -> None:
    publish([site.published], site.masters, tmp_path / "again")
    assert digests(tmp_path / "again") == digests(site.folder)
    reused = publish([site.published], site.masters, tmp_path / "again")
    assert reused.previews_made == 0
    assert digests(tmp_path / "again") == digests(site.folder)


@pytest.mark.skipif(sys.platform != "linux", reason="processes are copied on Linux alone")
def test_several_processes_write_the_same_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    published, out = numbers_only(tmp_path, looks=3, items=4)
    publish([published], None, out, "none")
    alone = digests(out)
    monkeypatch.setattr("harness.render.MANY_PAGES", 1)
    monkeypatch.setattr("harness.render.available", lambda: 3)
    publish([published], None, out, "none")
    assert digests(out) == alone


def test_place_of_the_files_changes_nothing(site: Site, tmp_path: Path) -> None:
    for index, path in enumerate(sorted(site.published.rglob("*.json"))):
        target = tmp_path / f"{9 - index}" / path.parent.name / path.name
        target.parent.mkdir(parents=True)
        target.write_bytes(path.read_bytes())
    publish([tmp_path / f"{9 - index}" for index in range(6)], site.masters, tmp_path / "public")
    assert digests(tmp_path / "public") == digests(site.folder)


def test_manifest_names_every_file(site: Site) -> None:
    lines = (site.folder / "MANIFEST.sha256").read_text().splitlines()
    named = {line.split("  ", 1)[1]: line.split("  ", 1)[0] for line in lines}
    expected = digests(site.folder)
    del expected["MANIFEST.sha256"]
    assert named == expected


def test_previous_site_is_kept(tmp_path: Path) -> None:
    published, out = numbers_only(tmp_path, looks=1)
    publish([published], None, out, "none")
    before = digests(out)
    numbers_only(tmp_path, looks=3)
    publish([published], None, out, "none")
    assert digests(tmp_path / "public.prev") == before
    assert (out / "variants/mini-pos-static-1.html").is_file()
    publish([published], None, out, "none")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["public", "public.prev", "published"]


def test_interrupted_publication_leaves_the_site_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    published, out = numbers_only(tmp_path)
    publish([published], None, out, "none")
    before = digests(out)

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(harness.render, "_write_data", fail)
    with pytest.raises(KeyboardInterrupt):
        publish([published], None, out, "none")
    assert digests(out) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["public", "published"]


def test_defective_site_never_goes_live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    published, out = numbers_only(tmp_path)
    monkeypatch.setattr(harness.render, "_write_data", lambda *_: None)  # the pages link to data files
    with pytest.raises(RuntimeError, match=r"data/demo-1\.csv leads nowhere"):
        publish([published], None, out, "none")
    assert not out.exists()


def test_names_are_exchanged_in_one_step_where_possible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new, out = tmp_path / "new", tmp_path / "out"
    for folder in (new, out):
        folder.mkdir()
        (folder / "name").write_text(folder.name)
    monkeypatch.setattr(site_swap, "_exchange", lambda *_: False)
    site_swap.put_in_place(new, out)
    assert [(tmp_path / n / "name").read_text() for n in ("out", "out.prev")] == ["new", "out"]
    monkeypatch.undo()
    new.mkdir()
    (new / "name").write_text("newer")
    site_swap.put_in_place(new, out)
    assert [(tmp_path / n / "name").read_text() for n in ("out", "out.prev")] == ["newer", "new"]
    with pytest.raises(OSError, match="No such file") as caught:
        site_swap._exchange(tmp_path / "missing", out)
    assert caught.value.errno == errno.ENOENT


@pytest.mark.parametrize("name", ["public", "public.prev"])
def test_folder_that_is_no_site_is_never_replaced(tmp_path: Path, name: str) -> None:
    published, out = numbers_only(tmp_path)
    (tmp_path / name).mkdir()
    (tmp_path / name / "thesis.tex").write_text("years of work")
    with pytest.raises(Refused) as caught:
        publish([published], None, out, "none")
    assert caught.value.code == "E-OUT"
    assert (tmp_path / name / "thesis.tex").read_text() == "years of work"


def test_hostile_text_is_inert(tmp_path: Path) -> None:
    base = small_suite(1)
    item = Item("000-evil", HOSTILE, "0" * 64, 127, ("<b>tag</b>",))
    formula = Item("001-evil", "=cmd|' /C calc'!A0", "0" * 64, 127)
    suite = Suite(base.name, 1, HOSTILE, base.protocol, (item, formula), (0,), 0)
    content = result(suite, LOOKS[0])
    content["variant"].update(summary=HOSTILE, params={HOSTILE: HOSTILE}, training={"note": HOSTILE})
    content["environment"] = {"cpu": HOSTILE}
    content["run"]["argv"] = [HOSTILE]
    content["metrics"][0].update(summary=HOSTILE)
    content["metrics"][5].update(unit=HOSTILE[:60])  # of a version that is not installed, so its unit is its own affair
    content["rows"][0]["scores"]["ff_ssim@1"].update(value=None, status="excluded", reason=HOSTILE)
    content["run"]["id"] = HOSTILE[:64]
    write_result(tmp_path / "published", content)
    write_result(tmp_path / "published", result(suite, LOOKS[1]))  # so that there are comparisons and maps
    (tmp_path / "published/demo-1/<img src=x onerror=alert(3)>.json").write_text("{}")
    out = tmp_path / "public"
    publish([tmp_path / "published"], None, out, "none")
    assert (out / "compare/demo-1/index.html").is_file()
    for path in out.rglob("*.html"):
        page = Text(path)
        scripts = [attributes for tag, attributes in page.tags if tag == "script"]
        assert [set(s) for s in scripts] == [{"src", "defer"}] * {"any.html": 3, "404.html": 0}.get(path.name, 1)
        assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
        assert not any(attributes.get("src") == "x" for _, attributes in page.tags)
        assert ("b", {}) not in page.tags
    (numbers,) = (out / "data").glob("*.pairs.*.js")
    assert "<" not in numbers.read_text()
    assert HOSTILE in Text(out / "items/demo-1/000-evil.html").text
    scores = table(out / "data/demo-1.scores.csv")
    assert {row["prompt"] for row in scores} == {HOSTILE, "'=cmd|' /C calc'!A0"}
    assert json.loads((out / "data/demo-1.json").read_text())["scores"][0]["prompt"] == HOSTILE
    assert [re.fullmatch(r"[0-9a-f-]+\.html", path.name) for path in (out / "runs").iterdir()].count(None) == 0


def test_data_files_allow_the_board_to_be_computed_again(site: Site) -> None:
    text = (site.folder / "data/demo-1.json").read_text()
    assert text == json.dumps(json.loads(text), indent=0) + "\n"
    scores = table(site.folder / "data/demo-1.scores.csv")
    board = {(r["variant"], r["metric"]): r for r in table(site.folder / "data/demo-1.csv")}
    for (variant, metric), line in board.items():
        values = [float(r["value"]) for r in scores if (r["variant"], r["metric"]) == (variant, metric) and r["value"]]
        if values:
            assert sum(values) / len(values) == pytest.approx(float(line["value"]), rel=1e-12)
            assert int(line["n"]) == len(values)
        told = [line[name] for name in (*tables.PROTOCOL, *tables.RUN)]
        assert told == ["8", "64", "64", "10", "01a2", "2026-11-24T06:20:00+00:00", "0.1.0", "0" * 40, "0"]


def test_conditioning_images_come_from_the_installed_suite(tmp_path: Path) -> None:
    from harness.suite import load_suite

    suite = load_suite("mini").suite
    write_result(tmp_path / "published", result(suite, LOOKS[0]))
    report = publish([tmp_path / "published"], tmp_path, tmp_path / "public")
    slug = suite.items[0].slug
    page = Text(tmp_path / f"public/items/{suite.name}-{suite.version}/{slug}.html")
    images = [a for tag, a in page.tags if tag == "img"]
    assert [a["alt"] for a in images] == [f"The conditioning image of {slug}"]
    assert report.media_bytes > 0


@pytest.mark.slow
def test_photographs_are_shown_with_their_authors(tmp_path: Path) -> None:
    from harness.suite import load_suite

    suite = load_suite("exvideo-128").suite
    write_result(tmp_path / "published", result(suite, LOOKS[0]))
    publish([tmp_path / "published"], tmp_path, tmp_path / "public")
    page = Text(tmp_path / "public/items/exvideo-128-1/003-pagoda.html")
    (image,) = [a for tag, a in page.tags if tag == "img"]
    assert (image["width"], image["height"]) == ("128", "128")
    stored = tmp_path / "public/items/exvideo-128-1" / str(image["src"])
    with Pillow.open(stored.resolve()) as picture:
        assert picture.size == (256, 256)
    assert "image: china.jpg, danielbuechele" in page.text
    assert "CC-BY-2.0 (https://creativecommons.org/licenses/by/2.0/); cut and resized" in page.text


def test_publishing_needs_no_model_and_no_index(site: Site, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from harness.render import publish;"
        f"publish([Path({str(site.published)!r})], Path({str(site.masters)!r}), Path({str(tmp_path / 'public')!r}));"
        "print(sorted({'torch', 'diffusers', 'rich', 'harness.store', 'harness.queries'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_templates_escape_everything() -> None:
    for template in sorted(THEME.glob("*.html")):
        source = template.read_text()
        assert not re.search(r"\|\s*safe\b|autoescape\s+false|Markup", source), template.name
        assert not re.search(r"=\{\{", source), f"{template.name} has an attribute without quotes"
    assert harness.render.environment(THEME).autoescape is True
