"""Tables as Parquet files, by way of DuckDB, which the index needs anyway."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from harness.errors import UsageError
from harness.tables import Table


def write_parquet(path: Path, table: Table) -> None:
    """Write a table, whole or not at all.

    Raises:
        UsageError: E-OUTPUT, the folder cannot be written to.
    """
    import duckdb

    frame = table.frame().convert_dtypes()
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with duckdb.connect() as connection:
            connection.register("lines", frame)
            connection.execute(f"COPY lines TO '{str(temporary).replace(chr(39), chr(39) * 2)}' (FORMAT parquet)")
        temporary.replace(path)
    except (OSError, duckdb.IOException) as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise UsageError("E-OUTPUT", f"{path} cannot be written.", why=str(error), fix="a writable path") from error
