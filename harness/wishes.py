"""What the user asked for, resolved against what is installed: suite, variants and metrics, with why any is skipped."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from harness.columns import ordered
from harness.errors import CannotStart, UsageError
from harness.flow_choice import chosen as chosen_flow
from harness.imported import load_all
from harness.machine import Machine, look, with_gpus_elsewhere
from harness.model import Weight
from harness.paths import DEFAULT_RESULTS, naming, typed
from harness.plan import MIN_SET_ITEMS, Column, Skip, missing_weights, protocol_skip, skip_of
from harness.redo import parse_redo, variants_of
from harness.reference_folder import VARIABLE, with_reference
from harness.registry import ExtractorSpec, MetricSpec, Registry, VariantSpec
from harness.select import select
from harness.suite import LoadedSuite, is_folder, load_suite, suite_names
from harness.weights import missing, resolve

ELSEWHERE = "harness run --suite"  # without the variant's name: equal remedies are told once
NO_SUITE = "harness new suite NAME --images DIR, then width, height and num_frames in its suite.toml"


@dataclass(frozen=True)
class RunOptions:
    """The options of ``harness run``. ``threads`` 0 shares the cores among the workers, ``workers`` 0 is one per device
    and one that measures.

    Without ``variants``, those of ``redo`` are run, and without either, what the suite says. ``task_timeout`` is in
    seconds, infinite for no limit; None derives one.
    """

    variants: str | None = None
    suite: str = "mini"
    metrics: str = "all"
    limit: int | None = None
    results: Path = DEFAULT_RESULTS
    dry_run: bool = False
    yes: bool = False
    plugins: tuple[Path, ...] = ()
    threads: int = 0
    argv: tuple[str, ...] = ()
    offload: bool = False
    strict: bool = False
    task_timeout: float | None = None
    max_failures: str | None = None
    redo: tuple[str, ...] = ()
    artefacts: str = ""  # URL of the shelf, see `harness.shelf`; empty for that of before, if any
    workers: int = 0
    gpus_elsewhere: bool = False  # on the nodes that an engine starts jobs on
    confirm_above: float = 3600.0  # seconds of estimated time above which it is asked
    accept_sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wishes:
    """Everything a plan is made from, except what the results folder already holds."""

    suite: LoadedSuite
    registry: Registry
    machine: Machine
    variants: tuple[tuple[VariantSpec, Skip], ...]
    columns: tuple[Column, ...]
    notes: tuple[str, ...]
    redo: Mapping[str, frozenset[str]] = field(default_factory=dict)  # the items to make again, by variant
    same_place: str = ""  # the options that name the same folder, suite and plugins in another command


def resolve_wishes(options: RunOptions, machine: Callable[[], Machine] = look) -> Wishes:
    """Load plugins and suite, and apply the selectors.

    Raises:
        UsageError: E-UNKNOWN, E-PLUGIN or E-OPTION.
        Refused: E-SUITE, a picture of a suite in a folder is missing or another.
        CannotStart: E-WEIGHTS-DIGEST, a weight file is not the one it claims to be; E-WEIGHTS or E-NO-GPU, when
            nothing that was selected can run.
    """
    chosen_flow()  # an unknown backend is refused here, not as a plugin that could not be loaded
    registry = load_all(options.results, options.plugins)
    suite = with_reference(load_suite(options.suite))
    check_limit(options.limit, len(suite.suite.items))
    if is_folder(options.suite):
        check_pictures(suite, options.limit)
    chosen = chosen_variants(registry, options.variants or variants_of(options.redo) or None, suite)
    slugs = [item.slug for item in suite.suite.items[: options.limit]]
    redo = parse_redo(options.redo, [spec.name for spec in chosen], slugs, suite.suite.name)
    check_redo(registry, redo)
    notes = [f"{broken.source} was not loaded: {broken.reason}" for broken in registry.broken]
    metrics, added = chosen_metrics(registry, options.metrics)
    notes += added
    found = with_gpus_elsewhere(machine()) if options.gpus_elsewhere else machine()
    has_real = real_lengths(suite)
    variants = tuple((spec, why_skip(spec, found, suite, has_real, options.offload)) for spec in chosen)
    if all(skip.reason for _, skip in variants):
        raise nothing_runs(variants)
    for spec, skip in variants:
        if not skip.reason:
            check_weights(spec.needs.weights, spec.name)
    columns = tuple(make_column(registry, spec, suite, options.limit) for spec in metrics)
    return Wishes(suite, registry, found, variants, columns, tuple(notes), redo, same_place(options))


def same_place(options: RunOptions) -> str:
    """What another command needs in order to speak of the same results, as it is typed in the current folder."""
    suite = "" if options.suite == RunOptions.suite else f" --suite {shlex.quote(options.suite)}"
    plugins = [f" --plugin {shlex.quote(typed(path))}" for path in options.plugins]
    return naming(options.results) + suite + "".join(plugins)


def check_redo(registry: Registry, redo: Iterable[str]) -> None:
    """Raises UsageError E-IMPORTED for a row that cannot be made again, because its videos came from elsewhere."""
    for spec in (registry.variants[name] for name in redo):
        if spec.imported:
            raise UsageError(
                "E-IMPORTED",
                f"--redo: the videos of {spec.name} were made elsewhere.",
                fix=f"other videos of the same items are a row of their own: "
                f"harness import SOURCE --as {spec.name} --revision {spec.revision + 1}",
            )


def check_limit(limit: int | None, items: int) -> None:
    """Raises UsageError E-OPTION unless 1 <= limit; a limit above the suite's size takes all."""
    if limit is not None and limit < 1:
        raise UsageError("E-OPTION", f"--limit {limit} leaves nothing to do.", fix=f"--limit 1 to {items}")


