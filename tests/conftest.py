"""Settings that all tests share."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes depends on what else the machine does; pytest-timeout bounds the whole test.
settings.register_profile("project", deadline=None)
settings.load_profile("project")

# Torch and its neighbours are a million objects that never go: looking through them less often is a tenth of the time.
gc.set_threshold(50_000, 20, 50)

ROOT = Path(__file__).parent
# Each of these groups is one process's: it imports diffusers, which takes ten seconds, or keeps one browser open.
GROUPS = {
    "diffusers": ("exvideo/", "e2e/test_mini_rows.py"),
    "browser": tuple(f"site/test_{name}.py" for name in ("accessibility", "browser", "players", "single_and_serve")),
}


def group(item: pytest.Item) -> str:
    """Tests of one group run in one process: those of a file, whose fixtures they share, or of a group above."""
    path = item.path.relative_to(ROOT).as_posix()
    return next((name for name, starts in GROUPS.items() if path.startswith(starts)), path)


@pytest.hookimpl(tryfirst=True)  # before xdist looks for the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the groups for ``--dist loadgroup``, and put the large ones first, so that none is begun last."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(group(item)))
    items.sort(key=lambda item: group(item) not in GROUPS)
