"""Published results -> a static site. Writes a fresh folder, checks it, then puts it in place of the old one.

Same inputs, same bytes: nothing here reads a clock, and every iteration has a fixed order. A site that already
stands at ``out`` is kept beside it as ``<out>.prev``.
"""

from __future__ import annotations

import gc
import hashlib
import importlib.resources
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from harness import site_cells, site_data, site_text
from harness.forked import available, spread
from harness.media import MediaMaker, MediaProblem
from harness.site_check import SiteCheck, check_site, total_bytes
from harness.site_media import site_media
from harness.site_pages import Page, Pages
from harness.site_policy import POLICY, headers_file
from harness.site_swap import MANIFEST, fresh_folder, put_in_place, refuse_foreign_folder
from harness.site_text import facts, stem
from harness.site_words import change, finding, shape
from harness.sitemodel import Refusal, SiteModel, load_site
from harness.table_text import ARROWS
from harness.tables import Table

# Each is one file of the site, made of these of the theme in this order.
ASSETS = {
    "site.css": ("base.css", "board.css", "pages.css", "media.css", "narrow.css"),
    "site.js": ("state.js", "theme.js", "sort.js", "filter.js", "player.js", "blink.js", "transport.js"),
    "pairs.js": ("pairs.js",),
    "icon.svg": ("icon.svg",),
}
WAYS = {"higher": "higher is better", "lower": "lower is better", "none": "no better direction"}
DIRECTIONS = {**WAYS, "none": "descriptive, no better direction"}
LEVEL_WORDS = {
    "replicated": "somebody else made rows of this result again, and they agree",
    "maintained": "a maintainer of this project made this result",
}
COMMENT = re.compile(rb"(?m)^ *//.*\n")
BLANK = re.compile(r"\n\s+")
MediaChoice = Literal["all", "none"]
MANY_PAGES = 100  # from which on they are written by as many processes as there are cores


@dataclass(frozen=True)
class PublishReport:
    """What a publication made. ``bytes`` counts all files, ``media_bytes`` those under ``media/``.

    ``refused`` are published files that are not on the site; ``media_problems`` are videos that are on the board
    and cannot be shown. ``largest`` is the largest page as (path, bytes). ``previews_made`` excludes those reused.
    """

    out: Path
    pages: int
    files: int
    bytes: int
    media_bytes: int
    links: int
    largest: tuple[str, int]
    variants: int
    items: int
    metrics: int
    refused: tuple[Refusal, ...]
    media_problems: tuple[MediaProblem, ...]
    previews: int
    previews_made: int


def publish(submissions: Sequence[Path], masters: Path | None, out: Path, media: MediaChoice = "all") -> PublishReport:
    """Build the site from published files and put it at ``out``.

    Args:
        submissions: published files, or folders that are searched for ``*.json``.
        masters: the folder of master videos (``<results>/videos``), or None.
        out: the site's folder; an existing site there is replaced and kept as ``<out>.prev``.
        media: ``none`` publishes numbers without videos and pictures.

    Raises:
        Refused: E-PUBLISH, no file is fit for publication; E-OUT, ``out`` is something else than a site.
    """
    out = out.absolute()
    refuse_foreign_folder(out)
    with uncollected():
        model, refused = load_site(_files(submissions))
    with fresh_folder(out) as folder:
        maker = MediaMaker(masters if media == "all" else None, folder, out)
        previews = site_media(model, maker, wanted=media == "all")
        with uncollected():
            found = Pages(model, previews, refused)
            _write_pages(folder, found, partial(_write_beside, folder, model, found))
            _write_manifest(folder)
            check = _checked(folder)
        report = _report(folder, out, (model, refused), maker, check)
        put_in_place(folder, out)
    return report