def check_pictures(suite: LoadedSuite, limit: int | None) -> None:
    """Raises Refused E-SUITE for a picture that is missing or changed, before anything is made of the others."""
    for item in suite.suite.items[:limit]:
        suite.image(item)


def chosen_variants(registry: Registry, expression: str | None, suite: LoadedSuite) -> list[VariantSpec]:
    """Variants by selector, the suite's own for None; a broken plugin is fatal only if it was named."""
    versions = {name: spec.revision for name, spec in registry.variants.items()}
    foreign = {name: why for name, spec in registry.variants.items() if (why := why_foreign(spec, suite))}
    wanted = suite.variants if expression is None else expression
    names = _select(registry, wanted, list(registry.variants), "variant", versions, foreign)
    return [registry.variants[name] for name in names]


def why_foreign(spec: VariantSpec, suite: LoadedSuite) -> str:
    """Why a variant is not meant for a suite, empty if it is."""
    if not spec.suites or any(fnmatchcase(suite.suite.name, pattern) for pattern in spec.suites):
        return ""
    return f"is for suite {' or '.join(spec.suites)}"


def chosen_metrics(registry: Registry, expression: str) -> tuple[list[MetricSpec], list[str]]:
    """Metrics by selector, with the companions without which a number would mislead, and a note for each added."""
    versions = {name: spec.version for name, spec in registry.metrics.items()}
    names = _select(registry, expression, list(registry.metrics), "metric", versions)
    beside = {name: registry.metrics[name].beside for name in names}
    added = {other: name for name, other in beside.items() if other in registry.metrics and other not in names}
    notes = [f"{other} added: {name} is read beside it" for other, name in added.items()]
    notes += [
        f"! {name} is to be read beside {other}, and there is no such metric"
        for name, other in beside.items()
        if other and other not in registry.metrics
    ]
    return ordered(registry.metrics[name] for name in (*names, *added)), notes


def why_skip(
    spec: VariantSpec,
    machine: Machine,
    suite: LoadedSuite,
    has_real: Callable[[int], bool],
    offload: bool = False,
) -> Skip:
    """Why a variant cannot run here on this suite; ``has_real`` as from `real_lengths`.

    How much GPU memory is enough with ``offload`` is not known beforehand: then it is tried.
    """
    if foreign := why_foreign(spec, suite):
        return Skip(foreign, f"harness run --suite {spec.suites[0]} --variants {spec.name}")
    needs = replace(spec.needs, vram_bytes=0) if offload else spec.needs
    if (unfit := protocol_skip(needs, suite.suite.protocol)).reason:
        # First, because no weights and no GPU would help.
        other = fitting_suite(spec)
        return Skip(unfit.reason, f"{ELSEWHERE} {other}" if other else NO_SUITE)
    real, longer = needs.real and has_real(1), needs.real and has_real(needs.real_times)
    return skip_of(needs, machine, missing(needs.weights), has_real=real, has_longer=longer)


def own_suite(spec: VariantSpec) -> str:
    """The suite to try a variant on: empty for that of a run that names none, which is taken where it fits."""
    usual = _installed_suite(RunOptions.suite)
    fits = not why_foreign(spec, usual) and not protocol_skip(spec.needs, usual.suite.protocol).reason
    return "" if fits else fitting_suite(spec)


def fitting_suite(spec: VariantSpec) -> str:
    """The first installed suite that a variant is meant for and can make videos of; empty where there is none."""
    loaded = map(_installed_suite, suite_names())
    fit = (s for s in loaded if not why_foreign(spec, s) and not protocol_skip(spec.needs, s.suite.protocol).reason)
    return next((s.suite.name for s in fit if spec.suites or s.variants == "all"), "")


@cache
def _installed_suite(name: str) -> LoadedSuite:
    """A suite of the installation, which stays what it is: a plan may ask once for each row that it leaves out."""
    return load_suite(name)


def real_lengths(suite: LoadedSuite) -> Callable[[int], bool]:
    """Whether the suite's first item has a real clip of so many times a video's length; each is made once."""
    item, length = suite.suite.items[0], suite.suite.protocol.num_frames
    return cache(lambda times: suite.real(item, times * length) is not None)


def make_column(registry: Registry, spec: MetricSpec, suite: LoadedSuite, limit: int | None = None) -> Column:
    """A metric with its key, and why it cannot be computed here if it cannot."""
    key = str(registry.metric_key(spec))
    if spec.scope != "set":
        return Column(spec, key, skip=_video_skip(spec))
    extractor = registry.extractor(spec.extractor)
    absent = missing(extractor.weights)
    skip = set_skip(spec, extractor, suite, limit)
    if absent:
        skip = no_weights(absent)
    elif not skip.reason:
        check_weights(extractor.weights, spec.name, "--metrics")
    return Column(spec, key, extractor.key, skip)


