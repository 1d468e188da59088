"""What an ablation found, in sentences that are made from its numbers and say no more than they do."""

from __future__ import annotations

from harness.ablation import Answer, Finding
from harness.site_text import MINUS, half_width, number
from harness.table_text import p_text

SENSES = ("better", "worse", "lowers it", "raises it")


def sentence(finding: Finding, level: float = 0.95) -> str:
    """One effect on one metric, which stands beside it: what was seen with its interval, or could have been seen."""
    answer = finding.answer
    if finding.verdict == "not tested":
        return f"{signed(answer)}, not tested: a file lacks the values of the jackknife."
    if finding.verdict == "no effect seen":
        seen = f"; one test of this size could have seen {half_width(answer.detectable)}" if answer.detectable else ""
        told = f"{signed(answer)}, {_interval(answer, level)}, n {answer.n}, adjusted p {_p(answer)}"
        return f"no difference seen ({told}){seen}."
    sense = _sense(finding)
    return (
        f"{signed(answer)} ({_interval(answer, level)}, n {answer.n}, adjusted p {_p(answer)})"
        f"{f': {sense}' if sense else ''}."
    )


def signed(answer: Answer) -> str:
    """The difference with its sign, to the digits that its interval allows."""
    text = number(abs(answer.value), _room(answer))
    if float(answer.value) == 0:
        return "0"
    return ("+" if answer.value > 0 else MINUS) + text


def _sense(finding: Finding) -> str:
    if finding.effect.kind == "interaction":
        return "the two parts do not simply add up"
    return finding.verdict if finding.verdict in SENSES else ""


def _interval(answer: Answer, level: float) -> str:
    if answer.low is None or answer.high is None:
        return "no interval"
    room = _room(answer)
    return f"{100 * level:g} % interval {number(answer.low, room)} to {number(answer.high, room)}"


def _room(answer: Answer) -> float | None:
    return None if answer.low is None or answer.high is None else (answer.high - answer.low) / 2 or None


def _p(answer: Answer) -> str:
    return p_text(answer.p_adjusted)
