"""A registry of a test's own: the process's one, emptied or as it is, and put back afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from harness import registry


@contextmanager
def registry_apart(*, empty: bool = False) -> Iterator[registry.Registry]:
    """The registry for a while; modules of the built-in folders register once, so they are loaded before."""
    held = registry.load_plugins()
    parts: list[Any] = [held.variants, held.metrics, held.extractors, held.broken, held.files]
    kept = [part.copy() for part in parts]
    if empty:
        for part in parts:
            part.clear()
    try:
        yield held
    finally:
        for part, before in zip(parts, kept, strict=True):
            part.clear()
            part.update(before) if isinstance(part, dict) else part.extend(before)
