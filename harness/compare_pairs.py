"""Which videos of two or more results are paired, and which are left out of a comparison, and why. Pure.

A pair is an item and a seed for which every result has a value of the metric.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.model import Score
from harness.submission import Submission

Reasons = Mapping[str, tuple[str, ...]]  # why -> which, in the suite's order
Table = Mapping[tuple[str, int], Score]  # by item and seed


@dataclass(frozen=True)
class LeftOut:
    """What a comparison of A and B on one metric does without, by reason.

    ``one``: items that only the other side has a value for, missing at A and at B. ``both``: items without a value on
    either side. ``apart``: items with values on both sides, of different seeds. ``videos``: of items that are compared,
    the videos (``003 s1``) that are not, because a side has no value; seeds of which a side has no video at all are
    not among them (`absent_seeds`).
    """

    one: tuple[Reasons, Reasons] = ({}, {})
    both: Reasons = field(default_factory=dict)
    apart: tuple[str, ...] = ()
    videos: Reasons = field(default_factory=dict)


def paired_cells(
    submissions: Sequence[Submission], metric: str, window: int | None = None
) -> dict[str, list[tuple[float, ...]]]:
    """For every item, in order of the suite, one tuple of values a seed: of seeds that all ``submissions`` have.

    With ``window``, the values of that part of the time profile (see `harness.windows_time`).
    """
    tables = [_table(submission, metric) for submission in submissions]
    suite = submissions[0].suite
    found: dict[str, list[tuple[float, ...]]] = {}
    for item in suite.items:
        for seed in suite.seeds:
            values = [_value(table.get((item.slug, seed)), window) for table in tables]
            complete = tuple(v for v in values if v is not None)
            if len(complete) == len(tables):
                found.setdefault(item.slug, []).append(complete)
    return found


def left_out(a: Submission, b: Submission, metric: str) -> LeftOut:
    """What the pairs of a metric leave out, in order of the suite."""
    sides = (_Side(a, metric), _Side(b, metric))
    absent = {seed for seeds in absent_seeds(a, b).values() for seed in seeds}
    one: tuple[dict[str, list[str]], dict[str, list[str]]] = ({}, {})
    both: dict[str, list[str]] = {}
    videos: dict[str, list[str]] = {}
    apart: list[str] = []
    for item in a.suite.items:
        has = [side.seeds(item.slug, a.suite.seeds) for side in sides]
        if not any(has):
            both.setdefault(_together([side.why(item.slug, a.suite.seeds) for side in sides]), []).append(item.slug)
        elif not all(has):
            missing = has.index(set())
            one[missing].setdefault(sides[missing].why(item.slug, a.suite.seeds), []).append(item.slug)
        elif not has[0] & has[1]:
            apart.append(item.slug)
        else:
            for seed in (s for s in a.suite.seeds if s not in has[0] & has[1] and s not in absent):
                whys = [side.why(item.slug, [seed]) if seed not in has[i] else "" for i, side in enumerate(sides)]
                videos.setdefault(_together(whys), []).append(f"{item.slug} s{seed}")
    return LeftOut((_fixed(one[0]), _fixed(one[1])), _fixed(both), tuple(apart), _fixed(videos))


def absent_seeds(a: Submission, b: Submission) -> dict[str, tuple[int, ...]]:
    """The suite's seeds of which a side has no video at all, by who lacks them: ``A``, ``B`` or ``A and B``."""
    have = [{row.seed for row in side.rows} for side in (a, b)]
    found: dict[str, tuple[int, ...]] = {}
    for seed in a.suite.seeds:
        lacking = [name for name, seeds in zip("AB", have, strict=True) if seed not in seeds]
        if lacking:
            who = " and ".join(lacking)
            found[who] = (*found.get(who, ()), seed)
    return found


class _Side:
    """The scores of one result under one metric, and why there is none."""

    def __init__(self, submission: Submission, metric: str) -> None:
        self.table = _table(submission, metric)
        self.videos = {(row.item, row.seed) for row in submission.rows}

    def seeds(self, item: str, seeds: Sequence[int]) -> set[int]:
        """Those with a value."""
        return {seed for seed in seeds if _value(self.table.get((item, seed))) is not None}

    def why(self, item: str, seeds: Sequence[int]) -> str:
        """Why there is no value for any of the seeds: the first reason on record, or what is not there."""
        score = next((self.table[item, seed] for seed in seeds if (item, seed) in self.table), None)
        if score is not None:
            return score.reason
        return "not measured" if any((item, seed) in self.videos for seed in seeds) else "no video"


def _together(whys: Sequence[str]) -> str:
    """The reasons of A and B as one; an empty one is no reason."""
    if len(set(whys)) == 1:
        return whys[0]
    return ", ".join(f"{name}: {why}" for name, why in zip("AB", whys, strict=True) if why)


def _fixed(reasons: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    return {why: tuple(names) for why, names in reasons.items()}


def _table(submission: Submission, metric: str) -> Table:
    return {(row.item, row.seed): row.scores[metric] for row in submission.rows if metric in row.scores}


def _value(score: Score | None, window: int | None = None) -> float | None:
    if score is None or window is None:
        return None if score is None else score.value
    return score.profile[window] if window < len(score.profile) else None
