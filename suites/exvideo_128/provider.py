"""The pixels of exvideo-128@1: the pictures in this folder. There are no real videos of them, nor a reference set."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.suite_pictures import Pictures

FOLDER = Path(__file__).parent


def make_provider(table: Mapping[str, Any]) -> Pictures:
    """The provider for a parsed ``suite.toml``."""
    return Pictures(FOLDER)
