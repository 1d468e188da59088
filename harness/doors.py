"""The four doors through which variants and metrics come in, all to the same decorators.

    folder        harness.variants and harness.metrics: every module whose name has no leading underscore
    entry point   installed packages: groups exvideo_bench.variants and exvideo_bench.metrics
    harness.toml  in the current folder: plugins = ["mine/*.py"], relative to it
    --plugin      a file, named on the command line

A plugin that cannot be loaded becomes a `Broken` record, fatal only if it is selected; one that ``--plugin`` names is
fatal at once. A file that nothing names is never imported. ``HARNESS_TRACE_PLUGINS=1`` tells on stderr what came
through which door, in what time, and the whole traceback of what did not.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import importlib.util
import os
import pkgutil
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from harness import registry
from harness.errors import UsageError
from harness.plugin_errors import Broken, broken, last_line, where
from harness.project import PROJECT, read_project

BUILT_IN = ("harness.variants", "harness.metrics")
GROUPS = ("exvideo_bench.variants", "exvideo_bench.metrics")
TRACE = "HARNESS_TRACE_PLUGINS"
FAILURES = (Exception, SystemExit)  # a plugin that exits must not take the command with it


def open_doors(files: Iterable[Path] = ()) -> None:
    """Load what comes through every door. Opening them again loads only what is new.

    Raises:
        UsageError: E-PLUGIN, one of ``files`` cannot be loaded; E-CONFIG, ``harness.toml`` cannot be read.
    """
    _built_in()
    _installed()
    for path in project_files(Path(PROJECT)):
        _quietly(f"{PROJECT}: {path}", partial(load_file, path), path, door=PROJECT)
    for path in files:
        load_file(path)


def load_file(path: Path) -> None:
    """Import one plugin file.

    Raises:
        UsageError: E-PLUGIN, with the failing line.
    """
    held = registry.REGISTRY
    path = path.absolute()
    if path in held.files:
        return
    # Two files may share a name; the folder tells them apart.
    name = f"exvideo_bench_plugin_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, path) if path.suffix == ".py" else None
    if spec is None or spec.loader is None or not path.is_file():
        what = f"{path.name} is not a Python file." if path.exists() else f"There is no file {path.name}."
        raise UsageError("E-PLUGIN", what, where=str(path), fix="name the path of a .py file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        with _loading("file", str(path)):
            spec.loader.exec_module(module)
    except FAILURES as error:
        del sys.modules[name]
        raise UsageError(
            "E-PLUGIN",
            f"{path.name} was not loaded.",
            where=where(error, path),
            why=last_line(error),
            fix=getattr(error, "fix", "") or f"mend the line; {TRACE}=1 shows the whole traceback",
        ) from error
    held.files.append(path)


def project_files(project: Path) -> Iterator[Path]:
    """The files that ``plugins`` of a ``harness.toml`` names, sorted within a pattern; a pattern without any is broken.

    Raises:
        UsageError: E-CONFIG, as `harness.project.read_project`.
    """
    for pattern in read_project(project).plugins:
        found = sorted(project.parent.glob(pattern)) if not Path(pattern).is_absolute() else [Path(pattern)]
        if not found or not all(path.is_file() for path in found):
            _record(Broken(f"{project.name}: {pattern}", "no such file", str(project.absolute())))
        yield from (path for path in found if path.is_file())


def _built_in() -> None:
    for package_name in BUILT_IN:
        package = importlib.import_module(package_name)
        for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda m: m.name):
            name = f"{package_name}.{module.name}"
            if not module.name.startswith("_"):
                path = Path(package.__path__[0]) / f"{module.name}.py"
                _quietly(name, partial(importlib.import_module, name), path, door="folder")


def _installed() -> None:
    for group in GROUPS:
        for entry in sorted(importlib.metadata.entry_points(group=group), key=lambda e: (e.name, e.value)):
            package = entry.dist.name if entry.dist else "?"
            source = f"{entry.value} of package {package}"
            _quietly(source, entry.load, None, door="entry point", name=entry.name)


def _quietly(source: str, load: Callable[[], object], path: Path | None, *, door: str, name: str = "") -> None:
    """Load something that nobody asked for by name: whatever is wrong with it is recorded and goes no further."""
    try:
        with _loading(door, source):
            load()
    except FAILURES as error:
        cause = error.__cause__ if isinstance(error, UsageError) and error.__cause__ else error
        _record(broken(cause, source, path, name))


@contextmanager
def _loading(door: str, source: str) -> Iterator[None]:
    """Tell what comes in; of a plugin that fails half way, nothing stays."""
    held, started = registry.REGISTRY, time.perf_counter()
    tables: tuple[dict[str, Any], ...] = (held.variants, held.metrics, held.extractors)
    before = [dict(table) for table in tables]
    try:
        yield
    except FAILURES as error:
        for table, kept in zip(tables, before, strict=True):
            table.clear()
            table.update(kept)
        _tell(door, source, "broken")
        if _traced():
            traceback.print_exception(error, file=sys.stderr)
        raise
    kinds = ("variants", "metrics", "extractors")
    pairs = zip(kinds, before, tables, strict=True)
    added = [f"{len(now) - len(then)} {kind}" for kind, then, now in pairs if len(now) > len(then)]
    _tell(door, source, f"{1000 * (time.perf_counter() - started):.0f} ms  {', '.join(added) or 'nothing new'}")


def _record(found: Broken) -> None:
    held = registry.REGISTRY.broken
    if not any(other.source == found.source for other in held):
        held.append(found)


def _tell(door: str, source: str, what: str) -> None:
    if _traced():
        print(f"plugins: {door:<12} {source}  {what}", file=sys.stderr)


def _traced() -> bool:
    return os.environ.get(TRACE, "").strip() not in ("", "0")
