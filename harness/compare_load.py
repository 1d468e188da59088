"""The results that a comparison is asked for: from the results folder's index, or from published files.

A result is named by a file, or by a variant: then the index is asked first, and ``RESULTS/published`` where it has
nothing. Only what comes from the index has feature rows, whose videos the test of a set metric can swap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.errors import CannotStart, ItemError, Refused, unknown_name
from harness.model import Features
from harness.paths import database, feature_relpath, published, reference_relpath, spool
from harness.shelf import local
from harness.stats_sets import MIN_GROUPS
from harness.submission import Submission, parse, read, relative_path

if TYPE_CHECKING:
    from harness.queries import StoredFeatures
    from harness.registry import ExtractorSpec, MetricSpec, Registry, VariantSpec
    from harness.stats_sets import Contrast, SetDifference
    from harness.store import Store
    from harness.suite import LoadedSuite

Cell = tuple[str, int]  # item, seed


@dataclass(frozen=True)
class Source:
    """One result; where it came from the index, its variant and its feature files by extractor's name."""

    submission: Submission
    features: Mapping[str, Mapping[Cell, StoredFeatures]] = field(default_factory=dict)
    spec: VariantSpec | None = None


class Library:
    """Everything that results can come from, open between ``with`` and its end.

    Args:
        suite: the suite's name, with or without version.
        results: the results folder; nothing is made in it that is not there.
        plugins: files with more variants or metrics.

    Raises:
        UsageError: E-UNKNOWN or E-PLUGIN.
    """

    def __init__(self, suite: str, results: Path, plugins: Sequence[Path] = ()) -> None:
        from harness.imported import load_all
        from harness.reference_folder import with_reference
        from harness.suite import load_suite

        self.results = results
        self.registry: Registry = load_all(results, plugins)
        self.suite: LoadedSuite = with_reference(load_suite(suite))
        self._metrics = {self.registry.metric_key(metric): metric for metric in self.registry.metrics.values()}
        self._stack = ExitStack()
        self._store: Store | None = None

    def __enter__(self) -> Library:
        self._store = self._stack.enter_context(_index(self.results))
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def find(self, name: str) -> Source:
        """A result by variant, ``name`` or ``name@revision``, or by file.

        Raises:
            UsageError: E-UNKNOWN, nothing has that name.
            Refused: E-RESULT, the variant has no results on the suite, or the file is no result.
        """
        if name.endswith(".json") or Path(name).is_file():
            return Source(read(Path(name)))
        plain, _, revision = name.partition("@")
        spec = self.registry.variants.get(plain)
        if spec is not None and revision in ("", str(spec.revision)):
            return self._of(spec)
        return Source(read(self._published(plain, revision)))

    def with_factors(self) -> tuple[list[Source], dict[str, str]]:
        """Every variant that has its place in an experiment: those with results, and the others' labels and families.

        In the order of listing.
        """
        found, absent = [], {}
        for spec in self.registry.variants.values():
            if not spec.factors:
                continue
            try:
                found.append(self._of(spec))
            except Refused:
                absent[f"{spec.name}@{spec.revision}"] = spec.family
        return found, absent

    def unread(self, sources: Sequence[Source]) -> dict[str, str]:
        """The columns that the index has for some of these and that no installed metric reads, by label, and why."""
        from harness.export import unread

        found: dict[str, str] = {}
        for source in sources:
            if self._store is not None and source.spec is not None:
                key = self.suite.reference_key
                found |= unread(self._store, self.suite.suite, source.spec, self._metrics, key)
        return found

    def of_family(self, wanted: Callable[[VariantSpec], bool]) -> list[Submission]:
        """The results of all variants of a kind that the index or files have."""
        found = []
        for spec in filter(wanted, self.registry.variants.values()):
            with suppress(Refused):
                found.append(self._of(spec, features=False).submission)
        return found

    def _of(self, spec: VariantSpec, features: bool = True) -> Source:
        from harness.export import export

        suite = self.suite.suite
        missing = _no_results(spec, suite.label, self.results)
        if self._store is not None:
            try:
                result = export(self._store, suite, spec, self._metrics, reference_key=self.suite.reference_key)
            except Refused as error:
                missing = error
            else:
                return Source(_parsed(result), self._features(spec) if features else {}, spec)
        path = published(self.results) / relative_path(suite.name, suite.version, spec.name, spec.revision)
        if path.is_file():
            return Source(read(path))
        raise missing

    def _features(self, spec: VariantSpec) -> dict[str, dict[Cell, StoredFeatures]]:
        from harness.export import wanted_videos

        suite, store = self.suite.suite, self._store
        if store is None:
            return {}
        keys = {str(key): (item.slug, seed) for key, (item, seed) in wanted_videos(suite, spec).items()}
        return {
            name: {keys[f.gen_key]: f for f in store.features(keys, extractor.key)}
            for name, extractor in self.registry.extractors.items()
        }

    def _published(self, name: str, revision: str) -> Path:
        suite = self.suite.suite
        folder = (published(self.results) / relative_path(suite.name, suite.version, "x", 1)).parent
        files = {path.stem.rpartition("-")[::2]: path for path in sorted(folder.glob("*.json"))}
        found = {number: path for (stem, number), path in files.items() if stem == name and number.isdigit()}
        if revision in found:
            return found[revision]
        if found and not revision:
            return found[max(found, key=int)]
        known = {*self.registry.variants, *(stem for stem, _ in files)}
        error = unknown_name("variant", f"{name}@{revision}" if name in known else name, known)
        held = self._store.rows_with_videos(suite.protocol.key) if self._store is not None else []
        if name not in known and name in {row.partition("@")[0] for row in held}:
            error.why = f"there are videos of it in {self.results}, and its plugin is not loaded"
            error.fix = "name it: --plugin FILE"
        raise error


