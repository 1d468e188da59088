"""What the user asked for, resolved against what is installed: suite, variants and metrics, with why any is skipped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.errors import CannotStart, UsageError
from harness.flow_choice import chosen as chosen_flow
from harness.machine import Machine, look
from harness.model import Weight
from harness.paths import DEFAULT_RESULTS
from harness.plan import Column, Skip, missing_weights, skip_of
from harness.registry import ExtractorSpec, MetricSpec, Registry, VariantSpec, load_plugins
from harness.select import select
from harness.suite import LoadedSuite, load_suite
from harness.weights import missing, resolve


@dataclass(frozen=True)
class RunOptions:
    """The options of ``harness run``. ``threads`` 0 shares the cores among the workers."""

    variants: str = "all"
    suite: str = "mini"
    metrics: str = "all"
    limit: int | None = None
    results: Path = DEFAULT_RESULTS
    dry_run: bool = False
    yes: bool = False
    plugins: tuple[Path, ...] = ()
    threads: int = 0
    argv: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wishes:
    """Everything a plan is made from, except what the results folder already holds."""

    suite: LoadedSuite
    registry: Registry
    machine: Machine
    variants: tuple[tuple[VariantSpec, Skip], ...]
    columns: tuple[Column, ...]
    notes: tuple[str, ...]


def resolve_wishes(options: RunOptions, machine: Callable[[], Machine] = look) -> Wishes:
    """Load plugins and suite, and apply the selectors.

    Raises:
        UsageError: E-UNKNOWN, E-PLUGIN or E-OPTION.
        CannotStart: E-WEIGHTS-DIGEST, a weight file is not the one it claims to be; E-WEIGHTS or E-NO-GPU, when
            nothing that was selected can run.
    """
    chosen_flow()  # an unknown backend is refused here, not as a plugin that could not be loaded
    registry = load_plugins(options.plugins)
    suite = load_suite(options.suite)
    check_limit(options.limit, len(suite.suite.items))
    chosen = chosen_variants(registry, options.variants)
    notes = [f"{broken.source} was not loaded: {broken.reason}" for broken in registry.broken]
    metrics, added = chosen_metrics(registry, options.metrics)
    notes += added
    found = machine()
    variants = tuple((spec, why_skip(spec, found, suite)) for spec in chosen)
    if all(skip.reason for _, skip in variants):
        raise nothing_runs(variants)
    for spec, skip in variants:
        if not skip.reason:
            check_weights(spec.config.needs().weights, spec.name)
    columns = tuple(make_column(registry, spec, suite, options.limit) for spec in metrics)
    return Wishes(suite, registry, found, variants, columns, tuple(notes))


def check_limit(limit: int | None, items: int) -> None:
    """Raises UsageError E-OPTION unless 1 <= limit; a limit above the suite's size takes all."""
    if limit is not None and limit < 1:
        raise UsageError("E-OPTION", f"--limit {limit} leaves nothing to do.", fix=f"--limit 1 to {items}")


def chosen_variants(registry: Registry, expression: str) -> list[VariantSpec]:
    """Variants by selector; a broken plugin is fatal only if it was named."""
    versions = {name: spec.revision for name, spec in registry.variants.items()}
    names = _select(registry, expression, list(registry.variants), "variant", versions)
    return [registry.variants[name] for name in names]


def chosen_metrics(registry: Registry, expression: str) -> tuple[list[MetricSpec], list[str]]:
    """Metrics by selector, with the companions without which a number would mislead, and a note for each added."""
    versions = {name: spec.version for name, spec in registry.metrics.items()}
    names = _select(registry, expression, list(registry.metrics), "metric", versions)
    ordered: list[str] = []
    notes = []
    # Quality first; what describes without judging comes after the metric it is read beside.
    for name in sorted(names, key=lambda n: registry.metrics[n].better == "none"):
        beside = registry.metrics[name].beside
        ordered += [n for n in (name, beside) if n in registry.metrics and n not in ordered]
        if beside in registry.metrics and beside not in names:
            notes.append(f"{beside} added: {name} is read beside it")
    return [registry.metrics[name] for name in ordered], notes


