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
# What these import takes ten seconds of a processor, so one process runs them all.
WITH_DIFFUSERS = ("exvideo/", "e2e/test_mini_rows.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """For ``--dist loadgroup``: a file's tests stay together, for its fixtures; those with diffusers come first."""
    for item in items:
        path = item.path.relative_to(ROOT).as_posix()
        item.add_marker(pytest.mark.xdist_group("diffusers" if path.startswith(WITH_DIFFUSERS) else path))
    items.sort(key=lambda item: not item.path.relative_to(ROOT).as_posix().startswith(WITH_DIFFUSERS))
