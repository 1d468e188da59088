"""harness export"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.commands.options import JSON, PLUGIN, RESULTS, SUITE, VARIANTS

if TYPE_CHECKING:
    from harness.registry import VariantSpec


@click.command("export")
@VARIANTS
@SUITE
@RESULTS
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    show_default="RESULTS/published",
    help="Where the files go.",
)
@JSON
@PLUGIN
def command(
    variants: str, suite: str, results: Path, out: Path | None, as_json: bool, plugins: tuple[Path, ...]
) -> None:
    """Write results as files for git, one per variant.

    A video is a line. Of several variants, those without results are left out; one that is named alone must have some.
    """
    from harness.paths import published
    from harness.terminal import emit

    for path, result in export_files(variants, suite, results, out or published(results), plugins):
        counts = {"videos": len(result["rows"]), "metrics": len(result["metrics"]), "bytes": path.stat().st_size}
        if as_json:
            emit({"file": str(path), **counts})
        else:
            click.echo(f"wrote {path}   " + ", ".join(f"{n} {name}" for name, n in counts.items()))


def export_files(
    variants: str, suite: str, results: Path, out: Path, plugins: tuple[Path, ...] = ()
) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Write the selected variants' results below ``out``; yields each path with its content.

    Raises:
        UsageError: an unknown name.
        Refused: E-RESULT, a variant that was named has no results, or nothing at all has.
    """
    from harness.errors import Refused
    from harness.export import export, write_result
    from harness.registry import load_plugins
    from harness.suite import load_suite
    from harness.wishes import chosen_variants

    registry, loaded = load_plugins(plugins), load_suite(suite)
    chosen = chosen_variants(registry, variants)
    metrics = {registry.metric_key(spec): spec for spec in registry.metrics.values()}
    wrote = 0
    with _open(results) as store:
        for spec in chosen:
            try:
                result = export(store, loaded.suite, spec, metrics, reference_key=loaded.reference_key)
            except Refused:
                if len(chosen) == 1:
                    raise
                continue
            # Asked for last: only a variant with results is sure to have its checkpoint.
            result["variant"].update(provenance(spec))
            wrote += 1
            yield write_result(out, result), result
    if not wrote:
        raise Refused(
            "E-RESULT",
            f"There are no results on {loaded.suite.label}.",
            where=str(results),
            fix=f"harness run --suite {loaded.suite.label}",
        )


def provenance(spec: VariantSpec) -> dict[str, Any]:
    """How a variant's checkpoint was made, if the variant says so in an optional method ``provenance()``."""
    tell = getattr(spec.config, "provenance", None)
    told = tell() if callable(tell) else {}
    return {"trainable_parameters": told.get("trainable_parameters"), "training": told.get("training")}


@contextmanager
def _open(results: Path) -> Iterator[Any]:
    """The index with everything indexed that is in the spool; the folder's lock is held while that is done."""
    from harness.errors import Refused
    from harness.lock import FolderLock
    from harness.store import Store

    if not results.is_dir():
        raise Refused("E-RESULT", f"There is no results folder {results}.", fix="harness run, or --results DIR")
    with FolderLock(results), Store(results) as store:
        store.ingest_spool()
        yield store
