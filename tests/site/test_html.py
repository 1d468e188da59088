"""Pages are valid HTML as far as a parser can tell: no parse error, and no element out of its place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

import pytest
from tinyhtml5.parser import HTMLParser

from tests.site.conftest import Site

PHRASING = {*("p", "span", "em", "strong", "abbr", "code", "label", "button", "h1", "h2", "h3", "h4", "h5")}
FLOW = {
    *("p", "div", "section", "article", "figure", "nav", "form", "table", "dl", "ul", "ol", "pre", "details", "main"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "header", "footer"),
}
INTERACTIVE = {"a", "button", "label", "select", "input", "summary", "details"}
PARTS = {
    "dl": {"div", "dt", "dd"},
    "ul": {"li"},
    "ol": {"li"},
    "tr": {"th", "td"},
    "table": {"caption", "thead", "tbody", "tfoot", "colgroup"},
    "select": {"option", "optgroup"},
}
REFERENCES = ("for", "aria-labelledby", "aria-describedby", "aria-controls")


def name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def problems(text: str) -> Iterator[str]:
    """What is wrong with a page, in the words of a person who must find it."""
    parser = HTMLParser()
    tree = parser.parse(text)
    for (line, column), code, what in parser.errors:
        yield f"line {line}, column {column}: {code} {what}"
    ids = {element.get("id") for element in tree.iter()}
    for element in tree.iter():
        below = [name(each) for each in element.iter() if each is not element and "svg" not in str(each.tag)]
        if name(element) in PHRASING and (wrong := FLOW.intersection(below)):
            yield f"<{name(element)}> holds {sorted(wrong)}"
        if name(element) in ("a", "button") and (wrong := INTERACTIVE.intersection(below)):
            yield f"<{name(element)}> holds {sorted(wrong)}, which is interactive as well"
        if (parts := PARTS.get(name(element))) and (odd := {name(child) for child in element} - parts):
            yield f"<{name(element)}> has the children {sorted(odd)}"
        missing = [r for attribute in REFERENCES for r in (element.get(attribute) or "").split() if r not in ids]
        if missing:
            yield f"<{name(element)}> refers to {missing}, which is not there"


def test_pages_are_valid(kinds: tuple[Path, ...]) -> None:
    found = [f"{path.parent.name}/{path.name}: {problem}" for path in kinds for problem in problems(path.read_text())]
    assert found == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("</nav>", "</div>", "end-tag-too-early"),
        ("</section>", "", "end-tag-too-early"),
        ("<h1>", "<h1><div></div>", "<h1> holds ['div']"),
        ("</table>", "<p>out of place</p></table>", "unexpected-start-tag"),
        ('<main id="content"', '<main id="content" id="twice"', "duplicate-attribute"),
        ("<thead", '<caption aria-labelledby="nothing"></caption><thead', "refers to ['nothing']"),
    ],
)
def test_what_is_not_valid_is_found(site: Site, old: str, new: str, told: str) -> None:
    text = (site.folder / "index.html").read_text()
    assert old in text
    assert any(told in problem for problem in problems(text.replace(old, new, 1)))
