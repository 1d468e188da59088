"""A calibration as a table: a metric a row, a kind of fault a column."""

from __future__ import annotations

from collections.abc import Sequence

from harness.calibration import MIN_EFFECT, MIN_RELATIVE, MIN_RHO, MIN_SHARE, Calibration, Response
from harness.table_text import markdown, signed, with_arrow

SIGNS = {"sees": "●", "reversed": "✗", "uneven": "◐", "ignores": "·", "undefined": "n/a"}
LEGEND = (
    f"● sees the fault · ✗ rewards it · ◐ answers unevenly · {SIGNS['ignores']} changes by less than {MIN_EFFECT:g} "
    f"SD between items, or {MIN_RELATIVE:.0%}, at every step",
    f"numbers: Spearman's correlation of step and mean, at least {MIN_RHO:g} for ● and ✗; "
    f"n/a: fewer than {MIN_SHARE:.0%} of the items have a value",
)


def title(found: Calibration) -> str:
    """Which suite, over how many items."""
    return (
        f"Calibration on {found.suite} · n = {found.n_items} item{'s' * (found.n_items != 1)} without and with faults"
    )


def headers(found: Calibration, kinds: Sequence[str] = ()) -> list[str]:
    """The head of the table."""
    return ["metric", *(kinds or found.faults)]


def rows(found: Calibration, kinds: Sequence[str] = ()) -> list[list[str]]:
    """The body of the table, all faults or some."""
    wanted = kinds or tuple(found.faults)
    return [
        [with_arrow(metric.label, metric.better), *(cell(metric.to(kind)) for kind in wanted)]
        for metric in found.metrics
    ]


def cell(response: Response) -> str:
    """``● +1.00``: what the metric does with the fault, and how much in step."""
    sign = SIGNS[response.verdict]
    return sign if response.verdict in ("ignores", "undefined") else f"{sign} {signed(response.rho or 0.0, 2)}"


def notes(found: Calibration) -> list[str]:
    """What the signs mean, and how strong the faults are."""
    strengths = [
        f"  {kind}: {', '.join(f'{row.strength:g}' for row in steps)}   {steps[0].summary.partition(':')[0]}"
        for kind, steps in found.faults.items()
    ]
    return [*LEGEND, "strengths of the steps:", *strengths]


def as_markdown(found: Calibration) -> str:
    """The table with its notes."""
    return "\n".join([title(found), "", markdown(headers(found), rows(found)), "", *LEGEND])
