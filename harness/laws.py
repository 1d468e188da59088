"""The laws of metrics as functions: each puts one metric to the test and says what it found wrong.

Universal laws hold for every metric: a score is finite or says why not, the same clip gives the same score whatever was
scored in between, clips are told apart, a clip is left as it was, a set distance ignores the order of its rows, grows
with the distance and refuses a single row. Declared laws hold for what a metric says of itself (`harness.responses`);
one that calls a side better has to declare a response that shows which. Nothing here knows a metric by name, reads a
file or prints: tests, and whoever accepts a contributed metric, decide what to do with the findings.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from harness.clip import Clip
from harness.errors import ItemError
from harness.keys import sha256_bytes
from harness.model import Features, Score
from harness.plugin_errors import where
from harness.registry import MetricSpec
from harness.responses import NEED_A_DIRECTION
from harness.specimens import NoScore, Specimen, outcome
from harness.windows_time import WINDOWS

DIFFERS = 0.05  # of the value; "worse" is at least that
# Flow is estimated, and that of a mirrored clip is not quite the mirrored flow.
ALIKE = {"shuffle": 0.02, "flicker": 0.02, "cut": 0.02, "flip": 0.25}
ROWS, DIM = 40, 6
ORDER = ("moving", "noise", "flicker")
NO_SCORE = "see what is said of finite: a clip without a score answers nothing"
APART = ("moving", "still", "noise", "pan", "cut", "other image")


@dataclass(frozen=True)
class Finding:
    """One breach: by which plugin, of which law, on which specimen, what happened, and what to do if that is known."""

    subject: str
    law: str
    specimen: str
    message: str
    hint: str = ""


class NotTried(Exception):
    """A law that a plugin could not be put to, with the reason: it is neither kept nor broken."""


Breach = tuple[str, str] | tuple[str, str, str]
Law = Callable[[MetricSpec, Mapping[str, Specimen]], Iterator[Breach]]
"""Yields (specimen, message) for every breach, with a hint of its own where the law's would not help.

Raises NotTried where the plugin gives nothing that could be judged.
"""


def examine(spec: MetricSpec, clips: Mapping[str, Specimen]) -> list[Finding]:
    """Put a metric to all laws of its scope; an empty list is a pass.

    Raises:
        CannotStart: the metric lacks its weights or packages.
    """
    return examine_all(spec, clips)[0]


def examine_all(spec: MetricSpec, clips: Mapping[str, Specimen]) -> tuple[list[Finding], dict[str, str]]:
    """What `examine` finds, and the laws that the metric could not be put to with why.

    Raises:
        CannotStart: the metric lacks its weights or packages.
    """
    laws = VIDEO_LAWS if spec.scope == "video" else SET_LAWS
    return judge(spec.label, {name: partial(law, spec, clips) for name, law in laws.items()})


def judge(label: str, laws: Mapping[str, Callable[[], Iterator[Breach]]]) -> tuple[list[Finding], dict[str, str]]:
    """The findings of each law, and the laws that could not be tried with why."""
    found: list[Finding] = []
    untried: dict[str, str] = {}
    for name, law in laws.items():
        try:
            found += [Finding(label, name, *breach) for breach in law()]
        except NotTried as reason:
            untried[name] = str(reason)
    return found, untried


def _finite(spec: MetricSpec, clips: Mapping[str, Specimen]) -> Iterator[Breach]:
    """Every specimen gets a finite number within the declared bounds, or a reason why there is none."""
    for name, specimen in clips.items():
        found = specimen.score(spec)
        if isinstance(found, Score):
            yield from ((name, message) for message in _shape(found))
            if found.value is not None and (why := spec.outside(found.value)):
                yield name, why, "change the formula, or what bounds=(lowest, highest) promises"
        elif isinstance(found, NoScore):
            yield name, str(found), "return Score(value), or Score.undefined(reason) where there is no number"
        elif not isinstance(found, ItemError):
            yield name, f"{type(found).__name__}: {found}\n{where(found, Path(spec.source))}".rstrip()
        elif name == "moving":
            yield name, f"{found}", "an ordinary clip has a score: raise ItemError for a video that cannot be measured"


def _scored(spec: MetricSpec, clips: Mapping[str, Specimen], names: Sequence[str] = ("moving",)) -> None:
    """Raises NotTried unless one of these clips at least has a score, or a reason for none."""
    if not any(isinstance(clips[name].score(spec), Score) for name in names):
        raise NotTried(f"no score of {', '.join(names)}")


def _shape(score: Score) -> Iterator[str]:
    for part in ("detail", "profile"):
        held = score.detail.values() if part == "detail" else score.profile
        if not all(value is None or math.isfinite(value) for value in held):
            yield f"a part of its {part} is not finite"
    wanted = WINDOWS if score.status == "ok" else 0
    if len(score.profile) not in {0, wanted}:
        yield f"its profile has {len(score.profile)} parts, a score that is {score.status} has {wanted}"
    if score.coverage is not None and not 0 <= score.coverage <= 1:
        yield f"its coverage is {score.coverage}"


def _repeatable(spec: MetricSpec, clips: Mapping[str, Specimen]) -> Iterator[Breach]:
    """The same clip gives the same score, to the last bit."""
    _scored(spec, clips)
    first, second = clips["moving"].score(spec), outcome(spec, clips["moving"].clip())
    if isinstance(first, Score) and first != second:
        yield "moving", f"{first} the first time, {second} the second"


def _alone(spec: MetricSpec, clips: Mapping[str, Specimen]) -> Iterator[Breach]:
    """A clip's score is its own: the clips scored before it change nothing."""
    _scored(spec, clips, ORDER)
    there = {name: clips[name].score(spec) for name in ORDER}
    back = {name: outcome(spec, clips[name].clip()) for name in reversed(ORDER)}
    for name in ORDER:
        if isinstance(there[name], Score) and there[name] != back[name]:
            yield name, f"{there[name]} in one order of clips, {back[name]} in another"


