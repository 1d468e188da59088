"""What a variant or metric must be to be registered: checked at once, where its author can see which line is meant."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import math
import re
from collections.abc import Callable, Iterator, Mapping
from numbers import Real
from pathlib import Path
from typing import Any

from harness.calls import LOAD, LOAD_EXTRACTOR, NEEDS, SET_METRIC, VIDEO_METRIC, misfit
from harness.columns import ASPECTS
from harness.keys import canonical_json
from harness.model import Needs, Weight
from harness.plugin_errors import where
from harness.responses import problem
from harness.submission import DIRECTIONS, NAME, ROLES, SLUG

MAX_NAME, MAX_UNIT = 63, 64
OWN_METRICS = "harness.metrics."
RESERVED = re.compile(r"(fvd|cdfvd|kvd_i3d|kvd_videomae)(_.*)?|fid|kid|jedi|fvmd|is|lpips|ff_lpips|dists|vbench(_.*)?")


def fields(name: object, **given: object) -> str:
    """Why what a decorator was given cannot be used, by the type that each argument has; empty if it can."""
    wrong = ((field, FIELDS[field](value)) for field, value in given.items())
    return next((f"'{name}': {field} is {given[field]!r}, it is {what}" for field, what in wrong if what), "")


def variant_class(cls: type[Any], name: object, revision: object, family: object, role: object) -> str:
    """Why a class cannot become a variant, empty if it can; asked before it becomes a dataclass."""
    for method, contract in (("needs", NEEDS), ("load", LOAD)):
        found = getattr(cls, method, None)
        if not callable(found):
            return f"variant '{name}' has no method {method}()"
        if why := misfit(_bound(cls, method), contract):
            return f"variant '{name}': {method}() {why}"
    if why := _slug("variant", name) or _slug("family", family) or _count("revision", revision):
        return why
    if role not in ROLES:
        return f"variant '{name}': role '{role}' is none of {', '.join(ROLES)}"
    loose = next(_without_annotation(cls), None)
    if loose is not None:
        field, value = loose
        written = f"{field}: {type(value).__name__} = {value!r}"
        return f"'{field} = {value!r}' has no type, so it would be no parameter and not enter the key: write {written}"
    return ""


def variant_config(name: str, make: Callable[[], Any]) -> tuple[Any, str]:
    """A variant's configuration from its defaults, and why it cannot be used; the second is empty if it can."""
    try:
        config = make()
    except TypeError as error:
        return None, f"variant '{name}' is built from its fields' defaults: {error}"
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        try:
            canonical_json(value)
        except (TypeError, ValueError) as error:
            return None, f"'{field.name}' of variant '{name}' cannot enter its key: {error}"
    return config, ""


def variant_needs(name: str, config: Any, source: str) -> tuple[Needs | None, str, str]:
    """What a variant says that it needs, why that cannot be used, empty if it can, and the line that raised."""
    try:
        found = config.needs()
    except (Exception, SystemExit) as error:
        why = f"variant '{name}': needs() raised {type(error).__name__}: {error}"
        return None, why, where(error, Path(source))
    if not isinstance(found, Needs):
        return None, f"variant '{name}': needs() returned {type(found).__name__}, not Needs", ""
    return found, _needs(name, found), ""


def _needs(name: str, found: Needs) -> str:
    if what := _weights(found.weights):
        return f"variant '{name}': weights of its Needs is {found.weights!r}, it is {what}"
    for field in dataclasses.fields(Needs)[1:]:
        value, switch = getattr(found, field.name), isinstance(field.default, bool)
        if not isinstance(value, bool if switch else Real) or isinstance(value, bool) != switch:
            wanted = "True or False" if switch else "a number"
            return f"variant '{name}': {field.name} of its Needs is {value!r}, it is {wanted}"
    return ""


def factors(name: str, levels: Mapping[str, object]) -> str:
    """Why factor levels cannot be used; empty if they can."""
    wrong = [level for level in levels.values() if not isinstance(level, str | int)]
    return f"variant '{name}': a factor's level is text, a whole number or a boolean" if wrong else ""


def metric_function(
    function: Callable[..., Any], name: object, version: object, better: str, unit: str, kind: str, extractor: str
) -> str:
    """Why a function cannot become a metric; empty if it can."""
    if kind not in ("video", "set"):
        return f"'{name}' is of kind '{kind}': there are video and set"
    if why := misfit(function, VIDEO_METRIC if kind == "video" else SET_METRIC):
        return f"'{name}': a {kind} metric {why}"
    if (kind == "set") != bool(extractor):
        return f"'{name}': a set metric names its extractor, a video metric has none"
    if why := _name("metric", name) or _count("version", version) or _taken_by_literature(function, str(name)):
        return why
    if better not in DIRECTIONS:
        return f"'{name}': better is '{better}', it can be {', '.join(DIRECTIONS)}"
    return f"'{name}': its unit has more than {MAX_UNIT} characters" if len(unit) > MAX_UNIT else ""


