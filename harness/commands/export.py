"""harness export"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.commands.options import JSON, PLUGIN, RESULTS, SUITE, VARIANTS, Place

if TYPE_CHECKING:
    from harness.registry import VariantSpec
    from harness.submission import Submission


# Names of `harness.export_tables`, which a test holds equal: this module loads nothing to describe itself.
FORMATS = ("csv", "parquet", "md", "tex")
TABLES = ("board", "scores", "set_scores", "videos", "profiles", "details")


@click.command("export")
@VARIANTS
@SUITE
@RESULTS
@click.option(
    "--format",
    "kind",
    type=click.Choice(["json", *FORMATS]),
    default="json",
    show_default=True,
    help="json: files for git. csv, parquet: a table. md, tex: the board for a text.",
)
@click.option(
    "--table", type=click.Choice(TABLES), default="board", show_default=True, help="Which, for csv and parquet."
)
@click.option(
    "--out",
    type=Place(path_type=Path),
    show_default="RESULTS/published for json, stdout for text",
    help="The folder or URL of the json files, or the file of any other format.",
)
@JSON
@PLUGIN
def command(
    variants: str | None,
    suite: str,
    results: Path,
    kind: str,
    table: str,
    out: Path | str | None,
    as_json: bool,
    plugins: tuple[Path, ...],
) -> None:
    """Write results as files for git, one per variant, or as a table.

    A video is a line of the file. Rows with graded faults go into one file, the suite's calibration. Of several
    variants, those without results are left out; one that is named alone must have some.
    """
    from harness.disk import writing
    from harness.export_tables import export_table
    from harness.paths import published
    from harness.published_at import writable
    from harness.reference_folder import left_out
    from harness.table_text import counted
    from harness.terminal import emit

    if kind != "json":
        out = None if out is None else Path(out)
        text = export_table(variants, suite, results, kind, table, out, plugins)
        click.echo(text, nl=False) if out is None else click.echo(f"wrote {out}", err=True)
        return
    place = out or published(results)
    with writable(place) as folder, writing(folder):
        for path, result in export_files(variants, suite, results, folder, plugins):
            counts = {"videos": len(result["rows"]), "metrics": len(result["metrics"]), "bytes": path.stat().st_size}
            name = f"{place}/{path.relative_to(folder)}"
            if as_json:
                emit({"file": name, **counts})
            else:
                click.echo(
                    f"wrote {name}   " + ", ".join(counted(n, what.removesuffix("s")) for what, n in counts.items())
                )
    if note := left_out(suite):
        click.echo(note, err=True)


def export_files(
    variants: str | None, suite: str, results: Path, out: Path, plugins: tuple[Path, ...] = ()
) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Write the selected variants' results below ``out``; yields each path with its content.

    Rows with graded faults are one file, a calibration, which comes last.

    Raises:
        UsageError: an unknown name.
        Refused: E-RESULT, a variant that was named has no results, or nothing at all has.
    """
    from harness.calibration import step_of
    from harness.errors import Refused
    from harness.export import dump, export, write_result
    from harness.imported import load_all
    from harness.submission import parse
    from harness.suite import load_suite
    from harness.wishes import chosen_variants

    registry, loaded = load_all(results, plugins), load_suite(suite)
    chosen = chosen_variants(registry, variants, loaded)
    metrics = {registry.metric_key(spec): spec for spec in registry.metrics.values()}
    wrote, faults = 0, []
    with _open(results) as store:
        for spec in chosen:
            try:
                result = export(store, loaded.suite, spec, metrics, reference_key=loaded.reference_key)
            except Refused:
                if len(chosen) == 1:
                    raise
                continue
            if step_of(spec.family, spec.params) is not None:
                faults.append(parse(dump(result)))
                continue
            # Asked for last: only a variant with results is sure to have its checkpoint.
            result["variant"].update(provenance(spec))
            wrote += 1
            yield write_result(out, result), result
        held = store.rows_with_videos(loaded.suite.protocol.key)
    if faults:
        yield write_calibration(out, faults)
    if not wrote and not faults:
        unknown = [row for row in held if row.partition("@")[0] not in registry.variants]
        raise Refused(
            "E-RESULT",
            f"There are no results on {loaded.suite.label}" + (" of any row that is known here." if unknown else "."),
            where=str(results),
            why=f"there are videos of {', '.join(unknown)}, whose plugin is not loaded" if unknown else "",
            fix="name it: --plugin FILE" if unknown else f"harness run --suite {loaded.suite.label}",
        )


def write_calibration(out: Path, faults: list[Submission]) -> tuple[Path, dict[str, Any]]:
    """Write the calibration that fault rows are; returns its path and its content, with ``rows`` for its videos."""
    from harness.calibration_data import fold, write
    from harness.export import suite_record

    record = fold(faults, suite_record(faults[0].suite))
    return write(out, record), {**record, "rows": [row for fault in faults for row in fault.rows]}


def provenance(spec: VariantSpec) -> dict[str, Any]:
    """How a variant's checkpoint was made, if the variant says so in an optional method ``provenance()``."""
    tell = getattr(spec.config, "provenance", None)
    told = tell() if callable(tell) else {}
    return {"trainable_parameters": told.get("trainable_parameters"), "training": told.get("training")}


@contextmanager
def _open(results: Path) -> Iterator[Any]:
    """The index with everything indexed that is in the spool; the folder's lock is held while that is done."""
    from harness.disk import may_write
    from harness.errors import Refused
    from harness.lock import FolderLock
    from harness.store import Store

    if not results.is_dir():
        raise Refused("E-RESULT", f"There is no results folder {results}.", fix="harness run, or --results DIR")
    if not may_write(results):  # there can be no run that has it
        with Store(results) as store:
            if not store.read_only:  # it lies on a disk of this machine
                store.ingest_spool()
            yield store
        return
    with FolderLock(results), Store(results) as store:
        store.ingest_spool()
        yield store
