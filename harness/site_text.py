"""How numbers and foreign text appear on the site: significant digits, units of time and size, hostile characters."""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import TypeAlias

MINUS = "\N{MINUS SIGN}"
THIN = "\N{NARROW NO-BREAK SPACE}"
JOINERS = "\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}"
HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
MAX_DECIMALS = 9
MAX_TEXT = 2000
SHORTEST = 0.001  # seconds; less is overhead, and its digits say nothing
NEVER = datetime.min.replace(tzinfo=UTC)
DEEPEST = 4  # levels of a nested list; what lies deeper is shown as JSON

Facts: TypeAlias = "tuple[tuple[str, str | Facts], ...]"


def plain(text: str, limit: int = MAX_TEXT) -> str:
    """Text from outside with every control, bidirectional override and lone surrogate made visible as <U+XXXX>.

    Joiners stay, because scripts and emoji need them. Longer text than ``limit`` characters ends in an ellipsis.
    """
    text = text.replace("\r\n", "\n").replace("\n", " ").replace("\t", " ")
    shown = "".join(_visible(c) for c in text[: limit + 1])
    return shown if len(text) <= limit else shown[:limit] + "…"


def csv_text(text: str) -> str:
    """A text cell that no spreadsheet takes for a formula: a leading = + - @ or tab gets an apostrophe."""
    return "'" + text if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


@lru_cache(maxsize=2**16)  # a site writes each of its numbers on half a dozen pages
def number(value: float, spread: float | None = None) -> str:
    """``value`` to two significant digits of ``spread``, or to four of its own when there is no spread.

    Up to nine decimals, so that the numbers of a column are written alike; what has no two digits then has an exponent.

    >>> number(0.034218, 0.0061), number(1903.6, 12.3), number(-0.5), number(0.000353), number(2.3e-9)
    ('0.0342', '1904', '−0.5000', '0.0003530', '2.30e−9')
    """
    decimals = _decimals(spread, 2) if spread else _decimals(value, 4)
    if decimals > MAX_DECIMALS < _decimals(value, 2):
        mantissa, exponent = f"{value:.2e}".split("e")
        return f"{mantissa.replace('-', MINUS)}e{MINUS if int(exponent) < 0 else ''}{abs(int(exponent))}"
    text = f"{value:.{min(max(decimals, 0), MAX_DECIMALS)}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    whole, dot, rest = text.partition(".")
    if len(whole.lstrip("-")) > 4:
        whole = f"{int(whole):,}".replace(",", THIN)
    return (whole + dot + rest).replace("-", MINUS)


def setting(value: float) -> str:
    """A number that somebody chose, as it was written where it is short; what was computed in four digits.

    >>> setting(0.05), setting(15.0), setting(0.17263729963451624), setting(1e-05)
    ('0.05', '15', '0.1726', '1e−5')
    """
    short = f"{value:g}"
    if float(short) != value:
        return number(value)
    mantissa, e, exponent = short.replace("-", MINUS).partition("e")
    return mantissa + e + exponent[:1].strip("+") + exponent[1:].lstrip("0")


def half_width(half: float) -> str:
    """A half-width to two significant digits, to stand behind ``number(value, half)``."""
    return number(half, half)


def seconds(value: float) -> str:
    """A duration: < 0.001 s, 0.420 s, 12.3 s, 4 min 05 s, 2 h 07 min."""
    if 0 < value < SHORTEST:
        return f"< {SHORTEST:g} s"
    if value < 60:
        return f"{number(value, value / 10) if value else '0'} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def when(text: str) -> str:
    """A time of a result file for reading, in UTC; what is no time stays as it is."""
    moment = instant(text)
    return text if moment == NEVER else moment.strftime("%Y-%m-%d %H:%M UTC")


def instant(text: str) -> datetime:
    """A time with its zone as a moment in UTC; ``NEVER``, before all others, for what is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return NEVER
    return NEVER if moment.tzinfo is None else moment.astimezone(UTC)


def size(count: int) -> str:
    """Bytes in decimal units: 812 B, 41 KB, 9.8 MB, 18.3 GB."""
    if count < 1000:
        return f"{count} B"
    if count < 1_000_000:
        return f"{count / 1000:.0f} KB"
    return f"{count / 1_000_000:.1f} MB" if count < 1_000_000_000 else f"{count / 1_000_000_000:.1f} GB"


def quantity(count: int) -> str:
    """A large count in three digits: 812, 41.3 k, 3.27 M, 1.52 G."""
    for unit, one in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if count >= one:
            return f"{number(count / one, 10 ** (math.floor(math.log10(count / one)) - 1))} {unit}"
    return str(count)


def integer(count: int) -> str:
    """An integer with narrow spaces between thousands, from five digits on."""
    return f"{count:,}".replace(",", THIN) if abs(count) >= 10_000 else str(count)


def stem(label: str) -> str:
    """A label as it stands in addresses: ``mini@1`` is ``mini-1``."""
    return label.replace("@", "-")


def facts(table: Mapping[str, object], depth: int = 1) -> Facts:
    """An object of any shape as names with text, or with further facts for an object inside it.

    Numbers and times are written as on the rest of the site; text stays as it is.
    """
    return tuple((plain(str(name), 80), _facts_or_text(value, depth)) for name, value in table.items())


def level(value: object) -> str:
    """A level of a factor: yes and no for a part that is there or not, text as it is."""
    return "none" if value is None else _fact(value)


def _decimals(scale: float, digits: int) -> int:
    if scale == 0:
        return 0
    return digits - 1 - math.floor(math.log10(abs(scale)))


def _visible(character: str) -> str:
    if character in JOINERS or unicodedata.category(character) not in HIDDEN:
        return character
    return f"<U+{ord(character):04X}>"


def _facts_or_text(value: object, depth: int) -> str | Facts:
    if isinstance(value, list) and any(isinstance(v, list | dict) for v in value):
        value = {str(place): v for place, v in enumerate(value, start=1)}
    if not isinstance(value, Mapping) or not value or depth == DEEPEST:
        return _fact(value)
    return facts(value, depth + 1)


def _fact(value: object) -> str:
    if value is None or value in ("", [], (), {}):
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return integer(value).replace("-", MINUS)
    if isinstance(value, float):
        return setting(value)
    if isinstance(value, list | tuple) and not any(isinstance(v, list | dict) for v in value):
        return plain((" " if all(isinstance(v, str) for v in value) else ", ").join(map(_fact, value)))
    return plain(when(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
