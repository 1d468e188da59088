"""The start tags of a page, for checking it: what `html.parser` finds, in a fraction of its time.

Our templates write plain HTML, of which regular expressions can read every tag. A page that has anything else (a
comment, a stray ``<``, an unquoted attribute, markup inside a script) is read by the parser, so that both always agree.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from html import unescape
from html.parser import HTMLParser
from itertools import pairwise

Attributes = tuple[tuple[str, str], ...]  # names in lower case, values unescaped; without a value: ""
Tag = tuple[str, Attributes]

_MARKUP = re.compile(r"<([^<>]*)>")
_START = re.compile(r"([a-zA-Z][a-zA-Z0-9]*)((?:[ \n\t]+[a-zA-Z][-:a-zA-Z0-9]*(?:=\"[^\"]*\")?)*)[ \n\t]*/?")
_OTHER = re.compile(r"/[a-zA-Z][a-zA-Z0-9]*|!(?i:doctype) html")
_ATTRIBUTE = re.compile(r"([a-zA-Z][-:a-zA-Z0-9]*)(?:=\"([^\"]*)\")?")
# In these the parser, in some of its versions, takes markup for text: between them there must be none.
_RAW = frozenset(("script", "style", "title", "textarea", "iframe", "noembed", "noframes", "plaintext", "xmp"))


def start_tags(text: str) -> Counter[Tag]:
    """How often every start tag of a page is there, in the order in which they are first."""
    found = quickly(text)
    return slowly(text) if found is None else found


def quickly(text: str) -> Counter[Tag] | None:
    """`start_tags` of a page that is plain throughout; None of any other."""
    markup: list[str] = _MARKUP.findall(text)
    if len(markup) != text.count("<"):  # as many means that each begins a match, since no match has a second one
        return None
    counts = Counter(markup)
    tags: Counter[Tag] = Counter()
    raw = {}
    for inner, count in counts.items():
        read = _read(inner)
        if read is None:
            return None
        for tag in read:
            tags[tag] += count
            if tag[0] in _RAW:
                raw[inner] = f"/{tag[0]}"
    if any(here in raw and after.lower() != raw[here] for here, after in pairwise([*markup, ""])):
        return None
    return tags


def slowly(text: str) -> Counter[Tag]:
    """`start_tags` by the parser of the standard library."""
    parser = _Parser()
    parser.feed(text)
    return Counter(parser.tags)


@lru_cache(maxsize=4096)
def _read(inner: str) -> tuple[Tag, ...] | None:
    """What stands between < and >: one start tag, none in what else is plain, None of what is not."""
    start = _START.fullmatch(inner)
    if start is None:
        return () if _OTHER.fullmatch(inner) else None
    return ((start[1].lower(), tuple((n.lower(), unescape(v)) for n, v in _ATTRIBUTE.findall(start[2]))),)


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[Tag] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple((name, value or "") for name, value in attrs)))