def _video_skip(spec: MetricSpec) -> Skip:
    """Why a video metric cannot be computed on this machine: weights of its own, or of the chosen flow backend."""
    flow = chosen_flow().weight if "flow" in spec.needs else None
    weights = (*spec.weights, flow) if flow else spec.weights
    if absent := missing(weights):
        return no_weights(absent)
    check_weights(weights, spec.name, "--metrics")
    return Skip()


def set_skip(spec: MetricSpec, extractor: ExtractorSpec, suite: LoadedSuite, limit: int | None) -> Skip:
    """Why a set metric is not computed for the first ``limit`` items of a suite, whatever the machine has."""
    return next(_set_skips(spec, extractor, suite, len(suite.suite.items[:limit])), Skip())


def _set_skips(spec: MetricSpec, extractor: ExtractorSpec, suite: LoadedSuite, items: int) -> Iterator[Skip]:
    frames, protocol = suite.suite.protocol.num_frames, spec.params.get("items")
    if not suite.reference_key:
        real = f"{max(items, MIN_SET_ITEMS)} real videos of {frames} frames or more"
        yield Skip("the suite has no reference set", f"export {VARIABLE}=FOLDER, where there are {real}")
    if frames < extractor.min_frames:
        yield Skip(f"needs {extractor.min_frames} frames or more, this suite's videos have {frames}")
    if items < spec.min_items:
        yield Skip(f"needs {spec.min_items} items or more, this run has {items}: with fewer it is mostly bias")
    if isinstance(protocol, int) and items > protocol:
        yield Skip(f"is the protocol of {protocol} items, this run has {items}", f"harness run --limit {protocol}")
    if items < MIN_SET_ITEMS:
        yield Skip(f"a set has {MIN_SET_ITEMS} items or more, this run has {items}")
    if items > suite.reference_size:
        yield Skip(f"{items} items need as many reference clips, the suite has {suite.reference_size}")


def no_weights(absent: Sequence[Weight]) -> Skip:
    """A column without the weights that its name stands for; nothing else ever answers under the name."""
    return Skip(f"n/a (weights): {', '.join(weight.name for weight in absent)}", missing_weights(absent).remedy)


def check_weights(weights: Iterable[Weight], owner: str, option: str = "--variants") -> None:
    """Raises CannotStart E-WEIGHTS-DIGEST for a file with other bytes, naming who would have used it.

    ``option`` is the one that leaves the owner out.
    """
    for weight in weights:
        try:
            resolve(weight)
        except CannotStart as error:
            fix = f"{error.fix}; or leave it out: {option} 'all,-{owner}'" if error.fix else ""
            raise CannotStart(
                error.code, f"{owner}: {error.what}", where=error.where, why=error.why, fix=fix
            ) from error


def nothing_runs(variants: Sequence[tuple[VariantSpec, Skip]]) -> CannotStart:
    """The error when every selected variant would be skipped."""
    spec, skip = variants[0]
    codes = {"no weights": "E-WEIGHTS", "GPU memory": "E-VRAM", "GPU": "E-NO-GPU"}
    code = next((code for words, code in codes.items() if words in skip.reason), "E-NEEDS")
    others = f" and {len(variants) - 1} more" if len(variants) > 1 else ""
    named = f" --variants {spec.name}" if skip.remedy.startswith(ELSEWHERE) and "--variants" not in skip.remedy else ""
    fix = skip.remedy + named or f"harness doctor {spec.name}"
    where = f"--variants {spec.name}"
    return CannotStart(code, f"{spec.name}{others} cannot run here.", where=where, why=skip.reason, fix=fix)


def with_absolute_paths(options: RunOptions) -> RunOptions:
    """Workers are started from the same folder, but a plugin may change it."""
    return replace(
        options,
        results=options.results.absolute(),
        suite=str(Path(options.suite).absolute()) if is_folder(options.suite) else options.suite,
        plugins=tuple(path.absolute() for path in options.plugins),
    )


def _select(
    registry: Registry,
    expression: str,
    names: Sequence[str],
    kind: str,
    versions: Mapping[str, int],
    apart: Mapping[str, str] | None = None,
) -> list[str]:
    """Apply a selector; when a name is unknown, a plugin that did not load may be why."""
    try:
        return select(expression, names, kind, versions, apart)
    except UsageError as error:
        named = (term.strip().removeprefix("-").partition("@")[0] for term in expression.split(","))
        known = filter(None, (registry.not_loaded(name) for name in named if name not in names))
        if error.code == "E-UNKNOWN" and (broken := next(known, None)):
            raise broken from error
        if registry.broken and error.code == "E-UNKNOWN" and not error.why:
            reasons = "\n".join(f"{broken.source}: {broken.reason}" for broken in registry.broken)
            error.why = f"it may be in a plugin that was not loaded:\n{reasons}"
        raise
