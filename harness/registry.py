"""Variants, metrics and extractors: the decorators that register them, and their look-up.

A plugin is validated when it registers, not when it is used: what does not fit is refused with the plugin's own
definition quoted. How plugins are found is in `harness.doors`.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from harness import plugin_checks
from harness.contracts import Extractor
from harness.errors import UsageError, unknown_name
from harness.keys import MetricKey, VariantKey, digest, sha256_file
from harness.model import Direction, Needs, Weight
from harness.plugin_errors import Broken, refused, source_of

Level = str | int | bool
ROUNDING = 1e-6  # by which arithmetic may leave a metric's bounds
OWN = "harness.variants."  # their needs() may read gigabytes to identify weights, and tests ask each
WORKING = "`harness new {} NAME` writes one that works"


@dataclass(frozen=True)
class VariantSpec:
    """A registered variant: one row of the board.

    ``factors`` places it in an experiment: which level of each factor it has. Variants of one family that name the
    same factors are analysed together (see `harness.ablation`). A description, never identity.
    ``suites`` are those it is meant for, names or globs, empty for any. The videos of an ``imported`` row were made
    elsewhere: those that are not there are not made.
    """

    name: str
    revision: int
    family: str
    role: str  # method | ablation | baseline | control
    summary: str
    config: Any  # an instance of Variant
    source: str
    factors: Mapping[str, Level] = field(default_factory=dict, hash=False)
    suites: tuple[str, ...] = ()
    imported: bool = False
    asked: Needs | None = field(default=None, compare=False, repr=False)

    @property
    def needs(self) -> Needs:
        """Weights and hardware: what a plugin said when it was registered, and what one of our own says now."""
        return self.config.needs() if self.asked is None else self.asked

    @property
    def params(self) -> dict[str, object]:
        """The configuration's fields."""
        return dataclasses.asdict(self.config)

    @property
    def key(self) -> VariantKey:
        """Identity of the row."""
        weights = {w.name: w.sha256 for w in self.needs.weights}
        return VariantKey(digest("variant/1", self.name, self.revision, self.params, weights))


@dataclass(frozen=True)
class MetricSpec:
    """A registered metric: one column of the board.

    ``scope`` is ``video`` (a function of a clip) or ``set`` (a function of two feature sets). ``beside`` names
    another metric that must be shown beside it, for a number that misleads alone. ``weights`` are those a video
    metric loads itself; a set metric's belong to its extractor. Below ``min_items`` items a set
    metric is not computed: its number would be mostly bias. A ``biased`` one shrinks with the number of items, so it
    is marked below as many items as features, and extrapolated where there are enough. ``aspect`` is what it judges,
    one of `harness.columns.ASPECTS`, and a ``headline`` stands first on the board. ``responds`` is what a video metric
    promises about changed clips (`harness.responses`). ``bounds`` are the lowest and the highest value that there can
    be, None where there is no limit. ``profile`` and ``profile_unit`` say what a score's profile is where it is another
    quantity than the value, and stay empty where it is the same one. None of the seven is identity.
    """

    name: str
    version: int
    better: Direction
    unit: str
    summary: str
    function: Callable[..., Any]
    source: str
    scope: str = "video"
    needs: tuple[str, ...] = ()
    extractor: str = ""
    beside: str = ""
    params: Mapping[str, object] = field(default_factory=dict)
    weights: tuple[Weight, ...] = ()
    min_items: int = 0
    aspect: str = ""
    headline: bool = False
    biased: bool = False
    responds: Mapping[str, str] = field(default_factory=dict)
    bounds: tuple[float | None, float | None] = (None, None)
    profile: str = ""
    profile_unit: str = ""

    @property
    def label(self) -> str:
        """``name@version``."""
        return f"{self.name}@{self.version}"

    def outside(self, value: float) -> str:
        """Why a value cannot be this metric's; empty where it lies within ``bounds``, rounding allowed for."""
        low, high = self.bounds
        if (low is None or value >= low - ROUNDING) and (high is None or value <= high + ROUNDING):
            return ""
        ends = ("-infinity" if low is None else f"{low:g}", "infinity" if high is None else f"{high:g}")
        return f"{value:g} lies outside of what {self.label} can be, {' to '.join(ends)}"

    def key(self, extractor: ExtractorSpec | None = None) -> MetricKey:
        """Identity of the column; a set metric's includes its extractor's."""
        weights = extractor.identity() if extractor else {w.name: w.sha256 for w in self.weights}
        return MetricKey(digest("metric/1", self.name, self.version, dict(self.params), weights))


