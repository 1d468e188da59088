"""Calling a plugin with what it accepts, so that a contract can offer more one day and no plugin breaks.

A contract has arguments that every plugin takes, in their order, and may offer others by name. A plugin that names an
offered argument gets it; one that does not is called as before. An argument that is not on offer must have a default.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import Parameter
from typing import Any

_POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


@dataclass(frozen=True)
class Contract:
    """What a kind of callable is given: ``required`` in this order, ``offered`` by name where it asks for them."""

    required: tuple[str, ...]
    offered: tuple[str, ...] = ()


NEEDS = Contract(())
LOAD = Contract(("device",), ("protocol",))
VIDEO_METRIC = Contract(("clip",), ("item",))
SET_METRIC = Contract(("generated", "reference"))
LOAD_EXTRACTOR = Contract(("device",))


def call(function: Callable[..., Any], required: Sequence[object], offered: Mapping[str, object]) -> Any:
    """Call with the required arguments, and with those offered ones that the function names or takes by ``**``."""
    return function(*required, **{name: offered[name] for name in _asked(function, len(required), tuple(offered))})


def misfit(function: Callable[..., Any], contract: Contract) -> str:
    """Why a callable cannot be called under a contract, as the end of a sentence; empty if it can."""
    parameters = list(inspect.signature(function).parameters.values())
    takes, wanted = [p for p in parameters if p.kind in _POSITIONAL], len(contract.required)
    given, others = takes[:wanted], [*takes[wanted:], *(p for p in parameters if p.kind == Parameter.KEYWORD_ONLY)]
    needed = [p for p in others if p.default is Parameter.empty and p.name not in contract.offered]
    any_number = any(p.kind == Parameter.VAR_POSITIONAL for p in parameters)
    if (len(given) < wanted and not any_number) or any(p.kind in _POSITIONAL for p in needed):
        names = f" ({', '.join(contract.required)})" if contract.required else ""
        yours = len(given) + sum(p.kind in _POSITIONAL for p in needed)
        return f"takes {wanted} argument(s){names}, yours takes {yours}{_on_offer(contract)}"
    return f"is not given '{needed[0].name}'{_on_offer(contract)}" if needed else ""


def _on_offer(contract: Contract) -> str:
    return f"; it may also ask for {', '.join(contract.offered)} by name" if contract.offered else ""


def _asked(function: Callable[..., Any], required: int, offered: Sequence[str]) -> list[str]:
    parameters = list(inspect.signature(function).parameters.values())
    if any(p.kind == Parameter.VAR_KEYWORD for p in parameters):
        return list(offered)
    # The first arguments are the required ones, whatever a plugin calls them.
    taken = {p.name for p in [p for p in parameters if p.kind in _POSITIONAL][:required]}
    by_name = {p.name for p in parameters if p.kind in (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)}
    return [name for name in offered if name in by_name - taken]
