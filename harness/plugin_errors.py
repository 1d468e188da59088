"""What is wrong with a plugin, in its author's terms: the file, the line, and the line's own code."""

from __future__ import annotations

import inspect
import linecache
import re
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError, UsageError

MAX_QUOTED = 12  # lines
DEFINITION = re.compile(r"\s*(class|(async )?def)\b")
REGISTERED = re.compile(r"@(?:\w+\.)*(?:variant|metric|torchmetric|extractor)\(\s*[\"']([\w-]+)[\"']")


@dataclass(frozen=True)
class Broken:
    """A plugin that could not be loaded: what it is, the last line of why, where with its code, what it would add."""

    source: str
    reason: str
    where: str = ""
    names: tuple[str, ...] = ()


def source_of(thing: object) -> str:
    """The file of the module that a class or function calls its own, wherever a helper may have made it."""
    module = sys.modules.get(getattr(thing, "__module__", ""))
    return getattr(module, "__file__", None) or inspect.getsourcefile(thing) or "<unknown>"  # type: ignore[arg-type]


def refused(thing: object, why: str, fix: str, line: str = "") -> UsageError:
    """The error for something that was registered and does not fit, with the line or its own definition quoted."""
    if line:
        return UsageError("E-PLUGIN", "A plugin was refused.", where=line, why=why, fix=fix)
    try:
        lines, number = inspect.getsourcelines(thing)  # type: ignore[arg-type]
        end = next((n for n, line in enumerate(lines, start=1) if DEFINITION.match(line)), 1)
        where = f"{source_of(thing)}:{number}\n" + _quoted("".join(lines[: max(end, 4)][:MAX_QUOTED]))
    except (OSError, TypeError):
        where = repr(thing)
    return UsageError("E-PLUGIN", "A plugin was refused.", where=where, why=why, fix=fix)


def broken(error: BaseException, source: str, path: Path | None = None, name: str = "") -> Broken:
    """The record of an import that failed, at the last line of the plugin's own file that was running."""
    names = registered_names(path) if path else ()
    return Broken(source, last_line(error), where(error, path), tuple(dict.fromkeys((*names, *filter(None, [name])))))


def registered_names(path: Path) -> tuple[str, ...]:
    """The names that a file would register, read from its text because it may not even parse."""
    try:
        return tuple(REGISTERED.findall(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError):
        return ()


def where(error: BaseException, path: Path | None) -> str:
    """``file:line`` and the line's code: what a `HarnessError` says of itself, or where in the plugin it happened."""
    if isinstance(error, HarnessError) and error.where:
        return error.where
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return _at(error.filename, error.lineno)
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if path is None or _same(frame.filename, path)]
    return _at(own[-1].filename, own[-1].lineno) if own and own[-1].lineno else str(path or "")


def last_line(error: BaseException) -> str:
    """The last line of a traceback and where it happened, for listings."""
    if isinstance(error, UsageError) and error.code == "E-PLUGIN" and error.why:
        return error.why  # that a plugin was refused is said by whoever lists it
    if isinstance(error, HarnessError):
        return f"{error.what} {error.why}".strip()
    if isinstance(error, SyntaxError) and error.filename:
        return f"{Path(error.filename).name}, line {error.lineno}: {type(error).__name__}: {error.msg}"
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{Path(frames[-1].filename).name}, line {frames[-1].lineno}: " if frames else ""
    return f"{place}{type(error).__name__}: {error}"


def _at(file: str, line: int) -> str:
    linecache.checkcache(file)
    return f"{file}:{line}\n{_quoted(linecache.getline(file, line))}".rstrip()


def _quoted(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.rstrip().splitlines())


def _same(name: str, path: Path) -> bool:
    return Path(name).absolute() == path.absolute()