@dataclass(frozen=True)
class ExtractorSpec:
    """A registered feature network for set metrics; it takes videos of ``min_frames`` frames or more."""

    name: str
    version: int
    summary: str
    weights: tuple[Weight, ...]
    load: Callable[[str], Extractor]
    source: str
    min_frames: int = 1
    params: Mapping[str, object] = field(default_factory=dict)
    needs: tuple[str, ...] = ()

    def identity(self) -> dict[str, object]:
        """What enters the key of every metric that uses the network."""
        weights = {w.name: w.sha256 for w in self.weights}
        settings = {"params": dict(self.params)} if self.params else {}
        return {"extractor": self.name, "version": self.version, "weights": weights, **settings}

    @property
    def label(self) -> str:
        """``name@version``."""
        return f"{self.name}@{self.version}"

    @property
    def key(self) -> str:
        """Identity of the features this network gives."""
        return digest("extractor/1", self.identity())


S = TypeVar("S")


@dataclass
class Registry:
    """Everything that has been registered in this process. ``files`` are the plugin files that were loaded."""

    variants: dict[str, VariantSpec] = field(default_factory=dict)
    metrics: dict[str, MetricSpec] = field(default_factory=dict)
    extractors: dict[str, ExtractorSpec] = field(default_factory=dict)
    broken: list[Broken] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)

    def variant(self, name: str) -> VariantSpec:
        """Look up a variant; raises UsageError E-UNKNOWN or E-PLUGIN."""
        return self._find("variant", self.variants, name)

    def parent(self, spec: VariantSpec) -> VariantSpec | None:
        """The registered variant whose class a variant's class derives from, the nearest; None where there is none."""
        held = {type(other.config): other for other in self.variants.values() if other.name != spec.name}
        return next((held[base] for base in type(spec.config).__mro__[1:] if base in held), None)

    def metric(self, name: str) -> MetricSpec:
        """Look up a metric; raises UsageError E-UNKNOWN or E-PLUGIN."""
        return self._find("metric", self.metrics, name)

    def extractor(self, name: str) -> ExtractorSpec:
        """Look up an extractor; raises UsageError E-UNKNOWN or E-PLUGIN."""
        return self._find("extractor", self.extractors, name)

    def metric_key(self, metric: MetricSpec) -> MetricKey:
        """Identity of a metric, its extractor included."""
        return metric.key(self.extractor(metric.extractor) if metric.extractor else None)

    def not_loaded(self, name: str) -> UsageError | None:
        """The error for a name that a broken plugin would have registered; None where none would."""
        for broken in self.broken:
            if name in broken.names or Path(broken.source).stem in (name, name.replace("-", "_")):
                return UsageError(
                    "E-PLUGIN",
                    f"{broken.source} was not loaded.",
                    where=broken.where,
                    why=f"{broken.reason}\nIt is only fatal because you selected {name}.",
                    fix="mend the plugin; HARNESS_TRACE_PLUGINS=1 shows its whole traceback",
                )
        return None

    def _find(self, kind: str, table: dict[str, S], name: str) -> S:
        if name in table:
            return table[name]
        raise self.not_loaded(name) or unknown_name(kind, name, table)


REGISTRY = Registry()
V = TypeVar("V")
F = TypeVar("F", bound=Callable[..., Any])


def variant(
    name: str,
    *,
    revision: int,
    family: str,
    summary: str,
    role: str = "ablation",
    factors: Mapping[str, Level] | None = None,
    suites: tuple[str, ...] = (),
) -> Callable[[type[V]], type[V]]:
    """Register a class as a variant; it becomes a frozen dataclass and is built with its defaults.

    ``factors`` says which level of each factor of an experiment the variant has, such as ``{"conv": True}``: text,
    whole numbers or booleans. `harness compare --ablation` finds factorials and contrasts among such variants.
    ``suites`` names those it is meant for: on any other, ``all`` and globs pass it over, and it is not run.

    Raises:
        UsageError: E-PLUGIN, the class lacks ``needs`` or ``load``, a name or a field cannot enter a key, or the name
            is taken; with the class's own definition.
    """

    def register(cls: type[V]) -> type[V]:
        levels = factors or {}
        why = plugin_checks.fields(name, summary=summary, factors=levels, suites=suites)
        why = why or plugin_checks.variant_class(cls, name, revision, family, role)
        if why := why or plugin_checks.factors(name, levels):
            raise refused(cls, why, WORKING.format("variant"))
        frozen: Any = cls if _is_one_already(cls) else dataclasses.dataclass(frozen=True)(cls)
        config, why = plugin_checks.variant_config(name, frozen)
        source, asked, line = source_of(cls), None, ""
        if not why and not cls.__module__.startswith(OWN):
            asked, why, line = plugin_checks.variant_needs(name, config, source)
        if why:
            raise refused(cls, why, WORKING.format("variant"), line)
        spec = VariantSpec(name, revision, family, role, summary, config, source, dict(levels), suites, asked=asked)
        _add(REGISTRY.variants, name, spec, cls)
        return frozen  # type: ignore[no-any-return]

    return register


