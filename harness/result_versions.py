"""Versions of the result file: older ones are brought up to date when read, newer ones are refused by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from harness.jsonread import Node, shown

FAMILY = "exvideo-result"
CURRENT = 1
Migration = Callable[[dict[str, Any]], dict[str, Any]]
# From version N to N + 1. A migration adds what the next version asks for and never invents a measurement.
MIGRATIONS: Mapping[int, Migration] = {}


def schema(version: int = CURRENT) -> str:
    """The value of a file's ``schema``."""
    return f"{FAMILY}/{version}"


def up_to_date(top: Node, current: int = CURRENT, migrations: Mapping[int, Migration] = MIGRATIONS) -> Node:
    """The document in the current version.

    Raises:
        JsonError: it is no result file, of a newer version, or of one that nothing can be migrated from any more.
    """
    version = _version(top.at("schema"))
    if version > current:
        raise top.at("schema").wrong(
            f"is {top.value['schema']}, written by a newer exvideo-bench; this one reads {schema(current)}: upgrade it"
        )
    content = dict(top.mapping())
    for step in range(version, current):
        if step not in migrations:
            raise top.at("schema").wrong(
                f"is {schema(version)}, too old to be read; this one reads {schema(current)}: export it again"
            )
        content = {**migrations[step](content), "schema": schema(step + 1)}
    return Node(content)


def _version(node: Node) -> int:
    found = re.fullmatch(rf"{FAMILY}/(0|[1-9][0-9]{{0,5}})", node.text(limit=64))
    if found is None:
        raise node.wrong(f"must be {schema()}, not {shown(node.value)}")
    return int(found[1])
