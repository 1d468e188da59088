from __future__ import annotations

from pathlib import Path

import pytest

from tests.exvideo.bases import save_base


@pytest.fixture(scope="session")
def svd_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_base(tmp_path_factory.mktemp("svd"), tiny=False)


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_base(tmp_path_factory.mktemp("tiny"), tiny=True)
