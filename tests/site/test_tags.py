"""The quick reading of a page's tags finds what the parser of the standard library finds, or leaves the page to it."""

from __future__ import annotations

import random

import pytest

from harness.site_tags import quickly, slowly, start_tags
from tests.site.conftest import Site

PLAIN = (
    '<!doctype html>\n<html lang="en"><head><title>a &lt;b&gt;</title><meta charset="utf-8">'
    '<script src="a.js" defer></script></head>\n<body><p id="x" CLASS="a b">1 &amp; 2<br/><A href="b.html?a=1&amp;b=2">'
    '</a>\n<svg viewBox="0 0 1 1"><path d="M0 0"/></svg><noscript><a href="c.html">c</a></noscript></body></html>'
)
HOSTILE = (
    *(
        "<",
        ">",
        '"',
        "'",
        "&",
        "=",
        "/",
        "<!--",
        "-->",
        "<!-- <a href='x'> -->",
        "<?",
        "<![CDATA[",
        "<!",
        "</",
        "</ p>",
    ),
    *("<a href=https://other.host>", "<a href='x'>", '<a href="<b>">', '<a href="a>b">', '<a x="1"y="2">', "<a\fb>"),
    *('<script src="x"><a href="y"></script>', "<script>1</script>", "<style>p{}</style>", "<textarea><a></textarea>"),
    *(
        '<script src="x"/>',
        "<SCRIPT>",
        "</SCRIPT >",
        "<title><b></title>",
        "<a href>",
        '<a href="1" href="2">',
        "<p / q>",
    ),
    *(
        "<a\u00a0b>",
        "<img/src=x>",
        '<a href = "x">',
        "<1>",
        "<>",
        "</>",
        "<a:b>",
        "<a-b>",
        "</p q>",
        "&lt;a&gt;",
        "\x00",
    ),
)


def test_every_page_is_read_quickly_and_as_the_parser_reads_it(site: Site) -> None:
    for path in site.folder.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert quickly(text) == slowly(text), path.name


def test_plain_markup_is_read_as_the_parser_reads_it() -> None:
    found = quickly(PLAIN)
    assert found == slowly(PLAIN) == start_tags(PLAIN)
    assert ("a", (("href", "b.html?a=1&b=2"),)) in found


@pytest.mark.parametrize("fragment", HOSTILE)
def test_hostile_markup_hides_nothing(fragment: str) -> None:
    rng = random.Random(fragment)
    for _ in range(100):
        text = PLAIN
        for part in [fragment, *rng.choices(HOSTILE, k=rng.randrange(3))]:
            place = rng.randrange(len(text) + 1)
            text = text[:place] + part + text[place + rng.randrange(3) :]
        assert quickly(text) in (None, slowly(text)), text
        assert start_tags(text) == slowly(text)
