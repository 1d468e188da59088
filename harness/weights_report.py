"""Every weight file that anything here can use: what it is, who uses it, whether it is on this machine."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.errors import CannotStart, unknown_name
from harness.model import Weight
from harness.registry import Registry
from harness.weights import missing, remedy, resolve
from harness.weights_catalogue import CATALOGUE
from harness.weights_fetch import describe


@dataclass(frozen=True)
class WeightReport:
    """One weight file. ``state`` is ``ok``, ``missing`` or ``wrong``; ``size`` in bytes, 0 where it is not known.

    ``place`` is the path of a file that is here, ``source`` where it can be fetched from, ``remedy`` how to get it.
    """

    name: str
    state: str
    size: int
    sha256: str
    licence: str
    source: str
    place: str
    used_by: tuple[str, ...]
    remedy: str


def known_weights(registry: Registry) -> dict[Weight, tuple[str, ...]]:
    """Every weight file with the names of its users: the catalogue's, and those of variants, extractors and metrics."""
    users: dict[Weight, list[str]] = {weight: [] for weight in CATALOGUE.values()}
    for variant in registry.variants.values():
        for weight in variant.needs.weights:
            users.setdefault(weight, []).append(variant.name)
    for extractor in registry.extractors.values():
        for weight in extractor.weights:
            users.setdefault(weight, []).append(extractor.name)
    for metric in registry.metrics.values():
        for weight in metric.weights:
            users.setdefault(weight, []).append(metric.name)
    return {weight: tuple(dict.fromkeys(names)) for weight, names in users.items()}


def report(registry: Registry) -> list[WeightReport]:
    """The state of every known weight file; reads each that is here once, to check it."""
    return [_report(weight, users) for weight, users in known_weights(registry).items()]


def choose(registry: Registry, names: Sequence[str]) -> list[Weight]:
    """The weight files that are named, or used by a variant or extractor that is; all that are missing for no name.

    A name may be a glob. Without a name, files that no source is known for are left out, and those that only rows
    for a GPU use: they are gigabytes, to be had by name.

    Raises:
        UsageError: E-UNKNOWN.
    """
    known = known_weights(registry)
    if not names:
        heavy = {name for name, spec in registry.variants.items() if spec.needs.gpu}
        wanted = [weight for weight, users in known.items() if not users or set(users) - heavy]
        return [weight for weight in missing(wanted) if weight.source is not None]
    found: dict[Weight, None] = {}
    for name in names:
        matches = [w for w, users in known.items() if any(fnmatch.fnmatchcase(n, name) for n in (w.name, *users))]
        if not matches:
            error = unknown_name("weight", name, _every_name(known.items()))
            error.fix = error.fix.replace("harness list weights", "harness doctor --weights")
            raise error
        found.update(dict.fromkeys(matches))
    return list(found)


def _every_name(known: Iterable[tuple[Weight, tuple[str, ...]]]) -> set[str]:
    return {name for weight, users in known for name in (weight.name, *users)}


def _report(weight: Weight, users: tuple[str, ...]) -> WeightReport:
    place, state, size, fix = "", "ok", weight.size, ""
    try:
        path = resolve(weight)
        place, size = str(path), path.stat().st_size
    except CannotStart as error:
        state = "missing" if missing([weight]) else "wrong"
        fix = remedy(weight) if state == "missing" else f"{error.where}: {error.fix}"
    return WeightReport(
        weight.name, state, size, weight.sha256, weight.licence, describe(weight.source), place, users, fix
    )
