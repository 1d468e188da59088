"""The laws of metrics as functions: each puts one metric to the test and says what it found wrong.

Universal laws hold for every metric: a score is finite or says why not, the same clip gives the same score whatever was
scored in between, clips are told apart, a clip is left as it was, a set distance ignores the order of its rows, grows
with the distance and refuses a single row. Declared laws hold for what a metric says of itself (`harness.responses`);
one that calls a side better has to declare a response that shows which. Nothing here knows a metric by name, reads a
file or prints: tests, and whoever accepts a contributed metric, decide what to do with the findings.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from harness.calls import call
from harness.clip import Clip
from harness.errors import CannotStart, ItemError
from harness.flow import BACKEND, EstimatedFlow, FlowFields, working_images
from harness.keys import sha256_bytes
from harness.model import Features, Frames, Image, Item, Score
from harness.registry import MetricSpec
from harness.responses import NEED_A_DIRECTION
from harness.windows_time import WINDOWS

FPS = 8.0
LEAST_FRAMES = 9
SQUEEZE, LIFT, FLICKER = 0.7, 38, 20  # of 255; what is squeezed and lifted leaves room for the flicker
DIFFERS = 0.05  # of the value; "worse" is at least that
# Flow is estimated, and that of a mirrored clip is not quite the mirrored flow.
ALIKE = {"shuffle": 0.02, "flicker": 0.02, "cut": 0.02, "flip": 0.25}
ROWS, DIM = 40, 6
ORDER = ("moving", "noise", "flicker")
APART = ("moving", "still", "noise", "pan", "cut", "other image")
ITEM = Item("specimen", "a shape that moves steadily", "0" * 64, 127)  # for a metric that asks for the prompt


@dataclass(frozen=True)
class Finding:
    """One breach: by which plugin, of which law, on which specimen, and what happened."""

    subject: str
    law: str
    specimen: str
    message: str


@dataclass(frozen=True)
class Specimen:
    """A clip to put a metric to: uint8 frames [T, H, W, 3] and conditioning image [H, W, 3]."""

    frames: Frames
    image: Image | None
    _fields: dict[int, FlowFields] = field(default_factory=dict, repr=False, compare=False)
    _known: dict[Callable[..., Any], Score | Exception] = field(default_factory=dict, repr=False, compare=False)

    def clip(self) -> Clip:
        """A clip of its own memory, so that a metric that writes spoils nothing; flow is estimated once for all."""
        return Clip(self.frames.copy(), FPS, None if self.image is None else self.image.copy(), self._flow)

    def score(self, spec: MetricSpec) -> Score | Exception:
        """What the metric says of the clip, asked once: that it would say so again is a law of its own."""
        if spec.function not in self._known:
            self._known[spec.function] = outcome(spec, self.clip())
        return self._known[spec.function]

    def _flow(self, gap: int) -> FlowFields:
        if gap not in self._fields:
            self._fields[gap] = EstimatedFlow(working_images(self.frames), BACKEND)(gap)
        held = self._fields[gap]
        return FlowFields(gap, held.starts.copy(), held.forward.copy(), held.valid.copy())


Law = Callable[[MetricSpec, Mapping[str, Specimen]], Iterator[tuple[str, str]]]
"""Yields (specimen, message) for every breach."""


def specimens(moving: Frames) -> dict[str, Specimen]:
    """Clips that metrics trip over, and the changed clips of declared laws, made from one that moves.

    Args:
        moving: uint8 [T, H, W, 3] with T >= 9 and sides of 32 pixels or more, in which something moves steadily.

    Raises:
        ValueError: it is smaller.
    """
    if len(moving) < LEAST_FRAMES or min(moving.shape[1:3]) < 32:
        raise ValueError(f"needs {LEAST_FRAMES} frames of 32 pixels or more, got {moving.shape}")
    first, rng = moving[0], np.random.default_rng(0)
    side = max(12, moving.shape[1] // 3)
    found = {
        "moving": Specimen(moving, first),
        "one frame": Specimen(moving[:1], first),
        "two frames": Specimen(moving[:2], first),
        "three frames": Specimen(moving[:3], first),
        "black": Specimen(np.zeros_like(moving), np.zeros_like(first)),
        "white": Specimen(np.full_like(moving, 255), np.zeros_like(first)),
        "alternating": Specimen(np.stack([np.full_like(first, 255 * (t % 2)) for t in range(9)]), first),
        "noise": Specimen(rng.integers(0, 256, moving.shape, dtype=np.uint8), first),
        "wide": Specimen(moving[:, :side], first[:side]),
        "tiny": Specimen(moving[:, :8, :8], first[:8, :8]),
        "pan": Specimen(np.stack([np.roll(first, side // 6 * t, axis=1) for t in range(len(moving))]), first),
        "no image": Specimen(moving, None),
        "other image": Specimen(moving, np.zeros((32, 48, 3), np.uint8)),
    }
    return found | _changed(moving, rng)


def _changed(moving: Frames, rng: np.random.Generator) -> dict[str, Specimen]:
    calm = np.asarray(np.rint(moving * SQUEEZE + LIFT), np.uint8)
    sign = np.array([0, *(1 - 2 * (t % 2) for t in range(1, len(moving)))])  # frame 0 stays what it was
    flickering = np.asarray(calm + FLICKER * sign[:, None, None, None], np.uint8)
    order = np.array([0, *(1 + rng.permutation(len(moving) - 1))])
    half = len(moving) // 2
    return {
        "still": Specimen(np.repeat(moving[:1], len(moving), axis=0), moving[0]),
        "shuffle": Specimen(moving[order], moving[0]),
        "calm": Specimen(calm, calm[0]),
        "flicker": Specimen(flickering, calm[0]),
        "cut": Specimen(np.concatenate([moving[:half], 255 - moving[half:, ::-1]]), moving[0]),
        "flip": Specimen(moving[:, :, ::-1], moving[0, :, ::-1]),
    }


def examine(spec: MetricSpec, clips: Mapping[str, Specimen]) -> list[Finding]:
    """Put a metric to all laws of its scope; an empty list is a pass.

    Raises:
        CannotStart: the metric lacks its weights or packages.
    """
    laws = VIDEO_LAWS if spec.scope == "video" else SET_LAWS
    return [Finding(spec.label, name, where, what) for name, law in laws.items() for where, what in law(spec, clips)]


def outcome(spec: MetricSpec, clip: Clip) -> Score | Exception:
    """The score of a clip, or what the metric raised or returned in place of one.

    Raises:
        CannotStart: the metric lacks its weights or packages.
    """
    try:
        score = call(spec.function, (clip,), {"item": ITEM})
    except CannotStart:
        raise
    except Exception as error:
        return error
    return score if isinstance(score, Score) else TypeError(f"returned {type(score).__name__}, not a Score")


def _finite(spec: MetricSpec, clips: Mapping[str, Specimen]) -> Iterator[tuple[str, str]]:
    """Every specimen gets a finite number within the declared bounds, or a reason why there is none."""
    for name, specimen in clips.items():
        found = specimen.score(spec)
        if isinstance(found, Score):
            yield from ((name, message) for message in _shape(found))
            if found.value is not None and (why := spec.outside(found.value)):
                yield name, why
        elif not isinstance(found, ItemError) or name == "moving":
            yield name, f"{type(found).__name__}: {found}"


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


def _repeatable(spec: MetricSpec, clips: Mapping[str, Specimen]) -> Iterator[tuple[str, str]]:
    """The same clip gives the same score, to the last bit."""
    first, second = clips["moving"].score(spec), outcome(spec, clips["moving"].clip())
    if isinstance(first, Score) and first != second:
        yield "moving", f"{first} the first time, {second} the second"


def _alone(spec: MetricSpec, clips: Mapping[str, Specimen]) -> Iterator[tuple[str, str]]:
    """A clip's score is its own: the clips scored before it change nothing."""
    there = {name: clips[name].score(spec) for name in ORDER}
    back = {name: outcome(spec, clips[name].clip()) for name in reversed(ORDER)}
    for name in ORDER:
        if isinstance(there[name], Score) and there[name] != back[name]:
            yield name, f"{there[name]} in one order of clips, {back[name]} in another"


