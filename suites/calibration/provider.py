"""The pixels of calibration@1: the world of the mini suite, drawn to any length."""

from ..mini.provider import make_provider

__all__ = ["make_provider"]
