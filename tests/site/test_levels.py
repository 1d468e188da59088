"""How a result was checked is said where it is shown."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from harness.render import publish
from tests.site.synthetic import LOOKS, result, small_suite, write_result


def test_a_result_that_a_maintainer_made_says_so_on_the_board(tmp_path: Path) -> None:
    path = write_result(tmp_path / "published", result(small_suite(3), LOOKS[0]))
    publish([tmp_path / "published"], None, tmp_path / "public", "none")
    assert "a maintainer of this project made this result" not in (tmp_path / "public/index.html").read_text("utf-8")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    (tmp_path / "MAINTAINED").write_text(f"{digest}  {path.relative_to(tmp_path)}\n")
    publish([tmp_path / "published"], None, tmp_path / "public", "none")
    page = (tmp_path / "public/index.html").read_text("utf-8")
    assert re.search(r'<abbr class="flag checked" title="a maintainer [^"]*">maintained</abbr>', page)
