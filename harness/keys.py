"""Identity: canonical JSON and the digests that name units of work.

What is in a key: variant name, revision, parameters and weight digests; prompt and image bytes; seed; protocol.
What is not: device, batch, worker, host, package versions, source digest. Those are recorded, because two machines
that make different bytes for one key are a finding and not two results.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import NewType

GenKey = NewType("GenKey", str)
ItemKey = NewType("ItemKey", str)
VariantKey = NewType("VariantKey", str)
MetricKey = NewType("MetricKey", str)
SuiteKey = NewType("SuiteKey", str)
ProtocolKey = NewType("ProtocolKey", str)
SetKey = NewType("SetKey", str)

KEY_DIGITS = 32
_LISTS = (list, tuple)
_CONTAINERS = (dict, list, tuple)
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical_json(value: object) -> str:
    """JSON with sorted keys, no spaces and no NaN: equal values give equal bytes.

    Raises:
        ValueError: NaN or infinity somewhere in ``value``.
        TypeError: something that JSON cannot hold, or a key that is not a string.
    """
    _refuse_other_keys(value)
    return _ENCODER.encode(value)


def digest(tag: str, *parts: object) -> str:
    """The first 32 hex digits of sha256 over a tag such as ``gen/1`` and the canonical JSON of the parts."""
    return sha256_bytes(canonical_json([tag, *parts]).encode())[:KEY_DIGITS]


def sha256_bytes(data: bytes | memoryview) -> str:
    """64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """64 hex digits, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _refuse_other_keys(value: object) -> None:
    """json.dumps would turn 1, True and None into string keys, so that different values share one text."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise TypeError(f"a key of canonical JSON must be a string, not {key!r}")
            _refuse_other_keys(inner)
    elif isinstance(value, _LISTS):
        for inner in value:
            if isinstance(inner, _CONTAINERS):
                _refuse_other_keys(inner)
