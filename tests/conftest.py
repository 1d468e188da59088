"""Settings that all tests share."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from tests.bucket import opened

# How long an example takes depends on what else the machine does; pytest-timeout bounds the whole test.
settings.register_profile("project", deadline=None)
settings.load_profile("project")

gc.disable()  # until all tests are collected, see the end of this file

BROWSING = ("accessibility", "any_pair", "browser", "budgets", "players", "single_and_serve")
# Each of these groups is one process's: it imports diffusers, which takes ten seconds, or keeps one browser open.
GROUPS = {
    "diffusers": ("exvideo/", "e2e/test_mini_rows.py", "e2e/test_model_rows.py"),
    "browser": tuple(f"site/test_{name}.py" for name in BROWSING),
}


def group(nodeid: str) -> str:
    """Tests of one group run in one process: those of a file, whose fixtures they share, or of a group above."""
    path = nodeid.partition("::")[0].removeprefix("tests/")
    return next((name for name, starts in GROUPS.items() if path.startswith(starts)), path)


class ByGroup(LoadScopeScheduling):  # type: ignore[misc]  # xdist says nothing of its types
    """Gives the processes groups to do. (xdist's own ``loadgroup`` does not see the groups with pytest 9.2.)"""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)


@pytest.hookimpl(optionalhook=True)  # there is none with ``-p no:xdist``
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByGroup:
    return ByGroup(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the groups first, so that nothing large is begun last."""
    items.sort(key=lambda item: group(item.nodeid) not in GROUPS)


@pytest.fixture
def bucket() -> Iterator[str]:
    """The URL of a folder in a bucket."""
    with opened() as url:
        yield url


def pytest_collection_finish() -> None:
    """Torch and its neighbours are a million objects that never go: no collection of garbage looks through them."""
    gc.freeze()
    gc.enable()