def _tells(spec: MetricSpec, clips: Mapping[str, Specimen]) -> Iterator[tuple[str, str]]:
    """Not every clip scores the same."""
    found = {name: clips[name].score(spec) for name in APART}
    values = {score.value for score in found.values() if isinstance(score, Score) and score.value is not None}
    if len(values) == 1:
        yield " and ".join(APART), f"all score {values.pop():g}"


def _direction(spec: MetricSpec, _: Mapping[str, Specimen]) -> Iterator[tuple[str, str]]:
    """A metric with a better side declares a response that shows it."""
    if spec.better != "none" and not set(spec.responds.values()) & set(NEED_A_DIRECTION):
        yield "responds", f"{spec.better} is better, and no declared response is {', '.join(NEED_A_DIRECTION)}"


def _untouched(spec: MetricSpec, clips: Mapping[str, Specimen]) -> Iterator[tuple[str, str]]:
    """Frames, image and flow, which all metrics of a clip share, are what they were."""
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


def _still(spec: MetricSpec, clips: Mapping[str, Specimen]) -> Iterator[tuple[str, str]]:
    """The still scores as declared."""
    declared = spec.responds.get("still")
    if declared is None:
        return
    found = clips["still"].score(spec)
    if not isinstance(found, Score):
        yield "still", f"declared {declared}, but raised {type(found).__name__}"
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

    def law(spec: MetricSpec, clips: Mapping[str, Specimen]) -> Iterator[tuple[str, str]]:
        """The changed clip scores as declared against the plain one."""
        declared = spec.responds.get(change)
        if declared is None:
            return
        before, after = (clips[name].score(spec) for name in (plain, change))
        if not isinstance(before, Score) or not isinstance(after, Score):
            yield change, f"declared {declared}, but raised {before if isinstance(after, Score) else after}"
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