def metric(
    name: str,
    *,
    version: int,
    better: Direction,
    unit: str,
    summary: str,
    needs: tuple[str, ...] = (),
    kind: str = "video",
    extractor: str = "",
    beside: str = "",
    params: Mapping[str, object] | None = None,
    min_items: int = 0,
    weights: tuple[Weight, ...] = (),
    aspect: str = "",
    headline: bool = False,
    biased: bool = False,
    responds: Mapping[str, str] | None = None,
    bounds: tuple[float | None, float | None] = (None, None),
    profile: str = "",
    profile_unit: str = "",
) -> Callable[[F], F]:
    """Register a function as a metric: ``(Clip) -> Score``, or ``(Features, Features) -> float`` for a set.

    A video metric that names an argument ``item`` is also given the clip's `Item`, with its prompt.

    ``responds`` declares the answer of a video metric to changed clips, see `harness.responses`; it is optional. So are
    ``bounds``, the lowest and the highest possible value: a published score outside of them is refused. ``profile`` and
    ``profile_unit`` name what a score's profile shows, where that is another quantity than the value.

    Raises:
        UsageError: E-PLUGIN, the signature does not fit, the aspect or a declared response is none that there is, or
            the name is taken; with the function's own definition.
    """

    def register(function: F) -> F:
        stated = {"summary": summary, "unit": unit, "extractor": extractor, "beside": beside, "bounds": bounds}
        marks = {"headline": headline, "biased": biased, "min_items": min_items}
        uses = {"needs": needs, "weights": weights, "params": params or {}, "responds": responds or {}}
        why = plugin_checks.fields(name, **stated, **marks, **uses)
        why = why or plugin_checks.metric_function(function, name, version, better, unit, kind, extractor)
        why = why or plugin_checks.metric_claims(name, better, kind, aspect, responds or {}, params or {})
        why = why or plugin_checks.metric_profile(name, profile, profile_unit)
        if why:
            raise refused(function, why, WORKING.format("metric"))
        known = (name, version, better, unit, summary, function, source_of(function), kind, needs, extractor, beside)
        told = (aspect, headline, biased, responds or {}, bounds, profile, profile_unit)
        spec = MetricSpec(*known, params or {}, weights, min_items, *told)
        _add(REGISTRY.metrics, name, spec, function)
        return function

    return register


def extractor(
    name: str,
    *,
    version: int,
    summary: str,
    weights: tuple[Weight, ...] = (),
    min_frames: int = 1,
    params: Mapping[str, object] | None = None,
    needs: tuple[str, ...] = (),
) -> Callable[[F], F]:
    """Register a loader ``(device) -> Extractor`` under a name that set metrics refer to.

    ``params`` are settings that its features depend on; like the weights, they enter every key. ``needs`` is
    ``("flow",)`` where it uses the clip's flow, whose cost it then shares.

    Where videos have fewer than ``min_frames`` frames, its metrics are not computed and nothing is extracted.
    """

    def register(load: F) -> F:
        uses = {"summary": summary, "weights": weights, "params": params or {}, "needs": needs}
        why = plugin_checks.fields(name, min_frames=min_frames, **uses)
        if why := why or plugin_checks.extractor_load(load, name, version):
            raise refused(load, why, WORKING.format("metric --set"))
        spec = ExtractorSpec(name, version, summary, weights, load, source_of(load), min_frames, params or {}, needs)
        _add(REGISTRY.extractors, name, spec, load)
        return load

    return register


def load_plugins(files: Iterable[Path] = ()) -> Registry:
    """Open all doors (`harness.doors`) and return what is registered. Calling it again adds only what is new.

    Raises:
        UsageError: E-PLUGIN, one of ``files`` cannot be loaded; E-CONFIG, ``harness.toml`` cannot be read.
    """
    from harness.doors import open_doors

    open_doors(files)
    return REGISTRY


def source_digest(spec: VariantSpec | MetricSpec | ExtractorSpec) -> str:
    """sha256 of the plugin's file: provenance, never identity."""
    path = Path(spec.source)
    return sha256_file(path) if path.is_file() else ""


def _is_one_already(cls: type) -> bool:
    """Whether a class adds no field to the frozen dataclass that it inherits from; making it one again takes time."""
    inherited: Any = getattr(cls, "__dataclass_params__", None)
    return bool(inherited and inherited.frozen and not inspect.get_annotations(cls))


def _add(table: dict[str, Any], name: str, spec: Any, thing: object) -> None:
    held = table.get(name)
    if held is not None and held.source != spec.source:
        raise refused(thing, f"the name '{name}' is already taken by {held.source}", "give it a name of its own")
    table[name] = spec
