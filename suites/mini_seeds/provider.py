"""The pixels of mini-seeds@1, which are those of mini@1."""

from __future__ import annotations

from ..mini.provider import make_provider

__all__ = ["make_provider"]
