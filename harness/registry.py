"""Variants, metrics and extractors: the decorators that register them, and their look-up.

A plugin is validated when it registers, not when it is used: a wrong signature is refused with the plugin's own
name and definition. A plugin file that cannot be imported becomes a `Broken` record; it is fatal only if selected.
"""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import inspect
import pkgutil
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from harness.columns import ASPECTS
from harness.contracts import Extractor
from harness.errors import HarnessError, UsageError, unknown_name
from harness.keys import MetricKey, VariantKey, digest, sha256_file
from harness.model import Direction, Weight
from harness.responses import problem

Level = str | int | bool
BUILT_IN = ("harness.variants", "harness.metrics")


@dataclass(frozen=True)
class VariantSpec:
    """A registered variant: one row of the board.

    ``factors`` places it in an experiment: which level of each factor it has. Variants of one family that name the
    same factors are analysed together (see `harness.ablation`). A description, never identity.
    ``suites`` are those it is meant for, names or globs, empty for any.
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

    @property
    def params(self) -> dict[str, object]:
        """The configuration's fields."""
        return dataclasses.asdict(self.config)

    @property
    def key(self) -> VariantKey:
        """Identity of the row."""
        weights = {w.name: w.sha256 for w in self.config.needs().weights}
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
    promises about changed clips (`harness.responses`). None of the four is identity.
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

    @property
    def label(self) -> str:
        """``name@version``."""
        return f"{self.name}@{self.version}"

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


@dataclass(frozen=True)
class Broken:
    """A plugin module that could not be loaded, and the last line of why."""

    source: str
    reason: str


S = TypeVar("S")


