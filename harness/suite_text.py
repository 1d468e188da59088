"""The text of a ``suite.toml``, from the suite and what its provider needs to know of every item."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from harness.model import Item, Suite

Extra = Mapping[str, object]


def as_toml(
    suite: Suite,
    module: str,
    extras: Sequence[Extra],
    *,
    clips: Sequence[str] = (),
    reference: Extra | None = None,
    variants: str = "",
    versions: Sequence[str] = (),
) -> str:
    """One block an item, in order.

    Args:
        suite: what is written down.
        module: the name of the module that wrote it.
        extras: for every item, the fields that only the provider reads.
        clips: the digests of the reference clips.
        reference: the fields of the reference set that only the provider reads.
        variants: the selector of what is run on the suite when the user names nothing, empty for all.
        versions: version and digest of all there have been.
    """
    command = module if " " in module else f"python -m {module}"
    lines = [
        f"# Written by `{command}`. The digest holds the content to the version.",
        *_fields({"name": suite.name, "version": suite.version, "digest": suite.key, "summary": suite.summary}),
        *_fields({"seeds": list(suite.seeds)} | ({"variants": variants} if variants else {})),
        *_fields({"versions": list(versions)} if versions else {}),
        "",
        "[protocol]",
        *_fields(vars(suite.protocol)),
        "",
        "[reference]",
        *_fields(reference or {}),
        *_clips(clips),
    ]
    for item, extra in zip(suite.items, extras, strict=True):
        lines += ["", "[[items]]", *_item(item, extra)]
    return "\n".join(lines) + "\n"


def _clips(clips: Sequence[str]) -> list[str]:
    if not clips:
        return ["clips = []"]
    why = "# sha256 of the frames of each clip; their number is the size of the set"
    return [why, "clips = [", *(f"  {json.dumps(clip)}," for clip in clips), "]"]


def _item(item: Item, extra: Extra) -> list[str]:
    return [
        *_fields({"slug": item.slug, "prompt": item.prompt, **extra, "image_sha256": item.image_sha256}),
        *_fields({"motion_bucket": item.motion_bucket, "tags": list(item.tags)}),
    ]


def _fields(fields: Extra) -> list[str]:
    # JSON strings, numbers and lists without control characters are TOML values.
    return [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in fields.items()]