def _tells(spec: MetricSpec, clips: Mapping[str, Specimen]) -> Iterator[Breach]:
    """Not every clip scores the same."""
    found = {name: clips[name].score(spec) for name in APART}
    values = [score.value for score in found.values() if isinstance(score, Score) and score.value is not None]
    if not values:
        raise NotTried(f"no number for {', '.join(APART)}")
    if len(set(values)) == 1:
        yield " and ".join(APART), f"all score {values[0]:g}"


def _flow(spec: MetricSpec, clips: Mapping[str, Specimen]) -> Iterator[Breach]:
    """A metric that uses a clip's flow, or what is made from it, declares it."""
    _scored(spec, clips, tuple(clips))
    if "flow" not in spec.needs:
        used = (name for name, specimen in clips.items() if specimen.asked_for_flow(spec))
        yield from ((name, "it used the clip's flow, and does not declare it") for name in used)


def _direction(spec: MetricSpec, _: Mapping[str, Specimen]) -> Iterator[Breach]:
    """A metric with a better side declares a response that shows it."""
    if spec.better != "none" and not set(spec.responds.values()) & set(NEED_A_DIRECTION):
        yield "responds", f"{spec.better} is better, and no declared response is {', '.join(NEED_A_DIRECTION)}"


def _untouched(spec: MetricSpec, clips: Mapping[str, Specimen]) -> Iterator[Breach]:
    """Frames, image and flow, which all metrics of a clip share, are what they were."""
    _scored(spec, clips)
    clip = clips["moving"].clip()
    before = _prints(clip)
    outcome(spec, clip)
    for part, digest in _prints(clip).items():
        if digest != before[part]:
            yield "moving", f"it changed the clip's {part}"


def _prints(clip: Clip) -> dict[str, str]:
    arrays = {
        "frames": clip.frames,
        "image": clip.image,
        "working frames": clip.working,
        "flow": clip.flow.forward,
        "valid pixels": clip.flow.valid,
    }
    held = {name: sha256_bytes(np.ascontiguousarray(a).tobytes()) for name, a in arrays.items() if a is not None}
    return {**held, "frame rate": str(clip.fps)}


def _still(spec: MetricSpec, clips: Mapping[str, Specimen]) -> Iterator[Breach]:
    """The still scores as declared."""
    declared = spec.responds.get("still")
    if declared is None:
        return
    found = clips["still"].score(spec)
    if not isinstance(found, Score):
        yield "still", f"declared {declared}, but raised {type(found).__name__}: {found}", NO_SCORE
    elif declared == "undefined":
        if found.status != "undefined":
            yield "still", f"declared undefined, is {found.status} with {found.value}"
    elif found.value is None:
        yield "still", f"declared {declared}, is {found.status}: {found.reason}"
    elif declared == "zero" and found.value != 0:
        yield "still", f"declared zero, is {found.value}"
    elif declared == "marked" and found.detail.get("degenerate") != 1:
        yield "still", "declared marked, but its detail has no degenerate = 1"
    elif declared in {"best", "worst"}:
        yield from (("still", message) for message in _extreme(spec, clips, found.value, declared))


def _extreme(spec: MetricSpec, clips: Mapping[str, Specimen], still: float, declared: str) -> Iterator[str]:
    sign, beaten = _sign(spec) * (1 if declared == "best" else -1), False
    for name in ("moving", "noise", "shuffle", "cut"):
        other = clips[name].score(spec)
        if not isinstance(other, Score) or other.value is None:
            continue
        beaten = beaten or sign * (other.value - still) < 0
        if sign * (other.value - still) > 0:
            yield f"declared {declared}, but '{name}' scores {other.value}, the still {still}"
    if not beaten:
        yield f"declared {declared}, but no other clip scores less well than its {still}"


def _response(change: str, plain: str) -> Law:
    """The law that a changed clip scores as declared against the plain one."""

    def law(spec: MetricSpec, clips: Mapping[str, Specimen]) -> Iterator[Breach]:
        """The changed clip scores as declared against the plain one."""
        declared = spec.responds.get(change)
        if declared is None:
            return
        before, after = (clips[name].score(spec) for name in (plain, change))
        if not isinstance(before, Score) or not isinstance(after, Score):
            raised = before if isinstance(after, Score) else after
            yield change, f"declared {declared}, but raised {type(raised).__name__}: {raised}", NO_SCORE
            return
        if not _kept(spec, declared, before, after, ALIKE[change]):
            yield change, f"declared {declared}, but scores {_told(after)} with and {_told(before)} without"

    return law


