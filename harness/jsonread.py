"""Reading foreign JSON: typed access where every complaint names its place as a JSON pointer (RFC 6901)."""

from __future__ import annotations

import json
import math
import re
import reprlib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAX_TEXT = 2000
MAX_NAME = 200  # of a member; a pointer that names a longer one is cut
MAX_DEPTH = 32  # of a value of any shape: far above what is written here, far below what Python cannot recurse into
# Controls, half surrogates, line and paragraph separators, and what has no width: tags, soft hyphens, and the
# bidirectional controls, with which text reads as something else than it is.
_HIDDEN = frozenset({"Cc", "Cs", "Cf", "Zl", "Zp"})
_JOINERS = "\u200c\u200d"  # without which Persian, Hindi and many emoji are written wrongly


class JsonError(ValueError):
    """Something in a JSON document is not what it must be. ``pointer`` is empty for the document itself.

    ``rule`` is what it breaks: ``size``, ``finite`` or ``text`` where that can be told, else ``schema``.
    """

    def __init__(self, pointer: str, message: str, rule: str = "schema") -> None:
        super().__init__(f"{pointer or '/'} {message}")
        self.pointer, self.message, self.rule = pointer, message, rule


def load(data: bytes) -> Node:
    """Parse a document strictly: UTF-8, no NaN, no infinity, no name twice in one object.

    Raises:
        JsonError: it is no such document.
    """
    try:
        return Node(json.loads(data.decode("utf-8"), parse_constant=_constant, object_pairs_hook=_unique))
    except UnicodeDecodeError as error:
        raise JsonError("", f"is not UTF-8 at byte {error.start}") from error
    except json.JSONDecodeError as error:
        raise JsonError("", f"is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from error
    except RecursionError as error:
        raise JsonError("", "is nested too deeply") from error
    except JsonError:
        raise
    except ValueError as error:  # Python converts no integer of thousands of digits
        raise JsonError("", "holds a number that is too large", "finite") from error


def read_limited(path: Path, limit: int) -> bytes:
    """The bytes of a file of at most ``limit``.

    Raises:
        JsonError: it is larger, or cannot be read.
    """
    try:
        if path.stat().st_size > limit:
            raise JsonError("", f"is larger than {limit} bytes", "size")
        return path.read_bytes()
    except OSError as error:
        raise JsonError("", f"cannot be read: {error.strerror}") from error


@dataclass(slots=True)
class Node:
    """One value of a document with its place in it: a member of what it is ``inside``. Accessors raise `JsonError`.

    The place is put into words where something is wrong with it, since a file has tens of thousands of them.
    """

    value: Any
    inside: Node | None = None
    name: object = None

    @property
    def pointer(self) -> str:
        """The place as a JSON pointer; empty for the document itself."""
        return "" if self.inside is None else _join(self.inside.pointer, self.name)

    def wrong(self, message: str, rule: str = "schema") -> JsonError:
        """The error for this place."""
        return JsonError(self.pointer, message, rule)

    def at(self, name: str) -> Node:
        """A member that must be there."""
        if name not in self.mapping():
            raise self.wrong(f"has no '{name}'")
        return Node(self.value[name], self, name)

    def items(self) -> Iterator[Node]:
        """The elements of a list."""
        return (Node(value, self, index) for index, value in enumerate(self.sequence()))

    def members(self) -> Iterator[tuple[str, Node]]:
        """The members of an object, in the order of the document. Their names are as clean as any text."""
        for name, value in self.mapping().items():
            member = Node(value, self, name)
            try:
                Node(name).text(limit=MAX_NAME)
            except JsonError as error:
                raise member.wrong(f"has a name that {error.message}", error.rule) from None
            yield name, member

    def mapping(self) -> Mapping[str, Any]:
        """An object."""
        if not isinstance(self.value, dict):
            raise self.wrong(f"must be an object, not {_kind(self.value)}")
        return self.value

    def sequence(self) -> Sequence[Any]:
        """A list."""
        if not isinstance(self.value, list):
            raise self.wrong(f"must be a list, not {_kind(self.value)}")
        return self.value

    def only(self, names: Iterable[str]) -> Node:
        """The same object, which must have no member but these."""
        for name in self.mapping().keys() - set(names):
            raise JsonError(_join(self.pointer, name), "is not part of the schema")
        return self

    def text(self, pattern: str = "", limit: int = MAX_TEXT) -> str:
        """Text without control characters and what has no width, matching a pattern if there is one."""
        if not isinstance(self.value, str):
            raise self.wrong(f"must be text, not {_kind(self.value)}")
        if len(self.value) > limit:
            raise self.wrong(f"is longer than {limit} characters", "text")
        for character in "" if self.value.isprintable() else self.value:  # what is hidden is not printable
            if unicodedata.category(character) in _HIDDEN and character not in _JOINERS:
                raise self.wrong(f"holds the hidden character U+{ord(character):04X}", "text")
        if pattern and not re.fullmatch(pattern, self.value):
            raise self.wrong(f"is {shown(self.value)}, which does not match {pattern}")
        return self.value

    def choice(self, allowed: Iterable[str]) -> str:
        """One of some words."""
        if self.value not in (words := list(allowed)):
            raise self.wrong(f"must be one of {', '.join(words)}, not {shown(self.value)}")
        return str(self.value)

    def integer(self, low: int = 0, high: int = 2**63 - 1) -> int:
        """A whole number within bounds."""
        if not isinstance(self.value, int) or isinstance(self.value, bool):
            raise self.wrong(f"must be a whole number, not {_kind(self.value)}")
        if not low <= self.value <= high:
            raise self.wrong(f"must be from {low} to {high}, not {self.value}")
        return self.value

    def number(self) -> float:
        """A finite number."""
        if not isinstance(self.value, int | float) or isinstance(self.value, bool):
            raise self.wrong(f"must be a number, not {_kind(self.value)}")
        if isinstance(self.value, float) and not math.isfinite(self.value):
            raise self.wrong("must be finite", "finite")
        try:
            return float(self.value)
        except OverflowError:
            raise self.wrong("is too large", "finite") from None

    def maybe_number(self) -> float | None:
        """A finite number or null."""
        return None if self.value is None else self.number()

    def maybe_numbers(self) -> tuple[float | None, ...]:
        """A list of finite numbers and nulls."""
        return tuple(
            value if type(value) is float and math.isfinite(value) else Node(value, self, index).maybe_number()
            for index, value in enumerate(self.sequence())
        )

    def boolean(self) -> bool:
        """True or false."""
        if not isinstance(self.value, bool):
            raise self.wrong(f"must be true or false, not {_kind(self.value)}")
        return self.value

    def tree(self, depth: int = MAX_DEPTH) -> Any:
        """Any value, checked to the leaves: hygienic text, finite numbers, at most ``depth`` levels."""
        if isinstance(self.value, dict | list) and not depth:
            raise self.wrong(f"is nested more than {MAX_DEPTH} deep")
        if isinstance(self.value, dict):
            return {name: node.tree(depth - 1) for name, node in self.members()}
        if isinstance(self.value, list):
            return [node.tree(depth - 1) for node in self.items()]
        if isinstance(self.value, str):
            return self.text()
        if isinstance(self.value, float):
            return self.number()
        return self.value


def shown(value: object) -> str:
    """A foreign value for a message: short, and with nothing in it that a terminal obeys."""
    return _BRIEF.repr(value)


_BRIEF = reprlib.Repr()
_BRIEF.maxstring = _BRIEF.maxother = _BRIEF.maxlong = 100


def _join(pointer: str, name: object) -> str:
    """The pointer of a member. What cannot be printed is written as JSON would: a pointer is shown on terminals."""
    text = str(name)
    text = text if len(text) <= MAX_NAME else text[: MAX_NAME - 1] + "…"
    if not text.isprintable():
        text = "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)
    return f"{pointer}/{text.replace('~', '~0').replace('/', '~1')}"


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    names = {"str": "text", "dict": "an object", "list": "a list", "NoneType": "null"}
    return names.get(type(value).__name__, "a number")


def _constant(name: str) -> float:
    raise JsonError("", f"holds {name}: numbers must be finite", "finite")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise JsonError("", f"holds the name {shown(twice)} twice in one object")
    return value
