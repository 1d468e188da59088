"""exvideo-bench: an evaluation harness and leaderboard for post-tuned ExVideo configurations."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.notebook import load

__version__ = "0.1.0"
__all__ = ["__version__", "load"]


def __getattr__(name: str) -> Any:
    """`load` comes with its imports when it is first used: command line and workers start without them."""
    if name == "load":
        return importlib.import_module("harness.notebook").load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
