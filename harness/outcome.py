"""What a run did, for whoever shows it and for its exit code."""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.errors import HarnessError
from harness.redo import Redone


@dataclass(frozen=True)
class Failed:
    """One piece of work that was given up.

    ``row`` is the variant, empty for what belongs to none, ``subject`` the metric or extractor. ``log`` is the file
    that has the traceback, empty where there is none.
    """

    label: str
    stage: str
    code: str
    message: str
    fix: str = ""
    row: str = ""
    subject: str = ""
    log: str = ""


@dataclass
class Outcome:
    """What a run did. ``left`` are pieces of work that are still to do: videos, measurements of a video, sets.

    ``stopped`` is why it ended early by itself; ``interrupted`` that the user ended it.
    """

    made: int = 0
    scored: int = 0
    failed: list[Failed] = field(default_factory=list)
    redone: list[Redone] = field(default_factory=list)
    left: int = 0
    interrupted: bool = False
    stopped: HarnessError | None = None

    @property
    def unfinished(self) -> bool:
        """Whether the same command would go on."""
        return bool(self.left or self.failed or self.interrupted or self.stopped)
