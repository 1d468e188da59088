"""The suites that come with the harness: a folder each, with ``suite.toml``, ``provider.py`` and ``CARD.md``."""

from harness.suite import LoadedSuite, Provider, load_suite, read_suite, suite_names

__all__ = ["LoadedSuite", "Provider", "load_suite", "read_suite", "suite_names"]