def _kept(spec: MetricSpec, declared: str, before: Score, after: Score, alike: float) -> bool:
    if before.value is None or after.value is None:
        same = before.status == after.status
        return same if declared == "same" else before.value is not None
    change, scale = after.value - before.value, max(abs(before.value), 1e-12)
    return abs(change) <= alike * scale if declared == "same" else -_sign(spec) * change > DIFFERS * scale


def _told(score: Score) -> str:
    return f"{score.value:.6g}" if score.value is not None else f"'{score.status}: {score.reason}'"


def _sign(spec: MetricSpec) -> int:
    return -1 if spec.better == "lower" else 1


def rows(count: int, seed: int, shift: float = 0.0) -> Features:
    """Normal feature rows [count, 6] about ``shift``, each of its own item."""
    data = np.random.default_rng(seed).normal(shift, 1, (count, DIM))
    return Features(data, np.array([str(index) for index in range(count)]))


def _distance(spec: MetricSpec, first: Features, second: Features) -> float | Exception:
    try:
        return float(spec.function(first, second))
    except Exception as error:
        return error


def _set_finite(spec: MetricSpec, _: Mapping[str, Specimen]) -> Iterator[Breach]:
    """Two ordinary sets have a finite distance."""
    found = _distance(spec, rows(ROWS, 0), rows(ROWS + 10, 1))
    if isinstance(found, Exception):
        yield "rows", f"{type(found).__name__}: {found}\n{where(found, Path(spec.source))}".rstrip(), "mend the line"
    elif not math.isfinite(found):
        yield "rows", f"the distance of two ordinary sets is {found}"


def _set_repeatable(spec: MetricSpec, _: Mapping[str, Specimen]) -> Iterator[Breach]:
    """The same sets have the same distance, in whatever order their rows come, and keep their rows."""
    first, second = rows(ROWS, 0), rows(ROWS + 10, 1)
    found, again = (_distance(spec, first, second) for _ in range(2))
    if isinstance(found, Exception) or isinstance(again, Exception) or not math.isfinite(found):
        raise NotTried("two ordinary sets have no distance")
    if found != again:
        yield "rows", f"{found} the first time, {again} the second"
    if not np.array_equal(first.rows, rows(ROWS, 0).rows):
        yield "rows", "it changed the rows"
    order = np.random.default_rng(2).permutation(ROWS)
    mixed = _distance(spec, Features(first.rows[order], first.groups[order]), second)
    if isinstance(mixed, Exception) or not math.isclose(mixed, found, rel_tol=1e-9, abs_tol=1e-9):
        yield "rows in another order", f"{mixed} instead of {found}"


def _set_grows(spec: MetricSpec, _: Mapping[str, Specimen]) -> Iterator[Breach]:
    """Sets farther apart score worse."""
    if spec.better == "none":
        raise NotTried("neither side is better")
    reference, shifts = rows(5 * ROWS, 1), (0.0, 0.5, 1.5)
    found = [_distance(spec, rows(5 * ROWS, 0, shift), reference) for shift in shifts]
    values = [value for value in found if not isinstance(value, Exception) and math.isfinite(value)]
    if len(values) < len(found):
        raise NotTried("ordinary sets have no distance")
    if values != sorted(values, reverse=spec.better == "higher") or len(set(values)) < len(values):
        yield "shifted rows", f"shifts of {shifts} score {values}, and {spec.better} is better"


def _set_refuses(spec: MetricSpec, _: Mapping[str, Specimen]) -> Iterator[Breach]:
    """A set of one row is refused with an error that says so, and a row that is not finite gives no finite number."""
    alone = _distance(spec, rows(1, 0), rows(ROWS, 1))
    if not isinstance(alone, ItemError):
        yield "one row", f"it gave {alone!r} instead of refusing"
    broken = rows(ROWS, 0)
    broken.rows[3, 2] = np.nan
    found = _distance(spec, broken, rows(ROWS, 1))
    if isinstance(found, float) and math.isfinite(found):
        yield "a row with NaN", f"it gave {found}"


VIDEO_LAWS: Mapping[str, Law] = {
    "finite": _finite,
    "repeatable": _repeatable,
    "alone": _alone,
    "tells": _tells,
    "flow": _flow,
    "direction": _direction,
    "untouched": _untouched,
    "still": _still,
    "shuffle": _response("shuffle", "moving"),
    "flicker": _response("flicker", "calm"),
    "cut": _response("cut", "moving"),
    "flip": _response("flip", "moving"),
}
SET_LAWS: Mapping[str, Law] = {
    "finite": _set_finite,
    "repeatable": _set_repeatable,
    "grows": _set_grows,
    "refuses": _set_refuses,
}
