"""The laws of variants: what every row owes the board, whatever model is behind it.

A video depends on its item, its seed and the variant's settings and on nothing else: not on what was made before it,
on a global random generator or on the process. Without that, nothing could be resumed, spread over machines or made
again. Like `harness.laws`, this reads no file and prints nothing.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from harness.calls import call
from harness.contracts import Generator
from harness.errors import HarnessError
from harness.generating import check_frames
from harness.laws import Breach, Finding, NotTried, judge
from harness.model import Frames, Item, Request
from harness.noise import Noise, make_noise
from harness.plugin_checks import variant_needs
from harness.plugin_errors import last_line, where
from harness.registry import VariantSpec
from harness.suite import LoadedSuite

SEED, OTHER_SEED = 0, 1
T = TypeVar("T")


class _Failed(Exception):
    """The variant raised: what is left to ask it cannot be answered. ``hint`` says what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass
class _Trial:
    """A variant at work on two items of a suite. Videos are made once and kept by (load, item, seed, turn)."""

    spec: VariantSpec
    suite: LoadedSuite
    device: str
    made: dict[str, Frames] = field(default_factory=dict)
    noise: dict[str, Noise] = field(default_factory=dict)
    touched: list[str] = field(default_factory=list)

    def load(self) -> Generator:
        offered = {"protocol": self.suite.suite.protocol}
        generator: Generator = self._guarded("load", partial(call, self.spec.config.load, (self.device,), offered))
        return generator

    def make(self, generator: Generator, name: str, item: Item, seed: int) -> None:
        image, noise = self.suite.image(item), make_noise(item.key, seed)
        before = image.copy()
        real = partial(self.suite.real, item)
        request = Request(item, seed, self.suite.suite.protocol, image, noise, real, real)
        _disturb(len(self.made))
        frames = self._guarded("generate", partial(generator.generate, request))
        if not np.array_equal(before, image):
            self.touched.append(name)
        checked = check_frames(frames, self.suite.suite.protocol, self.spec.name)
        self.made[name], self.noise[name] = checked.copy(), noise

    def _guarded(self, method: str, work: Callable[[], T]) -> T:
        try:
            return work()
        except HarnessError:
            raise
        except Exception as error:
            lacking = error.name if isinstance(error, ModuleNotFoundError) else ""
            hint = f"install what has the module {lacking}" if lacking else "mend the line"
            place = where(error, Path(self.spec.source))
            raise _Failed(f"{method}() raised {last_line(error)}\n{place}", hint) from error


def examine_variant(spec: VariantSpec, suite: LoadedSuite, device: str = "cpu") -> tuple[list[Finding], dict[str, str]]:
    """Put a variant to all laws with the first two items of a suite: its breaches, none for a pass, and what was
    not tried with why.

    It makes five videos and loads the variant twice.
    """
    trial = _Trial(spec, suite, device)
    label = f"{spec.name}@{spec.revision}"
    before: dict[str, Callable[[], Iterator[Breach]]] = {
        "settings": partial(_settings, spec),
        "works": partial(_works, trial),
    }
    found, untried = judge(label, before)
    if any(finding.law == "works" for finding in found):
        return found, dict.fromkeys(LAWS, "it did not make the videos that this is seen in")
    later, rest = judge(label, {name: partial(law, trial) for name, law in LAWS.items()})
    return [*found, *later], untried | rest


def _works(trial: _Trial) -> Iterator[Breach]:
    try:
        _work(trial)
    except _Failed as failure:
        yield trial.suite.suite.label, str(failure), failure.hint
    except HarnessError as refusal:
        yield trial.suite.suite.label, f"{refusal.what} {refusal.why}".strip(), refusal.fix


def _settings(spec: VariantSpec) -> Iterator[Breach]:
    (first, *wrong), (second, *later) = (variant_needs(spec.name, spec.config, spec.source) for _ in range(2))
    if why := "\n".join(filter(None, wrong)) or "\n".join(filter(None, later)):
        yield "", why
    elif first != second:
        yield "", "needs() says something else the second time"
    elif type(spec.config)() != spec.config:
        yield "", "two configurations from the same defaults differ"


def _work(trial: _Trial) -> None:
    first, second = (*trial.suite.suite.items, *trial.suite.suite.items)[:2]
    generator = trial.load()
    trial.make(generator, "first", first, SEED)
    trial.make(generator, "other item", second, SEED)
    trial.make(generator, "again", first, SEED)
    trial.make(generator, "other seed", first, OTHER_SEED)
    del generator  # two copies of a large model need not fit
    trial.make(trial.load(), "loaded again", first, SEED)


def _repeatable(trial: _Trial) -> Iterator[Breach]:
    yield from _same(trial, "again")


def _reloads(trial: _Trial) -> Iterator[Breach]:
    _repeats(trial)
    yield from _same(trial, "loaded again")


def _seeded(trial: _Trial) -> Iterator[Breach]:
    equal = np.array_equal(trial.made["first"], trial.made["other seed"])
    if trial.noise["first"].digest and equal:
        yield "other seed", "it drew noise, and another seed gave the same frames"
        return
    _repeats(trial)
    if not trial.noise["first"].digest and not equal:
        yield "other seed", "it drew no noise from the request, and another seed gave other frames"


def _repeats(trial: _Trial) -> None:
    """Raises NotTried for a variant whose frames differ anyway: nothing can be seen in another difference."""
    if list(_same(trial, "again")):
        raise NotTried("its frames differ each time")


def _untouched(trial: _Trial) -> Iterator[Breach]:
    yield from ((name, "it changed the request's image, which belongs to the suite") for name in trial.touched)


def _same(trial: _Trial, name: str) -> Iterator[Breach]:
    first, other = trial.made["first"].astype(np.int16), trial.made[name].astype(np.int16)
    if (difference := np.abs(first - other)).any():
        share, most = float((difference > 0).mean()), int(difference.max())
        yield name, f"{share:.1%} of the values differ, by up to {most} of 255"


def _disturb(turn: int) -> None:
    """Leave every global random generator in another state each time: a video may not depend on it."""
    random.seed(turn)
    np.random.seed(turn)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(turn)


Law = Callable[[_Trial], Iterator[Breach]]
LAWS: Mapping[str, Law] = {
    "repeatable": _repeatable,
    "reloads": _reloads,
    "seeded": _seeded,
    "untouched": _untouched,
}
NAMES = ("settings", "works", *LAWS)
