"""Clips that metrics are put to the laws with: an ordinary one, those they trip over, and what declarations are about.

Reads no file. The laws themselves are in `harness.laws`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from harness.calls import call
from harness.clip import Clip
from harness.errors import CannotStart
from harness.flow import BACKEND, EstimatedFlow, FlowFields, working_images
from harness.model import Frames, Image, Item, Score
from harness.registry import MetricSpec

FPS = 8.0
LEAST_FRAMES = 9
SQUEEZE, LIFT, FLICKER = 0.7, 38, 20  # of 255; what is squeezed and lifted leaves room for the flicker
ITEM = Item("specimen", "a shape that moves steadily", "0" * 64, 127)  # for a metric that asks for the prompt


class NoScore(TypeError):
    """What a metric returned is no `Score`."""


@dataclass(frozen=True)
class Specimen:
    """A clip to put a metric to: uint8 frames [T, H, W, 3] and conditioning image [H, W, 3]."""

    frames: Frames
    image: Image | None
    _fields: dict[int, FlowFields] = field(default_factory=dict, repr=False, compare=False)
    _known: dict[Callable[..., Any], Score | Exception] = field(default_factory=dict, repr=False, compare=False)
    _gaps: dict[Callable[..., Any], list[int]] = field(default_factory=dict, repr=False, compare=False)

    def clip(self, gaps: list[int] | None = None) -> Clip:
        """A clip of its own memory, so that a metric that writes spoils nothing; flow is estimated once for all.

        Where ``gaps`` is given, those between frames that flow was asked for are added to it.
        """
        source = partial(self._flow, asked=[] if gaps is None else gaps)
        return Clip(self.frames.copy(), FPS, None if self.image is None else self.image.copy(), source)

    def score(self, spec: MetricSpec) -> Score | Exception:
        """What the metric says of the clip, asked once: that it would say so again is a law of its own."""
        if spec.function not in self._known:
            gaps = self._gaps.setdefault(spec.function, [])
            self._known[spec.function] = outcome(spec, self.clip(gaps))
        return self._known[spec.function]

    def asked_for_flow(self, spec: MetricSpec) -> bool:
        """Whether the metric used the clip's flow, or what is made from it, for its score."""
        self.score(spec)
        return bool(self._gaps[spec.function])

    def _flow(self, gap: int, asked: list[int]) -> FlowFields:
        asked.append(gap)
        if gap not in self._fields:
            self._fields[gap] = EstimatedFlow(working_images(self.frames), BACKEND)(gap)
        held = self._fields[gap]
        return FlowFields(gap, held.starts.copy(), held.forward.copy(), held.valid.copy())


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
    return score if isinstance(score, Score) else NoScore(f"returned {type(score).__name__}, not a Score")
