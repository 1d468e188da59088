"""Plugin files that changed since they made videos which are reused: said in every run, until somebody who knows that
no frame changes accepts the file as it is now.

A file's digest is provenance and never identity: what must tell two results apart is the variant's revision. What is
accepted stands in ``RESULTS/accepted-sources.json``, as digests by variant key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.errors import UsageError
from harness.plan import Plan, Row
from harness.registry import source_digest
from harness.spool import write_atomic
from harness.store import Store

FILE = "accepted-sources.json"
OPTION = "--accept-source"


def changed_sources(results: Path, plan: Plan, *, wait: float) -> list[str]:
    """A note for each plugin file that changed since it made videos that are reused, and is not accepted."""
    files: dict[str, list[str]] = {}
    for row in _changed(results, plan, wait):
        files.setdefault(row.spec.source, []).append(_label(row))
    return [
        f"! {source} changed since it made videos of {', '.join(labels)} that are reused; if the change can alter "
        f"frames, raise their revision; if not: {' '.join(f'{OPTION} {label}' for label in labels)}"
        for source, labels in files.items()
    ]


def accept_sources(results: Path, plan: Plan, labels: Sequence[str], *, wait: float) -> None:
    """Accept the plugin files of these rows, such as ``mine@1``, as they are now.

    Raises:
        UsageError: E-OPTION, a row that is not run, or whose file has not changed.
    """
    changed = {_label(row): row for row in _changed(results, plan, wait)}
    for label in labels:
        if label not in changed:
            running = label in set(map(_label, plan.rows))
            raise UsageError(
                "E-OPTION",
                f"{OPTION} {label}: there is nothing to accept.",
                why="its file is the one that made its videos" if running else "no row of this run has that label",
                fix=f"{OPTION} {' or '.join(changed)}" if changed else f"leave {OPTION} out",
            )
    accepted = _accepted(results)
    for label in labels:
        spec = changed[label].spec
        accepted = {**accepted, spec.key: [*accepted.get(spec.key, ()), source_digest(spec)]}
    if labels:
        write_atomic(results / FILE, json.dumps(accepted, indent=1, sort_keys=True).encode() + b"\n")


def _changed(results: Path, plan: Plan, wait: float) -> list[Row]:
    reused = [row for row in plan.runnable if row.reused]
    if not reused:
        return []
    accepted = _accepted(results)
    with Store(results, wait=wait) as store:
        recorded = {row.spec.key: store.recorded_source(row.spec.key) for row in reused}
    return [
        row
        for row in reused
        if (first := recorded[row.spec.key])
        and (now := source_digest(row.spec)) != first
        and now not in accepted.get(row.spec.key, ())
    ]


def _label(row: Row) -> str:
    return f"{row.spec.name}@{row.spec.revision}"


def _accepted(results: Path) -> Mapping[str, Sequence[str]]:
    try:
        found: Mapping[str, Sequence[str]] = json.loads((results / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise UsageError(
            "E-RESULTS",
            f"{FILE} cannot be read.",
            where=str(results / FILE),
            why=str(error),
            fix="delete it: what it accepted is asked about again",
        ) from error
    return found
