"""The selector language, the same for variants, metrics and items: ``all,-control-*`` and the like."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence

from harness.errors import UsageError, unknown_name


def select(
    expression: str,
    names: Sequence[str],
    kind: str,
    versions: Mapping[str, int] | None = None,
    apart: Mapping[str, str] | None = None,
) -> list[str]:
    """The names that an expression selects, in the order of ``names``.

    A comma list of terms, applied from left to right: ``all``, a name, a glob (``*``, ``?``, ``[...]``), any of
    them with ``-`` in front to take names away, any name or glob with ``@N`` behind to insist on a version. A list
    that begins by taking away begins from ``all``.

    Args:
        expression: what the user typed.
        names: every name there is, in listing order.
        kind: ``variant``, ``metric`` or ``item``, for messages.
        versions: the revision or version of each name; a term with ``@`` needs it.
        apart: names that only their exact name selects, and why.

    Raises:
        UsageError: E-UNKNOWN, a term that matches nothing (even when it takes away: a typing error would
            otherwise pass unseen), another version than asked for, or nothing left.
    """
    terms = [term.strip() for term in expression.split(",") if term.strip()]
    apart = apart or {}
    chosen: set[str] = set(names) - apart.keys() if terms and terms[0].startswith("-") else set()
    for term in terms:
        taken = _matches(term.removeprefix("-"), names, kind, versions or {})
        chosen = chosen - taken if term.startswith("-") else chosen | _within_reach(term, taken, kind, apart)
    if not chosen:
        raise UsageError(
            "E-UNKNOWN", f"'{expression}' selects no {kind}.", fix=f"harness list {kind}s, or select with 'all'"
        )
    return [name for name in names if name in chosen]


def _within_reach(term: str, found: set[str], kind: str, apart: Mapping[str, str]) -> set[str]:
    """What a term adds: what it matches, without names that stand apart unless it is one of them."""
    if term.partition("@")[0] in apart:
        return found
    if found and not found - apart.keys():
        name = min(found)
        raise UsageError(
            "E-UNKNOWN",
            f"'{term}' matches no {kind} here.",
            why=f"{name} {apart[name]}" + (f", and {len(found) - 1} others like it" if len(found) > 1 else ""),
            fix=f"harness list {kind}s",
        )
    return found - apart.keys()


def _matches(term: str, names: Sequence[str], kind: str, versions: Mapping[str, int]) -> set[str]:
    if term == "all":
        return set(names)
    pattern, at, version = term.partition("@")
    if any(character in pattern for character in "*?["):
        found = {name for name in names if fnmatch.fnmatchcase(name, pattern)}
        if not found:
            raise UsageError("E-UNKNOWN", f"No {kind} matches '{pattern}'.", fix=f"harness list {kind}s")
    elif pattern in names:
        found = {pattern}
    else:
        raise unknown_name(kind, pattern, names)
    return {name for name in found if _at_version(name, version, kind, versions)} if at else found


def _at_version(name: str, wanted: str, kind: str, versions: Mapping[str, int]) -> bool:
    held = versions.get(name)
    if held is None or str(held) == wanted:
        return held is not None
    raise UsageError(
        "E-UNKNOWN",
        f"There is no {kind} {name}@{wanted}: it is at {name}@{held}.",
        why="only the version that this installation has can be run",
        fix=f"select {name}@{held}, or install the release that had {name}@{wanted}",
    )
