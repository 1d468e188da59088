"""Rows of videos that were made elsewhere: a record of each in the results folder, and what stands in for a variant.

The record is ``imports/NAME.json``. `register` makes the rows known wherever the folder is read, so that they are
measured, compared, exported and published like any other; they are never generated.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from harness.contracts import Generator
from harness.errors import CannotStart, UsageError
from harness.model import Needs
from harness.plugin_checks import variant_class
from harness.registry import REGISTRY, Registry, VariantSpec, load_plugins
from harness.spool import write_atomic

FOLDER = "imports"
SOURCE = "imported"


@dataclass(frozen=True)
class Imported:
    """Stands where a variant's configuration does. ``origin`` tells its key from any other variant's."""

    origin: str = SOURCE

    def needs(self) -> Needs:
        """Nothing."""
        return Needs()

    def load(self, device: str) -> Generator:
        """Raises CannotStart E-IMPORTED: what made the videos is not here."""
        raise CannotStart(
            "E-IMPORTED",
            "The videos of an imported row cannot be made here.",
            why="they came from elsewhere",
            fix="harness import SOURCE --as NAME",
        )


@dataclass(frozen=True)
class Record:
    """What is kept about an imported row. ``suite`` is the name of the one it belongs to."""

    name: str
    revision: int
    family: str
    role: str
    summary: str
    suite: str

    def spec(self) -> VariantSpec:
        """The row as the registry has it."""
        kept = (self.name, self.revision, self.family, self.role, self.summary)
        return VariantSpec(*kept, Imported(), SOURCE, suites=(self.suite,), imported=True)


def load_all(results: Path, files: Iterable[Path] = ()) -> Registry:
    """Every plugin, as `harness.registry.load_plugins` finds them, and the imported rows of a results folder.

    Raises:
        UsageError: E-PLUGIN, E-CONFIG; E-IMPORTED, a record cannot be read, or a plugin has its name.
    """
    load_plugins(files)
    return register(results)


def register(results: Path) -> Registry:
    """Make the imported rows of a results folder known, in place of those of any other; plugins are loaded already.

    Raises:
        UsageError: E-IMPORTED, a record cannot be read, or a plugin has its name.
    """
    for name in [name for name, spec in REGISTRY.variants.items() if spec.imported]:
        del REGISTRY.variants[name]
    for path in sorted((results / FOLDER).glob("*.json")):
        record = read_record(path)
        check_name(record)
        REGISTRY.variants[record.name] = record.spec()
    return REGISTRY


def check_name(record: Record) -> None:
    """Raises UsageError E-IMPORTED when a row cannot be called so: by a plugin that has the name, or by its form."""
    held = REGISTRY.variants.get(record.name)
    why = f"{held.source} has a variant of that name" if held and not held.imported else ""
    why = why or variant_class(Imported, record.name, record.revision, record.family, record.role)
    if why:
        raise UsageError(
            "E-IMPORTED", f"'{record.name}' cannot be an imported row.", why=why, fix="choose another: --as NAME"
        )


def read_record(path: Path) -> Record:
    """Raises UsageError E-IMPORTED when the file is none."""
    try:
        return Record(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(
            "E-IMPORTED", f"{path.name} is not the record of an import.", where=str(path), why=str(error),
            fix="delete it and import the videos again: none is copied twice",
        ) from error  # fmt: skip


def write_record(results: Path, record: Record) -> None:
    """Keep a row, in place of an earlier revision's."""
    write_atomic(record_path(results, record.name), json.dumps(asdict(record), indent=1).encode() + b"\n")


def record_path(results: Path, name: str) -> Path:
    """Where a row is kept."""
    return results / FOLDER / f"{name}.json"
