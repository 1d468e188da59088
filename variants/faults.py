"""Graded faults: real clips spoiled in known amounts, to show what each metric sees. No model.

``fault-none`` is the real clip, step 0 of every fault; ``fault-<kind>-<step>`` has ``strength`` of its kind, which
grows from step 1 to step 5 (`_faults.FAULTS`). `harness run --suite calibration` makes all of them, and its table says
which metric sees, ignores or rewards which fault.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.api import Frames, Generator, ItemError, Needs, Request, variant

from ._faults import FAULTS

FAMILY, ROLE = "fault", "control"
SUITES = ("calibration", "calibration-*")
FASTER = "speed"  # the one kind that needs frames beyond the end of the clip


@dataclass(frozen=True)
class _Spoiled:
    """Gives the real clip with a fault; ``kind`` empty for none."""

    kind: str
    strength: float

    def generate(self, request: Request) -> Frames:
        clip = request.real() if self.kind != FASTER else request.longer(_frames(request, self.strength))
        if clip is None:
            raise ItemError("E-NO-REAL", "The suite has no real clip of this length.", where=request.item.slug)
        return FAULTS[self.kind].apply(clip, self.strength, request.noise) if self.kind else clip


def _frames(request: Request, times: float) -> int:
    return request.protocol.num_frames * round(times)


@dataclass(frozen=True)
class Fault:
    """A step of a kind of fault."""

    kind: str
    step: int
    strength: float

    def needs(self) -> Needs:
        """The real clip, or a longer one."""
        return Needs(real=True, real_times=round(self.strength) if self.kind == FASTER else 1)

    def load(self, device: str) -> Generator:
        """What spoils clips."""
        return _Spoiled("" if self.kind == "none" else self.kind, self.strength)


def _register(name: str, summary: str, what: str, number: int, amount: float) -> None:
    @variant(name, revision=1, family=FAMILY, role=ROLE, suites=SUITES, summary=summary)
    class Step(Fault):
        def __init__(self, kind: str = what, step: int = number, strength: float = amount) -> None:
            super().__init__(kind, step, strength)


_register("fault-none", "the real clip without any fault: step 0 of every other", "none", 0, 0.0)
for _kind, _fault in FAULTS.items():
    for _step, _strength in enumerate(_fault.strengths, start=1):
        _text = f"{_fault.summary}: {_strength:g} {_fault.unit}"
        _register(f"fault-{_kind}-{_step}", _text, _kind, _step, _strength)
