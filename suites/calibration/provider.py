"""The pixels of calibration@1: free scenes of the mini suite's world, which move in every direction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..mini import provider
from ..mini.world import sample_free_scene


def make_provider(table: Mapping[str, Any]) -> provider.World:
    """The provider for a parsed ``suite.toml``."""
    return replace(provider.make_provider(table), draw=sample_free_scene)