def why_skip(spec: VariantSpec, machine: Machine, suite: LoadedSuite) -> Skip:
    """Why a variant cannot run here on this suite."""
    needs = spec.config.needs()
    has_real = needs.real and suite.real(suite.suite.items[0]) is not None
    return skip_of(needs, machine, missing(needs.weights), has_real=has_real)


def make_column(registry: Registry, spec: MetricSpec, suite: LoadedSuite, limit: int | None = None) -> Column:
    """A metric with its key, and why it cannot be computed here if it cannot."""
    key = str(registry.metric_key(spec))
    if spec.scope != "set":
        return Column(spec, key, skip=_video_skip(spec))
    extractor = registry.extractor(spec.extractor)
    absent = missing(extractor.weights)
    skip = set_skip(spec, extractor, suite, limit)
    if absent:
        skip = missing_weights(absent)
    elif not skip.reason:
        check_weights(extractor.weights, spec.name)
    return Column(spec, key, extractor.key, skip)


def _video_skip(spec: MetricSpec) -> Skip:
    """Why a video metric cannot be computed on this machine: weights of its own, or of the chosen flow backend."""
    flow = chosen_flow().weight if "flow" in spec.needs else None
    weights = (*spec.weights, flow) if flow else spec.weights
    if absent := missing(weights):
        return missing_weights(absent)
    check_weights(weights, spec.name)
    return Skip()


def set_skip(spec: MetricSpec, extractor: ExtractorSpec, suite: LoadedSuite, limit: int | None) -> Skip:
    """Why a set metric is not computed for the first ``limit`` items of a suite, whatever the machine has."""
    items, frames = len(suite.suite.items[:limit]), suite.suite.protocol.num_frames
    if not suite.reference_key:
        return Skip("the suite has no reference set")
    if frames < extractor.min_frames:
        return Skip(f"needs {extractor.min_frames} frames or more, this suite's videos have {frames}")
    if items < spec.min_items:
        return Skip(f"needs {spec.min_items} items or more, this run has {items}: with fewer it is mostly bias")
    return Skip()


def check_weights(weights: Iterable[Weight], owner: str) -> None:
    """Raises CannotStart E-WEIGHTS-DIGEST for a file with other bytes, naming who would have used it."""
    for weight in weights:
        try:
            resolve(weight)
        except CannotStart as error:
            fix = f"{error.fix}; or leave it out: --variants 'all,-{owner}'" if error.fix else ""
            raise CannotStart(
                error.code, f"{owner}: {error.what}", where=error.where, why=error.why, fix=fix
            ) from error


def nothing_runs(variants: Sequence[tuple[VariantSpec, Skip]]) -> CannotStart:
    """The error when every selected variant would be skipped."""
    spec, skip = variants[0]
    code = "E-WEIGHTS" if skip.reason.startswith("no weights") else "E-NO-GPU" if "GPU" in skip.reason else "E-NEEDS"
    others = f" and {len(variants) - 1} more" if len(variants) > 1 else ""
    fix = skip.remedy or f"harness doctor {spec.name}"
    return CannotStart(code, f"{spec.name}{others} cannot run here.", why=skip.reason, fix=fix)


def with_absolute_paths(options: RunOptions) -> RunOptions:
    """Workers are started from the same folder, but a plugin may change it."""
    return replace(
        options,
        results=options.results.absolute(),
        plugins=tuple(path.absolute() for path in options.plugins),
    )


def _select(
    registry: Registry, expression: str, names: Sequence[str], kind: str, versions: Mapping[str, int]
) -> list[str]:
    """Apply a selector; when a name is unknown, the plugins that did not load may be why."""
    try:
        return select(expression, names, kind, versions)
    except UsageError as error:
        if registry.broken and error.code == "E-UNKNOWN":
            reasons = "\n".join(f"{broken.source}: {broken.reason}" for broken in registry.broken)
            error.why = f"it may be in a plugin that was not loaded:\n{reasons}"
        raise
