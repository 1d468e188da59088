from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.exvideo.bases import save_base
from tests.exvideo.nursery import Nursery, opened


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    with opened() as nursery:
        yield nursery


@pytest.fixture(scope="session")
def svd_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_base(tmp_path_factory.mktemp("svd"), tiny=False)


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_base(tmp_path_factory.mktemp("tiny"), tiny=True)


@pytest.fixture(scope="session")
def world_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base for the procedural world: stride 8, so 64x64 images are 8x8 latents."""
    return save_base(tmp_path_factory.mktemp("world"), tiny=True, levels=4)
