"""The post-tuned rows of the ablation, the same in every family: which of ExVideo's two parts each of them has.

With the family's method row, `no-conv`, `pos-static` and `temporal-only` form the 2x2 factorial of convolution and
positions; the other two are the remaining choices of Ablation B.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.api import variant


@dataclass(frozen=True)
class Ablation:
    """One row. ``positions`` is the embedding of frame numbers, ``level`` its name as a level of the factor."""

    name: str
    conv: bool
    positions: str
    level: str
    summary: str


ABLATIONS = (
    Ablation("no-conv", False, "learn_reflect", "learned", "Ablation A: without the identity 3D conv"),
    Ablation(
        "pos-learned", True, "learn_rand", "learned from random", "Ablation B: learned positions from a random start"
    ),
    Ablation("pos-static", True, "sin", "static", "Ablation B: static sinusoid of the frame number"),
    Ablation("pos-static-reflect", True, "reflect", "static reflected", "static sinusoid of the reflected frame id"),
    Ablation("temporal-only", False, "sin", "static", "neither part: only SVD's temporal weights are tuned"),
)
NAMES = tuple(row.name for row in ABLATIONS)


def register_ablations(module: str, base: type, family: str, prefix: str = "", names: tuple[str, ...] = NAMES) -> None:
    """Register the rows of a family.

    Args:
        module: the caller's ``__name__``: the file that the rows belong to.
        base: settings with the fields ``checkpoint``, ``conv`` and ``positions``.
        prefix: begins the names of rows and checkpoints.
        names: which of the rows, by their names without the prefix; by default all of them.
    """
    for row in ABLATIONS:
        if row.name in names:
            _register(module, base, family, f"{prefix}{row.name}", row)


def _register(module: str, base: type, family: str, name: str, row: Ablation) -> None:
    factors: dict[str, str | int | bool] = {"conv": row.conv, "positions": row.level}

    @variant(name, revision=1, family=family, summary=row.summary, factors=factors)
    class Settings(base):  # type: ignore[misc]
        __module__ = module
        checkpoint: str = name
        conv: bool = row.conv
        positions: str = row.positions
