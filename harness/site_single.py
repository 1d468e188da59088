"""One page of a finished site as one file for mail and paper supplements: styles, scripts and pictures are in it.

Videos give way to their posters, and links to other pages become text: the file needs nothing and leads nowhere.
"""

from __future__ import annotations

import base64
import hashlib
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

from harness.errors import Refused, UsageError
from harness.site_policy import inline_policy

MAX_BYTES = 5_000_000
TYPES = {".webp": "image/webp", ".svg": "image/svg+xml"}


def single_file(site: Path, page: str) -> bytes:
    """The page (relative to the site) with everything in itself.

    Raises:
        UsageError: E-OPTION, the site has no such page.
        Refused: E-PUBLISH, the file would be larger than 5 MB.
    """
    path = (site / page).resolve()
    if path.suffix != ".html" or not path.is_file() or not path.is_relative_to(site.resolve()):
        raise UsageError("E-OPTION", f"The site has no page {page}.", fix="a page of the site, such as index.html")
    parser = _Inliner(site.resolve(), path.parent)
    parser.feed(path.read_text(encoding="utf-8"))
    parser.close()
    data = parser.text().encode()
    if len(data) > MAX_BYTES:
        why = f"it would have {len(data)} bytes, and the most is {MAX_BYTES}"
        raise Refused("E-PUBLISH", f"{page} is too large for one file.", why=why, fix="--media none, or another page")
    return data


class _Inliner(HTMLParser):
    """Copies a page of ours; only tags that load or lead somewhere are rewritten."""

    def __init__(self, site: Path, folder: Path) -> None:
        super().__init__(convert_charrefs=False)
        self._site, self._folder = site, folder
        self._parts: list[str] = []
        self._scripts: list[str] = []
        self._styles: list[str] = []
        self._policy_at = -1
        self._skipping = ""

    def text(self) -> str:
        """The page as far as it has been read."""
        digests = [[_digest(text) for text in texts] for texts in (self._scripts, self._styles)]
        policy = escape(inline_policy(*digests), quote=True)
        self._parts[self._policy_at] = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        return "".join(self._parts)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._skipping:
            return
        found = {name: value or "" for name, value in attrs}
        rewritten = self._rewritten(tag, found)
        self._parts.append(self.get_starttag_text() or "" if rewritten is None else rewritten)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if self._skipping:
            self._skipping = "" if tag == self._skipping else self._skipping
            return
        if tag == "body":  # a script that stands here runs when the page is there, as a deferred one does
            self._parts += [f"<script>{text}</script>" for text in self._scripts]
        self._parts.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        self._keep(data)

    def handle_entityref(self, name: str) -> None:
        self._keep(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self._keep(f"&#{name};")

    def handle_decl(self, decl: str) -> None:
        self._keep(f"<!{decl}>")

    def _keep(self, text: str) -> None:
        if not self._skipping:
            self._parts.append(text)

    def _rewritten(self, tag: str, found: dict[str, str]) -> str | None:
        """What stands for a tag; None for the tag as it is."""
        if tag == "meta" and found.get("http-equiv") == "Content-Security-Policy":
            self._policy_at = len(self._parts)
            return ""
        if tag == "a" and not found.get("href", "#").startswith(("#", "https:")):
            return _tag("a", {name: value for name, value in found.items() if name not in ("href", "rel")})
        if "data-pairs" in found:  # the way to the pages that its script would link to
            return _tag(tag, {**found, "data-pairs": ""})
        makers = {"link": self._link, "script": self._script, "video": self._video, "img": self._picture}
        return makers[tag](found) if tag in makers else None

    def _script(self, found: dict[str, str]) -> str:
        self._scripts.append(self._read(found["src"]).decode())
        self._skipping = "script"
        return ""

    def _video(self, found: dict[str, str]) -> str:
        self._skipping = "video"
        return self._picture({**found, "src": found["poster"], "alt": found["aria-label"]})

    def _link(self, found: dict[str, str]) -> str:
        if found["rel"] == "alternate":
            return ""  # a feed is of a site, and a file has none
        if found["rel"] != "stylesheet":
            return _tag("link", {**found, "href": self._data(found["href"])})
        self._styles.append(self._read(found["href"]).decode())
        return f"<style>{self._styles[-1]}</style>"

    def _picture(self, found: dict[str, str]) -> str:
        wanted = ("class", "width", "height", "alt")
        kept = {name: value for name, value in found.items() if name in wanted}
        return _tag("img", {**kept, "src": self._data(found["src"])})

    def _data(self, link: str) -> str:
        kind = TYPES[Path(urlsplit(link).path).suffix]
        return f"data:{kind};base64,{base64.b64encode(self._read(link)).decode()}"

    def _read(self, link: str) -> bytes:
        return (self._folder / urlsplit(link).path).read_bytes()


def _tag(name: str, attributes: dict[str, str]) -> str:
    return f"<{name}{''.join(f' {key}={chr(34)}{escape(value)}{chr(34)}' for key, value in attributes.items())}>"


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
