"""What a metric may declare about its answer to a changed clip: ``@metric(..., responds={"flicker": "worse"})``.

A declaration is a promise that `harness.laws` holds the metric to. What is not declared is not checked, but a metric
that calls a side better has to declare one response that shows which: a best, worst or worse.

    still    the first frame held     best | worst | zero | undefined | marked
    shuffle  frames 1, 2, ... mixed   worse | same
    flicker  brightness +-8 %         worse | same
    cut      another scene half-way   worse | same
    flip     clip and image mirrored  same

``worse`` is in the direction of ``better``, or not measurable any more; ``same`` is within a few percent; ``marked`` is
a value beside a detail ``degenerate`` of 1, which tells a reader that the value is no merit.
"""

from __future__ import annotations

from collections.abc import Mapping

RESPONSES: Mapping[str, tuple[str, ...]] = {
    "still": ("best", "worst", "zero", "undefined", "marked"),
    "shuffle": ("worse", "same"),
    "flicker": ("worse", "same"),
    "cut": ("worse", "same"),
    "flip": ("same",),
}
NEED_A_DIRECTION = ("best", "worst", "worse")


def problem(responds: Mapping[str, str], better: str, scope: str) -> str:
    """Why a declaration cannot be accepted for a metric of this direction and scope; empty where it can."""
    if responds and scope != "video":
        return "declares responses, which only a video metric can: a set has no single clip to change"
    for change, answer in responds.items():
        if change not in RESPONSES:
            return f"responds names no change '{change}', there are {', '.join(RESPONSES)}"
        if answer not in RESPONSES[change]:
            return f"responds to {change} with '{answer}', it can be {', '.join(RESPONSES[change])}"
        if answer in NEED_A_DIRECTION and better == "none":
            return f"responds to {change} with '{answer}', but neither side is better"
    return ""
