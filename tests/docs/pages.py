"""What the documentation shows: its commands, its files, its links."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"`([\w./-]+\.py)`[^`]*:$")
INLINE = re.compile(r"`(harness [^`]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block, with the name of the file that it is when the text before it gives one."""

    language: str
    text: str
    file: str


def pages() -> list[Path]:
    """Every page for people."""
    top = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")]
    return [*top, *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "examples").rglob("*.md"))]


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    for match in FENCE.finditer(text):
        named = NAMED.search(text[: match.start()].rstrip())
        yield Block(match[1], match[2], named[1] if named else "")


def shell(block: str) -> Iterator[list[str]]:
    """The commands of a block of shell, split into words; comments, assignments and scheduler lines left out."""
    for line in block.replace("\\\n", " ").splitlines():
        for part in line.split("&&"):
            words = shlex.split(part, comments=True)
            if words:
                yield words


def shown(page: Path) -> Iterator[list[str]]:
    """Every harness command that a page shows, in blocks and in sentences."""
    for block in blocks(page):
        if block.language in ("sh", "console"):
            yield from (words for words in shell(block.text) if words[0] == "harness")
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for match in INLINE.finditer(text):
        yield " ".join(match[1].split()).split(" ")


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
