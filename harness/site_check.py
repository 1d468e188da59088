"""What must hold for a finished site: links lead somewhere inside it, nothing comes from another host, every page
carries its content security policy. Used before a site goes live and by the tests.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from harness.site_tags import Tag, start_tags

LINKS = {"href", "src", "poster", "srcset", "data", "action", "formaction", "xlink:href"}
INLINE = {"script", "style"}


@dataclass
class SiteCheck:
    """Pages and links that were checked, the largest page as (path, bytes), and what is wrong, one line each."""

    pages: int = 0
    links: int = 0
    largest: tuple[str, int] = ("", 0)
    problems: list[str] = field(default_factory=list)


def check_site(folder: Path) -> SiteCheck:
    """Check every page of a finished site."""
    files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    pages = {name: _parse(path) for name, path in files.items() if name.endswith(".html")}
    result = SiteCheck(len(pages))
    for name, page in pages.items():
        size = files[name].stat().st_size
        if size > result.largest[1]:
            result.largest = name, size
        result.problems += [f"{name}: {problem}" for problem in page.problems]
        if not page.policy:
            result.problems.append(f"{name}: no content security policy")
        for (tag, link), count in page.links.items():
            result.links += count
            problem = _problem(files.keys(), name, tag, link, pages)
            if problem:
                result.problems.append(f"{name}: {link} {problem}")
    return result


class _Page:
    """What is asked of one page. ``anchors`` are its ids."""

    def __init__(self, tags: Mapping[Tag, int]) -> None:
        self.links: Counter[tuple[str, str]] = Counter()
        self.anchors: set[str] = set()
        self.problems: list[str] = []
        self.policy = False
        for (tag, attributes), count in tags.items():
            if attributes or tag in INLINE:
                self._add(tag, dict(attributes), count)

    def _add(self, tag: str, found: dict[str, str], count: int) -> None:
        if found.get("http-equiv") == "Content-Security-Policy":
            self.policy = "default-src 'none'" in found.get("content", "")
        if "id" in found:
            if count > 1 or found["id"] in self.anchors:
                self.problems.append(f"the id {found['id']} appears twice")
            self.anchors.add(found["id"])
        for name, value in found.items():
            if name in LINKS:
                self.links[tag, value] += count
            elif name == "style" or name.startswith("on"):
                self.problems.append(f"inline {name} on <{tag}>")
        if tag == "style" or (tag == "script" and "src" not in found):
            self.problems.append(f"inline <{tag}>")


def _parse(path: Path) -> _Page:
    return _Page(start_tags(path.read_text(encoding="utf-8")))


def _problem(files: Container[str], page: str, tag: str, link: str, pages: Mapping[str, _Page]) -> str:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        outside = tag == "a" and parts.scheme == "https"
        return "" if outside else "leads to another host or scheme"
    if link.startswith("/"):
        return "is not relative"
    target = _resolve(page.rpartition("/")[0], unquote(parts.path)) if parts.path else page
    if target is None or target not in files:
        return "leads nowhere"
    if parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
        return "names an anchor that does not exist"
    return ""


@lru_cache(maxsize=4096)
def _resolve(folder: str, path: str) -> str | None:
    """The target of a page in ``folder``, relative to the site, or None when it climbs out of it."""
    steps: list[str] = list(PurePosixPath(folder).parts)
    for part in PurePosixPath(path).parts:
        if part == "..":
            if not steps:
                return None
            steps.pop()
        else:
            steps.append(part)
    return "/".join(steps)


def total_bytes(paths: Iterable[Path]) -> int:
    """Bytes of all files among ``paths``."""
    return sum(path.stat().st_size for path in paths if path.is_file())
