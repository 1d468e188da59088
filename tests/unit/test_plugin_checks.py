"""Every mistake in a plugin is refused where it is made, with words that say how it would be right."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness import registry
from harness.api import Needs, Score, Weight, extractor, metric, variant
from harness.errors import UsageError
from tests.unit.fresh import registry_apart

MAKE: dict[str, Any] = {"revision": 1, "family": "test", "summary": "a row"}
MEASURE: dict[str, Any] = {"version": 1, "better": "lower", "unit": "", "summary": "a column"}


@pytest.fixture(autouse=True)
def fresh() -> Iterator[registry.Registry]:
    with registry_apart(empty=True) as held:
        yield held


class Good:
    def needs(self) -> Needs:
        return Needs()

    def load(self, device: str) -> object:
        return self


class NoLoad:
    def needs(self) -> Needs:
        return Needs()


class LoadTakesNothing(Good):
    def load(self) -> object:  # type: ignore[override]
        return self


class LoadWantsMore(Good):
    def load(self, device: str, precision: str) -> object:  # type: ignore[override]
        return self


class NoAnnotation(Good):
    guidance = 3.0


class NoDefault(Good):
    steps: int


class NoKey(Good):
    folder: Path = Path("weights")


class NotFinite(Good):
    scale: float = float("nan")


class NeedsRaises(Good):
    path: str = "nowhere/needs.json"

    def needs(self) -> Needs:
        raise FileNotFoundError(self.path)


class NeedsNothing(Good):
    def needs(self) -> Needs:
        return None  # type: ignore[return-value]


class NeedsOneWeight(Good):
    def needs(self) -> Needs:
        return Needs(weights=Weight("w", "w.safetensors", ""))  # type: ignore[arg-type]


class NeedsText(Good):
    def needs(self) -> Needs:
        return Needs(vram_bytes="20 GB")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("cls", "changed", "words"),
    [
        (NeedsNothing, {}, "needs() returned NoneType, not Needs"),
        (NeedsOneWeight, {}, "it is a tuple of Weight, as in (a,)"),
        (NeedsText, {}, "vram_bytes of its Needs is '20 GB', it is a number"),
        (NoLoad, {}, "has no method load()"),
        (LoadTakesNothing, {}, "load() takes 1 argument(s) (device), yours takes 0"),
        (LoadWantsMore, {}, "yours takes 2; it may also ask for protocol by name"),
        (NoAnnotation, {}, "write guidance: float = 3.0"),
        (NoDefault, {}, "built from its fields' defaults"),
        (NoKey, {}, "'folder' of variant 'row' cannot enter its key"),
        (NotFinite, {}, "'scale' of variant 'row' cannot enter its key"),
        (Good, {"name": "Row One"}, "lower-case letters, digits and dashes"),
        (Good, {"family": "My Family"}, "family 'My Family' is no name"),
        (Good, {"revision": "2"}, "revision is '2', it is a whole number from 1"),
        (Good, {"role": "winner"}, "none of method, ablation, baseline, control"),
        (Good, {"summary": 5}, "'row': summary is 5, it is text"),
        (Good, {"suites": "mini"}, "suites is 'mini', it is a tuple of text"),
        (Good, {"factors": 5}, "factors is 5, it is a dict"),
        (Good, {"factors": {"conv": 0.5}}, "a factor's level is text"),
    ],
)
def test_a_variant_that_does_not_fit(
    cls: type[Any], changed: dict[str, Any], words: str, fresh: registry.Registry
) -> None:
    options = {"name": "row", **MAKE, **changed}
    with pytest.raises(UsageError) as caught:
        variant(options.pop("name"), **options)(cls)
    assert caught.value.code == "E-PLUGIN"
    assert words in caught.value.why
    assert f"class {cls.__name__}" in caught.value.where
    assert caught.value.fix
    assert not fresh.variants


def test_needs_that_raise_are_refused_at_their_own_line(fresh: registry.Registry) -> None:
    with pytest.raises(UsageError) as caught:
        variant("row", **MAKE)(NeedsRaises)
    assert caught.value.why == "variant 'row': needs() raised FileNotFoundError: nowhere/needs.json"
    assert "raise FileNotFoundError(self.path)" in caught.value.where
    assert not fresh.variants


def test_a_plugin_is_asked_once_for_what_it_needs(fresh: registry.Registry) -> None:
    answers = [Needs(gpu=True)]

    class Once(Good):
        def needs(self) -> Needs:
            return answers.pop()

    variant("once", **MAKE)(Once)
    assert fresh.variants["once"].needs.gpu
    assert fresh.variants["once"].key == fresh.variants["once"].key


def test_a_variant_may_ask_for_the_protocol(fresh: registry.Registry) -> None:
    class Sized(Good):
        def load(self, device: str, protocol: object = None) -> object:
            return protocol

    assert variant("sized", **MAKE)(Sized)().load("cpu", 7) == 7
    assert "sized" in fresh.variants


def clip_only(clip: object) -> Score:
    return Score(0.0)


@pytest.mark.parametrize(
    ("function", "changed", "words"),
    [
        (lambda clip, other: 0, {}, "takes 1 argument(s) (clip), yours takes 2; it may also ask for item"),
        (lambda clip: 0, {"kind": "set", "extractor": "x"}, "takes 2 argument(s) (generated, reference)"),
        (lambda a, b: 0, {"kind": "set"}, "names its extractor"),
        (clip_only, {"kind": "frame"}, "there are video and set"),
        (clip_only, {"name": "Column!"}, "lower-case letters"),
        (clip_only, {"name": "lpips"}, "read as a published protocol"),
        (lambda a, b: 0, {"name": "fvd_128f", "kind": "set", "extractor": "world"}, "such as my_fvd_128f"),
        (clip_only, {"version": 0}, "a whole number from 1"),
        (clip_only, {"better": "low"}, "it can be higher, lower, none"),
        (clip_only, {"unit": "u" * 65}, "more than 64 characters"),
        (clip_only, {"unit": None}, "'column': unit is None, it is text"),
        (clip_only, {"summary": None}, "summary is None, it is text"),
        (clip_only, {"needs": ("flw",)}, 'it is ("flow",) or ()'),
        (clip_only, {"needs": "flow"}, 'it is ("flow",) or ()'),
        (clip_only, {"bounds": (1, 0)}, "it is (lowest, highest), where None is no limit"),
        (clip_only, {"bounds": (0, "1")}, "it is (lowest, highest)"),
        (clip_only, {"weights": Weight("w", "w.safetensors", "")}, "it is a tuple of Weight"),
        (clip_only, {"min_items": 2.5}, "it is a whole number"),
        (clip_only, {"headline": "yes"}, "it is True or False"),
        (clip_only, {"responds": ("still",)}, "it is a dict with text keys"),
        (clip_only, {"aspect": "beauty"}, "is none of quality, flicker"),
        (clip_only, {"responds": {"wobble": "same"}}, "names no change 'wobble'"),
        (clip_only, {"profile": "speed"}, "together, or not at all"),
        (clip_only, {"profile": "speed", "profile_unit": "u" * 65}, "more than 64 characters"),
        (clip_only, {"params": {"path": Path()}}, "cannot enter its key"),
    ],
)
def test_a_metric_that_does_not_fit(
    function: Callable[..., Any], changed: dict[str, Any], words: str, fresh: registry.Registry
) -> None:
    options = {"name": "column", **MEASURE, **changed}
    with pytest.raises(UsageError) as caught:
        metric(options.pop("name"), **options)(function)
    assert words in caught.value.why
    assert "harness new metric" in caught.value.fix
    assert not fresh.metrics


def test_an_extractor_is_loaded_for_a_device(fresh: registry.Registry) -> None:
    with pytest.raises(UsageError) as caught:
        extractor("net", version=1, summary="")(lambda: None)
    assert "loader takes 1 argument(s) (device)" in caught.value.why
    with pytest.raises(UsageError) as caught:
        extractor("net", version=1, summary="", needs=("frames",))(lambda device: None)
    assert "needs is ('frames',)" in caught.value.why
    assert not fresh.extractors