def metric_claims(
    name: str, better: str, kind: str, aspect: str, responds: Mapping[str, str], params: Mapping[str, object]
) -> str:
    """Why what a metric says of itself cannot be accepted; empty if it can."""
    if aspect not in ASPECTS:
        return f"'{name}': aspect '{aspect}' is none of {', '.join(ASPECTS[:-1])}"
    if wrong := problem(responds, better, kind):
        return f"'{name}' {wrong}"
    try:
        canonical_json(dict(params))
    except (TypeError, ValueError) as error:
        return f"params of '{name}' cannot enter its key: {error}"
    return ""


def metric_profile(name: str, profile: str, unit: str) -> str:
    """Why what a metric says of its profile cannot be accepted; empty if it can."""
    if bool(profile) != bool(unit):
        return f"'{name}': profile and profile_unit name another quantity than the value together, or not at all"
    if len(unit) > MAX_UNIT:
        return f"'{name}': its profile_unit has more than {MAX_UNIT} characters"
    return ""


def extractor_load(load: Callable[..., Any], name: object, version: object) -> str:
    """Why a function cannot load an extractor; empty if it can."""
    if why := misfit(load, LOAD_EXTRACTOR):
        return f"'{name}': an extractor's loader {why}"
    return _name("extractor", name) or _count("version", version)


def _taken_by_literature(function: Callable[..., Any], name: str) -> str:
    """Why a name cannot be a plugin's: readers take it for a published protocol, with its network and its set sizes."""
    own = getattr(function, "__module__", "").startswith(OWN_METRICS)
    if own or not RESERVED.fullmatch(name):
        return ""
    return f"'{name}' is read as a published protocol: a column of your own needs a name of its own, such as my_{name}"


def _without_annotation(cls: type[Any]) -> Iterator[tuple[str, object]]:
    annotated = {name for base in cls.__mro__ for name in inspect.get_annotations(base)}
    own = inspect.get_annotations(cls)
    for name, value in vars(cls).items():
        plain = isinstance(value, str | int | float | list | tuple | dict | None)
        hides = name in annotated and name not in own
        if plain and not name.startswith("_") and (hides or (name not in own and not name.isupper())):
            yield name, value


def _bound(cls: type[Any], method: str) -> Callable[..., Any]:
    """A method as its caller sees it, without ``self``."""
    found: Callable[..., Any] = getattr(cls, method)
    return functools.partial(found, None) if inspect.isfunction(inspect.getattr_static(cls, method)) else found


def _slug(kind: str, name: object) -> str:
    fits = isinstance(name, str) and re.fullmatch(SLUG, name)
    return "" if fits else f"{kind} {name!r} is no name: lower-case letters, digits and dashes, at most {MAX_NAME}"


def _name(kind: str, name: object) -> str:
    fits = isinstance(name, str) and re.fullmatch(NAME, name)
    return "" if fits else f"{kind} {name!r} is no name: lower-case letters, digits, _ and -, at most {MAX_NAME}"


def _count(kind: str, number: object) -> str:
    fits = isinstance(number, int) and not isinstance(number, bool) and number >= 1
    return "" if fits else f"{kind} is {number!r}, it is a whole number from 1"


def _text(value: object) -> str:
    return "" if isinstance(value, str) else "text"


def _switch(value: object) -> str:
    return "" if isinstance(value, bool) else "True or False"


def _whole(value: object) -> str:
    fits = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return "" if fits else "a whole number from 0"


def _mapping(value: object) -> str:
    return "" if isinstance(value, Mapping) and all(isinstance(key, str) for key in value) else "a dict with text keys"


def _texts(value: object) -> str:
    fits = isinstance(value, tuple) and all(isinstance(part, str) for part in value)
    return "" if fits else 'a tuple of text, as in ("mini",)'


def _flow(value: object) -> str:
    return "" if value in ((), ("flow",)) else '("flow",) or ()'


def _weights(value: object) -> str:
    fits = isinstance(value, tuple) and all(isinstance(part, Weight) for part in value)
    return "" if fits else "a tuple of Weight, as in (a,)"


def _bounds(value: object) -> str:
    known = isinstance(value, tuple) and len(value) == 2 and all(part is None or _is_number(part) for part in value)
    if known and (None in value or value[0] < value[1]):  # type: ignore[operator, index]
        return ""
    return "(lowest, highest), where None is no limit"


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


FIELDS: Mapping[str, Callable[[object], str]] = {
    **dict.fromkeys(("summary", "unit", "extractor", "beside"), _text),
    **dict.fromkeys(("headline", "biased"), _switch),
    **dict.fromkeys(("min_items", "min_frames"), _whole),
    **dict.fromkeys(("factors", "params", "responds"), _mapping),
    **{"suites": _texts, "needs": _flow, "weights": _weights, "bounds": _bounds},
}
