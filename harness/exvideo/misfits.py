"""Saying which tensors of a file do not fit a model: unknown, missing, misshapen, by name."""

from __future__ import annotations

from collections.abc import Collection, Mapping

Shape = tuple[int, ...]
SHOWN = 4


def misfits(found: Mapping[str, Shape], allowed: Mapping[str, Shape], required: Collection[str]) -> str:
    """A line per kind of misfit, empty if everything fits; of many names the first few and how many more.

    Args:
        found: shapes by name in the file.
        allowed: what the model can take.
        required: names that have to be there.
    """
    kinds = {
        "unknown": sorted(set(found) - set(allowed)),
        "missing": sorted(set(required) - set(found)),
        "misshapen": [
            f"{name} {found[name]}, expected {allowed[name]}"
            for name in sorted(set(found) & set(allowed))
            if found[name] != allowed[name]
        ],
    }
    return "\n".join(f"{kind}: {_shortened(names)}" for kind, names in kinds.items() if names)


def _shortened(names: list[str]) -> str:
    rest = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + rest
