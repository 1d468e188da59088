"""What the header of a row's checkpoint tells while a run is planned: nothing is loaded for it."""

from __future__ import annotations

from harness.api import CannotStart, Weight, resolve_weight, safetensors_header

TABLES = (".time_proj.weight", ".positional_embedding.embeddings")  # in our format and in the published one


def table_rows(weight: Weight | None) -> int:
    """Rows of the trained table of positions, which is the longest video that a checkpoint can make.

    0 for a checkpoint that has no table or is not here; and for one that cannot be read, which loading it will tell.
    """
    if weight is None:
        return 0
    try:
        header = safetensors_header(resolve_weight(weight))
        return min((tensor["shape"][0] for name, tensor in header.items() if name.endswith(TABLES)), default=0)
    except (CannotStart, LookupError, TypeError):
        return 0
