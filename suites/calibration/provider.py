"""The pixels of calibration@1: free scenes of the mini suite's world, which move in every direction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..mini.provider import World
from ..mini.world import sample_free_scene


def make_provider(table: Mapping[str, Any]) -> World:
    """The provider for a parsed ``suite.toml``."""
    reference = table["reference"]
    return World(int(reference["first_seed"]), len(reference["clips"]), sample_free_scene)
