"""The laws at the hand of a plugin's own tests. Apart from `harness.acceptance`, which loads what a worker does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.acceptance import Verdict


def check_plugin(path: str | Path, suite: str = "mini") -> list[Verdict]:
    """Put all that a plugin file registers to its laws, as `harness validate FILE.py` does.

    A verdict has ``kind``, ``label``, the laws it ``kept``, its ``findings`` (``law``, ``specimen``, ``message``), and
    in ``skipped`` why it could not be tried on this machine. `harness.acceptance.examine_plugin` has the details.

    Raises:
        UsageError: E-PLUGIN, the file cannot be loaded or registers nothing; E-UNKNOWN, there is no such suite.
    """
    from harness.acceptance import examine_plugin

    return examine_plugin(path, suite)