def _set_finite(spec: MetricSpec, _: Mapping[str, Specimen]) -> Iterator[tuple[str, str]]:
    """Two ordinary sets have a finite distance."""
    found = _distance(spec, rows(ROWS, 0), rows(ROWS + 10, 1))
    if isinstance(found, Exception):
        yield "rows", f"{type(found).__name__}: {found}"
    elif not math.isfinite(found):
        yield "rows", f"the distance of two ordinary sets is {found}"


def _set_repeatable(spec: MetricSpec, _: Mapping[str, Specimen]) -> Iterator[tuple[str, str]]:
    """The same sets have the same distance, in whatever order their rows come, and keep their rows."""
    first, second = rows(ROWS, 0), rows(ROWS + 10, 1)
    found, again = (_distance(spec, first, second) for _ in range(2))
    if isinstance(found, Exception) or isinstance(again, Exception):
        return
    if found != again:
        yield "rows", f"{found} the first time, {again} the second"
    if not np.array_equal(first.rows, rows(ROWS, 0).rows):
        yield "rows", "it changed the rows"
    order = np.random.default_rng(2).permutation(ROWS)
    mixed = _distance(spec, Features(first.rows[order], first.groups[order]), second)
    if isinstance(mixed, Exception) or not math.isclose(mixed, found, rel_tol=1e-9, abs_tol=1e-9):
        yield "rows in another order", f"{mixed} instead of {found}"


def _set_grows(spec: MetricSpec, _: Mapping[str, Specimen]) -> Iterator[tuple[str, str]]:
    """Sets farther apart score worse."""
    if spec.better == "none":
        return
    reference, shifts = rows(5 * ROWS, 1), (0.0, 0.5, 1.5)
    found = [_distance(spec, rows(5 * ROWS, 0, shift), reference) for shift in shifts]
    values = [value for value in found if not isinstance(value, Exception)]
    if values != sorted(values, reverse=spec.better == "higher") or len(set(values)) < len(values):
        yield "shifted rows", f"shifts of {shifts} score {values}, and {spec.better} is better"


def _set_refuses(spec: MetricSpec, _: Mapping[str, Specimen]) -> Iterator[tuple[str, str]]:
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
