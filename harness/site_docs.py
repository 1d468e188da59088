"""What a metric says about itself, read from the source of the installed metrics without running it.

The published files carry one line a metric. The definition, the formula and the known ways to fool it stand in
the metric's docstring; reading them from the syntax tree keeps torch and every plugin out of the publisher.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

LABEL = re.compile(r"[a-z0-9_]+@[0-9]+")
FOOLED_BY = ("fooled by:", "known ways to fool it:")


@dataclass(frozen=True)
class Block:
    """A run of lines. ``formula``: they are indented in the source, and their line breaks mean something."""

    text: str
    formula: bool

    @property
    def spans(self) -> tuple[tuple[bool, str], ...]:
        """The text in alternation: outside and inside of double backquotes, as (is code, text)."""
        return tuple((index % 2 == 1, part) for index, part in enumerate(self.text.split("``")) if part)


@dataclass(frozen=True)
class MetricDoc:
    """``definition``: the docstrings in blocks of prose and formula; ``fooled_by``: what misleads it, may be empty.

    ``profile`` and ``profile_unit``: what its profiles are, as it was declared; empty where that is the value itself.
    """

    definition: tuple[Block, ...]
    fooled_by: tuple[Block, ...]
    profile: str = ""
    profile_unit: str = ""


def metric_docs(folder: Path | None = None) -> Mapping[str, MetricDoc]:
    """Documentation by label (``warp_error@1``) for every metric defined in a folder of plugin files.

    Without ``folder``: the metrics that are installed with the harness.
    """
    folder = folder or _installed()
    found: dict[str, MetricDoc] = {}
    for path in sorted(folder.glob("*.py")):
        found |= _docs_of(path)
    return found


def _installed() -> Path:
    spec = importlib.util.find_spec("harness.metrics")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("harness.metrics")
    return Path(spec.origin).parent


def _docs_of(path: Path) -> dict[str, MetricDoc]:
    try:
        tree = ast.parse(path.read_text())
    except (SyntaxError, UnicodeDecodeError):  # a broken plugin has no documentation; the run already says so
        return {}
    module_doc = ast.get_docstring(tree) or ""
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    # A helper that registers several columns is called with their labels; what they are stands in the module.
    calls = [node.value for node in tree.body if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)]
    called = [a.value for c in calls for a in c.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    registered = {label: _split(module_doc) for label in called if LABEL.fullmatch(label)}
    documented = {}
    for function in functions:
        told = _declared(function)
        if "" in told and "version" in told:
            doc = _split(module_doc, ast.get_docstring(function) or "")
            curve = told.get("profile", ""), told.get("profile_unit", "")
            documented[f"{told['']}@{told['version']}"] = replace(doc, profile=curve[0], profile_unit=curve[1])
    return registered | documented


def _declared(function: ast.FunctionDef) -> dict[str, str]:
    """What the function's decorator ``metric("name", version=1, ...)`` spells out, the name under an empty one."""
    for call in function.decorator_list:
        if isinstance(call, ast.Call) and _name(call.func) == "metric" and call.args:
            given = [("", call.args[0]), *((k.arg or "**", k.value) for k in call.keywords)]
            return {name: str(node.value) for name, node in given if isinstance(node, ast.Constant)}
    return {}


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _split(*docs: str) -> MetricDoc:
    definition: list[Block] = []
    fooled: list[Block] = []
    for paragraph in "\n\n".join(inspect.cleandoc(d) for d in docs if d).split("\n\n"):
        text = paragraph.strip("\n")
        heading = next((h for h in FOOLED_BY if text.lower().startswith(h)), "")
        rest = text[len(heading) :].lstrip(" ") if heading else text
        (fooled if heading else definition).extend(_blocks(rest))
    return MetricDoc(tuple(definition), tuple(fooled))


def _blocks(paragraph: str) -> list[Block]:
    lines = [line for line in paragraph.splitlines() if line.strip()]
    runs = groupby(lines, key=lambda line: line.startswith(" "))
    return [Block(inspect.cleandoc("\n" + "\n".join(run)), formula) for formula, run in runs]