@dataclass
class Registry:
    """Everything that has been registered in this process."""

    variants: dict[str, VariantSpec] = field(default_factory=dict)
    metrics: dict[str, MetricSpec] = field(default_factory=dict)
    extractors: dict[str, ExtractorSpec] = field(default_factory=dict)
    broken: list[Broken] = field(default_factory=list)

    def variant(self, name: str) -> VariantSpec:
        """Look up a variant; raises UsageError E-UNKNOWN or E-PLUGIN."""
        return self._find("variant", self.variants, name)

    def metric(self, name: str) -> MetricSpec:
        """Look up a metric; raises UsageError E-UNKNOWN or E-PLUGIN."""
        return self._find("metric", self.metrics, name)

    def extractor(self, name: str) -> ExtractorSpec:
        """Look up an extractor; raises UsageError E-UNKNOWN or E-PLUGIN."""
        return self._find("extractor", self.extractors, name)

    def metric_key(self, metric: MetricSpec) -> MetricKey:
        """Identity of a metric, its extractor included."""
        return metric.key(self.extractor(metric.extractor) if metric.extractor else None)

    def _find(self, kind: str, table: dict[str, S], name: str) -> S:
        if name in table:
            return table[name]
        for broken in self.broken:
            if Path(broken.source).stem in (name, name.replace("-", "_")):
                raise UsageError("E-PLUGIN", f"{broken.source} was not loaded.", why=broken.reason)
        raise unknown_name(kind, name, table)


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
        UsageError: E-PLUGIN, the class lacks ``needs`` or ``load``, a level is of another type, or the name is taken.
    """

    def register(cls: type[V]) -> type[V]:
        frozen: Any = dataclasses.dataclass(frozen=True)(cls)
        for method in ("needs", "load"):
            if not callable(getattr(cls, method, None)):
                raise _bad_plugin(cls, f"variant '{name}' has no method {method}()")
        levels = dict(factors or {})
        if not all(isinstance(level, str | int) for level in levels.values()):
            raise _bad_plugin(cls, f"variant '{name}': a factor's level is text, a whole number or a boolean")
        spec = VariantSpec(name, revision, family, role, summary, frozen(), _source(cls), levels, suites)
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
) -> Callable[[F], F]:
    """Register a function as a metric: ``(Clip) -> Score``, or ``(Features, Features) -> float`` for a set.

    ``responds`` declares the answer of a video metric to changed clips, see `harness.responses`; it is optional.

    Raises:
        UsageError: E-PLUGIN, the signature does not fit, the aspect or a declared response is none that there is, or
            the name is taken.
    """

    def register(function: F) -> F:
        expected = 1 if kind == "video" else 2
        found = len(inspect.signature(function).parameters)
        if kind not in ("video", "set") or found != expected:
            raise _bad_plugin(function, f"a {kind} metric takes {expected} argument(s), '{name}' takes {found}")
        if (kind == "set") != bool(extractor):
            raise _bad_plugin(function, f"'{name}': a set metric names its extractor, a video metric has none")
        if aspect not in ASPECTS:
            raise _bad_plugin(function, f"'{name}': aspect '{aspect}' is none of {', '.join(ASPECTS[:-1])}")
        if wrong := problem(responds or {}, better, kind):
            raise _bad_plugin(function, f"'{name}' {wrong}")
        known = (name, version, better, unit, summary, function, _source(function), kind, needs, extractor, beside)
        spec = MetricSpec(*known, params or {}, weights, min_items, aspect, headline, biased, responds or {})
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
        spec = ExtractorSpec(name, version, summary, weights, load, _source(load), min_frames, params or {}, needs)
        _add(REGISTRY.extractors, name, spec, load)
        return load

    return register


def load_plugins(files: Iterable[Path] = ()) -> Registry:
    """Import the built-in folders and the given files. Calling it again adds only what is new.

    Raises:
        UsageError: E-PLUGIN, a file named by the user cannot be loaded.
    """
    for package_name in BUILT_IN:
        package = importlib.import_module(package_name)
        for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda m: m.name):
            if not module.name.startswith("_"):
                _import_quietly(f"{package_name}.{module.name}")
    for path in files:
        load_file(path)
    return REGISTRY


def load_file(path: Path) -> None:
    """Import one plugin file.

    Raises:
        UsageError: E-PLUGIN, with the failing line.
    """
    name = f"exvideo_bench_plugin_{path.stem}"
    if name in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise UsageError("E-PLUGIN", f"{path} is not a Python file.", fix="--plugin takes the path of a .py file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise UsageError("E-PLUGIN", f"{path} was not loaded.", why=last_line(error)) from error


def last_line(error: BaseException) -> str:
    """The last line of a traceback and where it happened, for listings."""
    if isinstance(error, HarnessError):
        return f"{error.what} {error.why}".strip()
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{Path(frames[-1].filename).name}, line {frames[-1].lineno}: " if frames else ""
    return f"{place}{type(error).__name__}: {error}"


def _import_quietly(name: str) -> None:
    try:
        importlib.import_module(name)
    except Exception as error:
        if not any(b.source == name for b in REGISTRY.broken):
            REGISTRY.broken.append(Broken(name, last_line(error)))


def _add(table: dict[str, Any], name: str, spec: Any, thing: object) -> None:
    held = table.get(name)
    if held is not None and held.source != spec.source:
        raise _bad_plugin(thing, f"the name '{name}' is already taken by {held.source}")
    table[name] = spec


def _source(thing: object) -> str:
    """The file of the module that a class or function calls its own, wherever a helper may have made it."""
    module = sys.modules.get(getattr(thing, "__module__", ""))
    return getattr(module, "__file__", None) or inspect.getsourcefile(thing) or "<unknown>"  # type: ignore[arg-type]


def source_digest(spec: VariantSpec | MetricSpec | ExtractorSpec) -> str:
    """sha256 of the plugin's file: provenance, never identity."""
    path = Path(spec.source)
    return sha256_file(path) if path.is_file() else ""


def _bad_plugin(thing: object, why: str) -> UsageError:
    try:
        lines, number = inspect.getsourcelines(thing)  # type: ignore[arg-type]
        where = f"{_source(thing)}:{number}\n" + "".join(lines[:4]).rstrip()
    except (OSError, TypeError):
        where = repr(thing)
    return UsageError("E-PLUGIN", "A plugin was refused.", where=where, why=why, fix="see CONTRIBUTING.md")