def set_differences(library: Library, a: Source, b: Source, alpha: float) -> dict[str, SetDifference]:
    """B minus A of every set metric for which both have feature rows that it takes, by label."""
    from harness.stats_sets import compare_sets

    found = {}
    for metric in library.registry.metrics.values():
        # Without usable rows a comparison shows the recorded values, and says that it did not test them.
        with suppress(ItemError):
            if metric.scope == "set" and (rows := common_features(library, metric, (a, b))) is not None:
                (first, second), reference = rows
                found[metric.label] = compare_sets(metric.function, second, first, reference, 1 - alpha)
    return found


def set_contrasts(
    library: Library, sources: Sequence[Source], weights: Mapping[str, float], alpha: float
) -> dict[str, Contrast]:
    """A weighted sum over variants (by label) of every set metric, by label: from feature rows where all have usable
    ones, otherwise from what their results record."""
    from harness.published_sets import contrasts
    from harness.stats_sets import contrast

    chosen = [source for source in sources if source.submission.variant.label in weights]
    signs = [weights[source.submission.variant.label] for source in chosen]
    found = contrasts([source.submission for source in chosen], weights, alpha)
    for metric in library.registry.metrics.values():
        with suppress(ItemError):
            if metric.scope == "set" and (rows := common_features(library, metric, chosen)) is not None:
                found[metric.label] = contrast(metric.function, rows[0], signs, rows[1], 1 - alpha)
    return found


def common_features(
    library: Library, metric: MetricSpec, sources: Sequence[Source]
) -> tuple[list[Features], Features] | None:
    """Feature rows of the items that all ``sources`` have with every seed, and of as many reference clips.

    Returns None for fewer items than the metric takes, or than three, and where fewer reference clips' rows are stored.
    """
    suite = library.suite.suite
    tables = [source.features.get(metric.extractor, {}) for source in sources]
    cells = [[(item.slug, seed) for seed in suite.seeds] for item in suite.items]
    kept = [seeds for seeds in cells if all(cell in table for cell in seeds for table in tables)]
    if len(kept) < max(MIN_GROUPS, metric.min_items):
        return None
    reference = _reference(library, library.registry.extractor(metric.extractor), len(kept))
    if reference is None:
        return None
    return [_read(library.results, table, kept) for table in tables], reference


def _read(results: Path, table: Mapping[Cell, StoredFeatures], kept: Sequence[Sequence[Cell]]) -> Features:
    from harness.scoring import load_rows

    cells = [cell for seeds in kept for cell in seeds]
    blocks = [load_rows(local(results, feature_relpath(table[cell].sha256)), table[cell].sha256) for cell in cells]
    groups = [item for (item, _), block in zip(cells, blocks, strict=True) for _ in block]
    return Features(np.concatenate(blocks).astype(np.float64), np.array(groups, np.str_))


def _reference(library: Library, extractor: ExtractorSpec, count: int) -> Features | None:
    from harness.aggregating import cache_key, read_blocks

    path = library.results / reference_relpath(cache_key(library.suite.reference_key, extractor))
    blocks = read_blocks(path)[:count]
    if len(blocks) < count:
        return None
    groups = [clip for clip, block in blocks for _ in block]
    rows = np.concatenate([block for _, block in blocks]).astype(np.float64)
    return Features(rows, np.array(groups, np.str_))


@contextmanager
def _index(results: Path) -> Iterator[Store | None]:
    """The index with what has been finished since; as it stands while a run has the folder; None without one."""
    if not database(results).is_file() and not spool(results).is_dir():
        yield None
        return
    from harness.lock import FolderLock
    from harness.store import Store

    with suppress(CannotStart), FolderLock(results), Store(results) as store:
        store.ingest_spool()
    with Store(results) as store:
        yield store


def _parsed(result: Mapping[str, Any]) -> Submission:
    from harness.export import dump

    return parse(dump(result))


def _no_results(spec: VariantSpec, suite: str, results: Path) -> Refused:
    return Refused(
        "E-RESULT",
        f"There are no results of {spec.name}@{spec.revision} on {suite}.",
        where=str(results),
        fix=f"harness run --suite {suite} --variants {spec.name}",
    )
