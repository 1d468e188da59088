"""Every error code has a page, and every page a code."""

from __future__ import annotations

import re
from pathlib import Path

from harness.codes import PAGES

ROOT = Path(__file__).parents[2]
SOURCES = [p for folder in ("harness", "variants", "metrics", "suites") for p in (ROOT / folder).rglob("*.py")]
CODE = re.compile(r'"(E-[A-Z]+(?:-[A-Z]+)*)"')


def used() -> set[str]:
    return {code for path in SOURCES if path.name != "codes.py" for code in CODE.findall(path.read_text())}


def test_every_code_in_use_has_a_page() -> None:
    assert used() - set(PAGES) == set()


def test_every_page_is_about_a_code_in_use() -> None:
    assert set(PAGES) - used() == set()


def test_pages_are_short_enough_to_read() -> None:
    assert all(20 < len(page) < 600 and max(map(len, page.splitlines())) <= 120 for page in PAGES.values())