@contextmanager
def uncollected() -> Iterator[None]:
    """Without the collector of cyclic garbage, of which a publication makes little: looking for it takes a seventh of
    the time, since the model, of which nothing goes, is looked through again and again."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def environment(theme: Path) -> Environment:
    """Jinja for the pages: everything is escaped, an unknown name is an error."""
    jinja = Environment(
        loader=FileSystemLoader(theme), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    jinja.filters |= {
        "number": site_text.number,
        "half_width": site_text.half_width,
        "seconds": site_text.seconds,
        "size": site_text.size,
        "integer": site_text.integer,
        "plain": site_text.plain,
        "quantity": site_text.quantity,
        "stem": stem,
        "when": site_text.when,
        "facts": facts,
        "level": site_text.level,
        "finding": lambda view, found: finding(found, view),
        "shape": shape,
        "change": change,
        **site_cells.FILTERS,
    }
    words = {"arrows": {**ARROWS, "none": "○"}, "directions": DIRECTIONS, "ways": WAYS, "level_words": LEVEL_WORDS}
    jinja.globals |= {"policy": POLICY, "once": once(), **words}
    return jinja


def once() -> Callable[..., str]:
    """``once(key, macro, ...)``: what a macro makes, made the first time: sorted boards repeat their rows."""
    made: dict[tuple[str | bool, ...], str] = {}

    def ask(key: Sequence[str | bool], macro: Callable[..., str], *arguments: object) -> str:
        if (named := tuple(key)) not in made:
            made[named] = macro(*arguments)
        return made[named]

    return ask


def _files(paths: Sequence[Path]) -> list[Path]:
    found = [p for path in paths for p in (sorted(path.rglob("*.json")) if path.is_dir() else [path])]
    return sorted(dict.fromkeys(found))


def _write_pages(folder: Path, found: Iterable[Page], beside: Callable[[], None]) -> None:
    """Write every page, and ``beside`` them what is no page; on more cores where that is worth the while."""
    with importlib.resources.as_file(importlib.resources.files("harness.theme")) as theme:
        assets = {name: _write_asset(folder, name, [theme / part for part in parts]) for name, parts in ASSETS.items()}
        jinja, pages = environment(theme), list(found)
        for template in {page.template for page in pages}:
            jinja.get_template(template)  # once, and not in every process

        def write(page: Page) -> None:
            shared: dict[str, Any] = {"root": page.root, "assets": assets, "here": page.path}
            text = jinja.get_template(page.template).render(**page.context, **shared)
            _write(folder / page.path, _compact(text))

        spread(pages, write, beside, available() if len(pages) >= MANY_PAGES else 1)


def _write_beside(folder: Path, model: SiteModel, found: Pages) -> None:
    for path, text in found.scripts.items():
        _write(folder / path, text)
    _write_data(folder, model, found.findings)


def _compact(text: str) -> str:
    """Without the blank lines and indents that templates leave behind; only ``<pre>`` has text that needs them."""
    return text if "<pre" in text else BLANK.sub("\n", text)


def _write_asset(folder: Path, name: str, parts: Sequence[Path]) -> str:
    """Join files of the theme under a name that changes with their content; returns the path in the site.

    Scripts go without the lines that are comments, which are for who reads the theme.
    """
    data = b"".join(part.read_bytes() for part in parts)
    if name.endswith(".js"):
        data = COMMENT.sub(b"", data)
    stem_, _, suffix = name.rpartition(".")
    place = f"assets/{stem_}.{hashlib.sha256(data).hexdigest()[:12]}.{suffix}"
    target = folder / place
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(data)
    return place


def _write_data(folder: Path, model: SiteModel, findings: Mapping[str, Sequence[Table]]) -> None:
    for board in model.boards:
        mine = [s for s in model.submissions if s.suite.label == board.suite.label]
        place = folder / "data" / stem(board.suite.label)
        site_data.write(place, board, mine)
        site_data.write_findings(place, board.suite.label, findings[board.suite.label])
    site_data.write_schema(folder / "data" / "schema")
    _write(folder / "robots.txt", "User-agent: *\nAllow: /\n")
    _write(folder / "_headers", headers_file())


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def _write_manifest(folder: Path) -> None:
    """``sha256sum -c MANIFEST.sha256`` verifies a copy of the site."""
    files = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    lines = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in files]
    _write(folder / MANIFEST, "".join(lines))


def _checked(folder: Path) -> SiteCheck:
    check = check_site(folder)
    if check.problems:  # no input may cause this: it is a defect of the templates
        raise RuntimeError("the rendered site is not sound:\n" + "\n".join(check.problems[:20]))
    return check


def _report(
    folder: Path, out: Path, site: tuple[SiteModel, tuple[Refusal, ...]], maker: MediaMaker, check: SiteCheck
) -> PublishReport:
    model, refused = site
    files = [path for path in folder.rglob("*") if path.is_file()]
    return PublishReport(
        out=out,
        pages=check.pages,
        files=len(files),
        bytes=total_bytes(files),
        media_bytes=total_bytes((folder / "media").rglob("*")),
        links=check.links,
        largest=check.largest,
        variants=len(model.variants),
        items=len(model.items),
        metrics=len(model.metrics),
        refused=refused,
        media_problems=tuple(maker.problems),
        previews=len(maker.index),
        previews_made=maker.made,
    )
