"""Settings that all tests share."""

from __future__ import annotations

from hypothesis import settings

# How long an example takes depends on what else the machine does; pytest-timeout bounds the whole test.
settings.register_profile("project", deadline=None)
settings.load_profile("project")
