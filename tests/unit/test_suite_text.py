"""The text of a ``suite.toml``."""

from __future__ import annotations

import importlib.resources
import re
import tomllib
from pathlib import Path

import pytest

from harness.model import Item, Protocol, Suite
from harness.suite import FILE, load_suite, suite_names
from harness.suite_text import as_toml

OWN = {"slug", "prompt", "image_sha256", "motion_bucket", "tags"}


@pytest.mark.parametrize("name", suite_names())
def test_the_file_of_every_suite_is_what_would_be_written(name: str) -> None:
    folder = Path(str(importlib.resources.files("harness.suites"))) / name.replace("-", "_")
    text = (folder / FILE).read_text()
    table = tomllib.loads(text)
    module = re.findall(r"python -m ([\w.]+)", text.splitlines()[0])[0]
    extras = [{field: value for field, value in item.items() if field not in OWN} for item in table["items"]]
    clips = table["reference"].pop("clips")
    suite, variants = load_suite(name).suite, table.get("variants", "")
    assert as_toml(suite, module, extras, clips=clips, reference=table["reference"], variants=variants) == text


def test_what_is_written_reads_back() -> None:
    item = Item("000-quote", 'a "quoted" — façade', "ab" * 32, 7, ("one", "two"))
    suite = Suite("any", 3, "s", Protocol(num_frames=2, height=8, width=16, fps=5), (item,), (0, 1))
    read = tomllib.loads(as_toml(suite, "a.module", [{"file": "x.jpg"}], reference={"first": 9}, variants="all,-x"))
    assert read == {
        "name": "any", "version": 3, "digest": suite.key, "summary": "s", "seeds": [0, 1], "variants": "all,-x",
        "protocol": vars(suite.protocol), "reference": {"first": 9, "clips": []},
        "items": [
            {
                "slug": "000-quote", "prompt": 'a "quoted" — façade', "file": "x.jpg", "image_sha256": "ab" * 32,
                "motion_bucket": 7, "tags": ["one", "two"],
            }
        ],
    }  # fmt: skip


def test_every_item_needs_its_fields() -> None:
    suite = load_suite("mini").suite
    with pytest.raises(ValueError, match="zip"):
        as_toml(suite, "a.module", [{}])
